// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import SystemPackage

/// An open regular file, read with `pread` only: a mapping would kill us if somebody truncated it.
package final class SmallFile: Sendable {
    let descriptor: CInt
    private let folder: Directory
    private let relative: RelativePath

    /// Where it was opened, for messages; escaped.
    package var path: String { folder.shown(relative) }

    /// Takes ownership of the descriptor.
    init(_ descriptor: CInt, _ relative: RelativePath, below folder: Directory) {
        self.descriptor = descriptor
        self.relative = relative
        self.folder = folder
    }

    deinit { close(descriptor) }

    package func status() throws(DiskError) -> FileStatus { try OpenFile(descriptor).status(path) }

    /// All bytes; `fileTooLarge` if there are more than `limit`, `resourceTemporarilyUnavailable` if somebody changed the
    /// file meanwhile.
    package func bytes(limit: Int) throws(DiskError) -> [UInt8] {
        guard let bytes = try OpenFile(descriptor).bytesIfUnchanged(limit: limit, path) else {
            throw DiskError(.read, path, .resourceTemporarilyUnavailable)
        }
        return bytes
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        try OpenFile(descriptor).read(at: offset, count: count, enough: count, path)
    }
}

/// What can be asked of an open file, whoever holds its descriptor. `path` is for messages.
private struct OpenFile {
    let descriptor: CInt

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    func status(_ path: @autoclosure () -> String) throws(DiskError) -> FileStatus {
        var raw = cdisk_status()
        guard unsafe cdisk_status_of(descriptor, &raw) == 0 else {
            throw DiskError(.stat, path(), Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// All bytes, or `nil` if somebody changed the file meanwhile; `fileTooLarge` if there are more than `limit`.
    func bytesIfUnchanged(limit: Int, _ path: @autoclosure () -> String) throws(DiskError) -> [UInt8]? {
        let before = try status(path())
        guard before.kind == .file else {
            throw DiskError(.read, path(), before.kind == .directory ? .isDirectory : .invalidArgument)
        }
        guard before.sizeBytes <= UInt64(max(0, limit)) else { throw DiskError(.read, path(), .fileTooLarge) }
        // One byte more than it claims to have tells a file that grew from one that did not.
        let size = Int(before.sizeBytes)
        let bytes = try read(at: 0, count: size + 1, enough: size, path())
        guard bytes.count == size else { return nil }
        return try status(path()) == before ? bytes : nil
    }

    /// - Parameter enough: with so many bytes it does not ask whether there are more.
    func read(
        at offset: Int, count: Int, enough: Int, _ path: @autoclosure () -> String
    ) throws(DiskError) -> [UInt8] {
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < max(enough, 1) {
                let got = unsafe pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        guard failure == 0 else { throw DiskError(.read, path(), Errno(rawValue: failure)) }
        return bytes
    }
}

extension Directory {
    /// Opens a regular file below for reading in parts, such as a database.
    package func file(_ relative: RelativePath) throws(DiskError) -> SmallFile {
        SmallFile(try open(relative, O_RDONLY | O_NONBLOCK | O_NOCTTY), relative, below: self)
    }

    /// Bytes of a small file as they were at one moment.
    ///
    /// - Throws: `fileTooLarge` if it is longer than `limit`; `tooManySymbolicLinkLevels` if it is a symbolic link;
    ///   `isDirectory` or `invalidArgument` if it is no regular file (a FIFO would hang, so none is ever opened for
    ///   good); `resourceTemporarilyUnavailable` if it changed during each of five attempts.
    package func read(_ relative: RelativePath, limit: Int = 4 << 20) throws(DiskError) -> [UInt8] {
        // The engine replaces its records by renaming a new file over the old one, which does not touch the bytes of
        // the file that we hold open: if its size and times are the same before and after, they are what one write
        // left, and asking again who has the name now would tell nothing about them. A record replaced meanwhile
        // shows in the `ctime` of the old file (it lost its name) and is read again. What is written in place shows
        // in its `mtime`, but for two writes within one tick of the kernel's clock; then a parser sees it.
        for _ in 0..<5 {
            let file = Owned(try open(relative, O_RDONLY | O_NONBLOCK | O_NOCTTY))
            if let bytes = try OpenFile(file.descriptor).bytesIfUnchanged(limit: limit, shown(relative)) {
                return bytes
            }
        }
        throw DiskError(.read, shown(relative), .resourceTemporarilyUnavailable)
    }

    /// Bytes of a small file, or `nil` when there is no such file. Every other failure still throws.
    package func readIfPresent(_ relative: RelativePath, limit: Int = 4 << 20) throws(DiskError) -> [UInt8]? {
        do { return try read(relative, limit: limit) } catch  where error.isMissing { return nil }
    }
}
