// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import SystemPackage

/// A regular file that exists, open to be changed in place while somebody else goes on appending to it.
package final class WritableFile: Sendable {
    /// The same file, for reading.
    package let reader: SmallFile

    /// Where it was opened, for messages; escaped.
    package var path: String { reader.path }

    fileprivate init(_ reader: SmallFile) { self.reader = reader }

    package func status() throws(DiskError) -> FileStatus { try reader.status() }

    /// Takes the lock that keeps others of our kind away from this file (flock(2)); it goes with the value.
    ///
    /// - Returns: false if somebody else has it.
    package func lock() throws(DiskError) -> Bool {
        while flock(reader.descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            if errno == EWOULDBLOCK { return false }
            throw failed(.lock)
        }
        return true
    }

    /// Overwrites bytes that the file has; `invalidArgument`, with nothing written, where it has none.
    package func overwrite(_ bytes: [UInt8], at offset: Int64) throws(DiskError) {
        guard offset >= 0, offset + Int64(bytes.count) <= Int64(clamping: try status().sizeBytes) else {
            throw DiskError(.write, path, .invalidArgument)
        }
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    reader.descriptor, $0.baseAddress! + written, $0.count - written, off_t(offset) + off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw count < 0 ? failed(.write) : DiskError(.write, path, .ioError) }
            written += count
        }
    }

    /// True if the file system can take blocks out of the front of a file. Changes nothing.
    ///
    /// No file system has blocks of one byte: one that knows the operation says EINVAL. Source: fallocate(2).
    package func canCollapse(on fileSystem: FileSystem) -> Bool {
        guard fileSystem.movesBlocks else { return false }
        return cdisk_collapse(reader.descriptor, 1) != 0 && errno == EINVAL
    }

    /// Takes `bytes` out of the front, in one step for everybody who reads or appends; all else moves up.
    ///
    /// - Throws: `invalidArgument` if these are not whole blocks of this file system, or not less than the file has;
    ///   `notSupportedOnSocket` (EOPNOTSUPP) where it cannot be done.
    package func collapse(_ bytes: Int64) throws(DiskError) {
        while cdisk_collapse(reader.descriptor, bytes) != 0 {
            guard errno == EINTR else { throw failed(.write) }
        }
    }

    /// Brings the file to the disk.
    package func sync() throws(DiskError) {
        while fsync(reader.descriptor) != 0 {
            guard errno == EINTR else { throw failed(.sync) }
        }
    }

    private func failed(_ operation: DiskError.Operation) -> DiskError {
        DiskError(operation, path, Errno(rawValue: errno))
    }
}

extension FileSystem {
    /// True for those that take blocks out of a file by moving the others, and not by copying bytes (SMB).
    ///
    /// Source: Linux `fs/ext4/extents.c`, `fs/xfs/xfs_file.c`, `fs/f2fs/file.c`.
    package var movesBlocks: Bool { ["ext4", "xfs", "f2fs"].contains(name) }
}

extension Directory {
    /// Opens a regular file below to change it in place, refusing symbolic links anywhere on the way. Only `Act` calls it.
    package func writableFile(_ relative: RelativePath) throws(DiskError) -> WritableFile {
        let file = WritableFile(SmallFile(try open(relative, O_RDWR | O_NONBLOCK | O_NOCTTY), relative, below: self))
        guard try file.status().kind == .file else { throw DiskError(.open, shown(relative), .invalidArgument) }
        return file
    }
}
