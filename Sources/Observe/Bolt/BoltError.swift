// SPDX-License-Identifier: Apache-2.0

package import Disk

/// Why a bolt database was not read: what was wrong, and on which page.
package enum BoltError: Error, Hashable, Sendable {
    case disk(DiskError)
    case notAFile
    /// No bytes at all: the engine died while it created the file, or the disk lost its content.
    case empty
    /// Larger than Bilge reads, or more of it in use than Bilge holds in memory.
    case tooLarge(bytes: UInt64)
    /// Neither of the first two pages is a valid meta page.
    case noValidMeta
    /// Somebody wrote to it during every attempt.
    case changing
    /// Shorter than its own meta page says.
    case truncated(bytes: UInt64, needed: UInt64)
    case page(UInt64, Fault)
    /// A key holds a bucket where the format has a value, or the other way round.
    case wrongKind(key: String)

    /// What is wrong with one page.
    package enum Fault: Error, Hashable, Sendable {
        case outOfRange
        case callsItself(UInt64)
        case unknownFlags(UInt16)
        case reachedTwice
        case alsoFree
        case tooDeep
        case tooManyElements
        case emptyInsideTree
        case notReallyEmpty
        case elementFlags(UInt32)
        case elementOutOfPlace
        case keySize(Int)
        case keyOrder
        case keyOutsideParent
        case bucketSize(Int)
        case freelist
    }
}

extension BoltError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .notAFile: "not a regular file"
        case .empty: "the database is empty (0 bytes)"
        case .tooLarge(let bytes): "the database is too large to read (\(bytes) bytes)"
        case .noValidMeta: "not a bolt database, or both of its meta pages are damaged"
        case .changing: "the database was being written during every attempt to read it"
        case .truncated(let bytes, let needed): "the database is cut off: \(bytes) of \(needed) bytes"
        case .page(let id, let fault): "the database is damaged: page \(id) \(fault)"
        case .wrongKind(let key): "the key \(key) holds something of another kind"
        }
    }
}

extension BoltError.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .outOfRange: "is outside the file"
        case .callsItself(let id): "calls itself page \(id)"
        case .unknownFlags(let flags): "has the unknown kind \(flags)"
        case .reachedTwice: "is reached twice"
        case .alsoFree: "is in use and free at once"
        case .tooDeep: "is nested too deeply"
        case .tooManyElements: "has more elements than fit"
        case .emptyInsideTree: "is empty inside a tree"
        case .notReallyEmpty: "says that it is empty and is not"
        case .elementFlags(let flags): "has an element of the unknown kind \(flags)"
        case .elementOutOfPlace: "has an element out of place"
        case .keySize(let bytes): "has a key of \(bytes) bytes"
        case .keyOrder: "has keys out of order"
        case .keyOutsideParent: "has a key outside its parent's range"
        case .bucketSize(let bytes): "has a bucket of \(bytes) bytes"
        case .freelist: "is no valid list of free pages"
        }
    }
}
