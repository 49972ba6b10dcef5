// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import SystemPackage

/// An open regular file, read with `pread` only: a mapping would kill us if somebody truncated it.
package final class SmallFile: Sendable {
    let descriptor: CInt
    package let path: String

    /// Takes ownership of the descriptor.
    init(_ descriptor: CInt, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    package func status() throws(DiskError) -> FileStatus {
        var raw = cdisk_status()
        guard unsafe cdisk_status_of(descriptor, &raw) == 0 else {
            throw DiskError(.stat, path, Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// All bytes; `fileTooLarge` if there are more than `limit`.
    package func bytes(limit: Int) throws(DiskError) -> [UInt8] {
        let status = try status()
        guard status.kind == .file else {
            throw DiskError(.read, path, status.kind == .directory ? .isDirectory : .invalidArgument)
        }
        guard status.sizeBytes <= UInt64(limit) else { throw DiskError(.read, path, .fileTooLarge) }
        var bytes: [UInt8] = []
        // One byte more than it claims to have tells a file that grew from one that did not.
        let chunk = max(Int(status.sizeBytes), 0) + 1
        while true {
            let more = try read(at: bytes.count, count: bytes.isEmpty ? chunk : 64 << 10)
            if bytes.isEmpty { bytes = more } else { bytes += more }
            guard bytes.count <= limit else { throw DiskError(.read, path, .fileTooLarge) }
            if more.isEmpty || (bytes.count < chunk && UInt64(bytes.count) == status.sizeBytes) { return bytes }
        }
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let got = unsafe pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        guard failure == 0 else { throw DiskError(.read, path, Errno(rawValue: failure)) }
        return bytes
    }
}

extension Directory {
    /// Opens a regular file below for reading in parts, such as a database.
    package func file(_ relative: RelativePath) throws(DiskError) -> SmallFile {
        try SmallFile(open(relative, O_RDONLY | O_NONBLOCK | O_NOCTTY), shown(relative))
    }
}
