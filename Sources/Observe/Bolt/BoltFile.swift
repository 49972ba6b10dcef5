// SPDX-License-Identifier: Apache-2.0

package import Disk
import Glibc
package import Model

/// A consistent snapshot of a bolt database, taken without a lock while an engine may be writing it.
///
/// bbolt's lock cannot be had while an engine lives, and is not needed: pages that transaction N reaches are freed by
/// N+1 at the earliest and used again only by N+2, which begins after N+1 wrote its meta page. So if both meta pages
/// are the same before and after, nothing that was read has changed. The file is never mapped: a mapping would kill us
/// if somebody truncated it. Source: bbolt `db.go` (`beginRWTx`, `freePages`), `tx.go` (`Commit`).
package struct BoltFile: Sendable {
    /// Why something may be missing from what was read, which then needs a problem beside it; `nil` if all is well.
    package let doubt: Doubt?
    /// The number of the last transaction.
    package let transaction: UInt64
    package let root: BoltBucket

    /// Damage that leaves a sound tree, but perhaps not the whole of it.
    package enum Doubt: Hashable, Sendable {
        /// One meta page is damaged. If that one was newer, the content is one transaction old.
        case oneMetaPage
        /// So many pages are neither in use nor free.
        case lostPages(Int)
    }

    /// How often it is tried at all, and how often a file that nobody writes is found damaged before we believe it.
    private static let attempts = 20
    private static let damagedAttempts = 3

    /// Reads the whole tree, at most 1 GiB of file and 256 MiB of it in use.
    ///
    /// - Throws: `changing` if it was written during each of 20 attempts; what is damaged, if it is.
    package static func read(_ file: SmallFile, pause: (Int) -> Void = backOff) throws(BoltError) -> BoltFile {
        var damaged = 0
        for attempt in 0..<attempts {
            if attempt > 0 { pause(attempt) }
            let before = try Head(file)
            let result = Result { () throws(BoltError) in try load(file, before) }
            guard try Head(file) == before else { continue }
            if case .success(let found) = result, found.doubt == nil { return found }
            damaged += 1
            if damaged == damagedAttempts { return try result.get() }
        }
        throw .changing
    }

    /// Reads the whole tree of a database that nobody writes: its bytes are all there.
    package static func read(bytes: [UInt8]) throws(BoltError) -> BoltFile {
        try load(bytes, Head(bytes, sizeBytes: UInt64(bytes.count)))
    }

    /// Checks that the meta pages are those of a bolt database, and nothing else.
    package static func probe(_ file: SmallFile) throws(BoltError) {
        guard try Head(file).choice != nil else { throw .noValidMeta }
    }

    /// Waits before the next attempt: 1 ms at first, at most 16 ms.
    package static func backOff(attempt: Int) { usleep(1000 << UInt32(min(attempt, 4))) }

    private static func load(_ source: some BoltSource, _ head: Head) throws(BoltError) -> BoltFile {
        guard let choice = head.choice else { throw .noValidMeta }
        let (root, lostPages) = try BoltTree.load(source, choice.meta, sizeBytes: head.sizeBytes)
        let doubt: Doubt? = choice.isFallback ? .oneMetaPage : lostPages > 0 ? .lostPages(lostPages) : nil
        return BoltFile(doubt: doubt, transaction: choice.meta.transaction, root: root)
    }

    /// What must not have changed while the tree was read.
    private struct Head: Equatable {
        let sizeBytes: UInt64
        let choice: BoltMeta.Choice?
        /// Pages 0 and 1.
        let bytes: ArraySlice<UInt8>

        init(_ file: SmallFile) throws(BoltError) {
            let status: FileStatus
            do { status = try file.status() } catch { throw .disk(error) }
            guard status.kind == .file else { throw .notAFile }
            try self.init(file, sizeBytes: status.sizeBytes)
        }

        init(_ source: some BoltSource, sizeBytes: UInt64) throws(BoltError) {
            guard sizeBytes > 0 else { throw .empty }
            guard sizeBytes <= boltMaxFileBytes else { throw .tooLarge(bytes: sizeBytes) }
            self.sizeBytes = sizeBytes
            let head: [UInt8]
            do { head = try source.read(at: 0, count: BoltMeta.headBytes) } catch { throw .disk(error) }
            choice = BoltMeta.newest(in: head[...])
            bytes = choice.map { head.prefix(2 * $0.meta.pageSize) } ?? head[...]
        }
    }
}

/// What a database is read from.
protocol BoltSource {
    /// Up to `count` bytes from `offset`; fewer only at the end.
    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8]
}

extension SmallFile: BoltSource {}

extension [UInt8]: BoltSource {
    func read(at offset: Int, count: Int) -> [UInt8] { Array(dropFirst(offset).prefix(count)) }
}

extension BoltFile.Doubt: CustomStringConvertible {
    package var description: String {
        switch self {
        case .oneMetaPage: "one of the database's two meta pages is damaged: the last change may be lost"
        case .lostPages(let count): "\(count) pages of the database are neither in use nor free: part of it may be lost"
        }
    }
}

/// What came of looking for a database.
package enum BoltAnswer: Sendable {
    case present(BoltFile)
    case absent
    /// A problem says why.
    case unreadable
}

extension Findings {
    /// Reads a database below the root. What cannot be read, and what may be incomplete, becomes a problem.
    ///
    /// - Parameter name: what the problem calls the file, where that is another path.
    package mutating func bolt(
        _ path: RelativePath, in root: Directory, hides areas: Set<Area>, as name: RelativePath? = nil
    ) -> BoltAnswer {
        let name = (name ?? path).text
        do {
            let found = try BoltFile.read(root.file(path))
            if let doubt = found.doubt { problem(name, hides: areas, because: "\(doubt)") }
            return .present(found)
        } catch let error as DiskError where error.isMissing {
            return .absent
        } catch {
            problem(name, hides: areas, because: "\(error)")
            return .unreadable
        }
    }
}
