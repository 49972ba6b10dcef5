// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Model
package import SystemPackage

/// A fresh tree of files, for a demonstration or a test: the one writer beside `Act`.
///
/// It makes its own top directory, which nothing had the name of before, only adds below it, and replaces nothing. It
/// does not wait for the disk: what a power cut takes of it can be built again.
package final class SampleTree {
    /// The top directory.
    package let root: Directory
    /// `mtime` and `atime` of everything that is made from now on. `ctime` is always the real one.
    package var modified: Timestamp
    private var directories: [(path: RelativePath, modified: Timestamp)] = []

    /// Makes the top directory with mode 0700; `fileExists` if anything has that name, whatever it is.
    package init(at path: FilePath, modified: Timestamp) throws(DiskError) {
        try Self.makeFolder(at: path)
        let shown = EntryName.escaped(path.string.utf8)
        let descriptor = unsafe path.withPlatformString {
            unsafe Glibc.open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard descriptor >= 0 else { throw DiskError(.open, shown, Errno(rawValue: errno)) }
        root = Directory(descriptor: descriptor, path: shown, lookup: .available)
        self.modified = modified
    }

    /// Makes an empty folder with mode 0700; `fileExists` if anything has that name.
    package static func makeFolder(at path: FilePath) throws(DiskError) {
        let made = unsafe path.withPlatformString { unsafe mkdir($0, 0o700) }
        guard made == 0 else {
            throw DiskError(.create, EntryName.escaped(path.string.utf8), Errno(rawValue: errno))
        }
    }

    /// Makes a directory in one that was made before.
    package func directory(_ path: RelativePath, mode: UInt32 = 0o755) throws(DiskError) {
        let made = unsafe withBytes(path) { unsafe mkdirat(root.descriptor, $0, mode_t(mode)) }
        guard made == 0 else { throw failed(.create, path) }
        directories.append((path, modified))
    }

    /// Makes a file with these bytes.
    package func file(_ path: RelativePath, _ bytes: some Sequence<UInt8>, mode: UInt32 = 0o644) throws(DiskError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = unsafe withBytes(path) { unsafe openat(root.descriptor, $0, flags, mode_t(mode)) }
        guard descriptor >= 0 else { throw failed(.create, path) }
        defer { close(descriptor) }
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
            guard count >= 0 || errno == EINTR else { throw failed(.write, path) }
            rest = rest.dropFirst(max(count, 0))
        }
        let times = [spec(modified), spec(modified)]
        guard unsafe futimens(descriptor, times) == 0 else { throw failed(.write, path) }
    }

    /// Makes a file with this text.
    package func file(_ path: RelativePath, _ text: String, mode: UInt32 = 0o644) throws(DiskError) {
        try file(path, text.utf8, mode: mode)
    }

    /// Makes a symbolic link that points at `target`, letter for letter.
    package func link(_ path: RelativePath, to target: String) throws(DiskError) {
        let made = unsafe withBytes(path) { path in
            unsafe target.withCString { unsafe symlinkat($0, root.descriptor, path) }
        }
        guard made == 0 else { throw failed(.create, path) }
        try setTimes(of: path, modified)
    }

    /// Gives the directories their times, which every entry made in them has changed. To be called last.
    package func finish() throws(DiskError) {
        for (path, modified) in directories { try setTimes(of: path, modified) }
        let times = [spec(modified), spec(modified)]
        guard unsafe futimens(root.descriptor, times) == 0 else { throw failed(.write, .root) }
    }

    private func setTimes(of path: RelativePath, _ time: Timestamp) throws(DiskError) {
        let times = [spec(time), spec(time)]
        let set = unsafe withBytes(path) { unsafe utimensat(root.descriptor, $0, times, AT_SYMLINK_NOFOLLOW) }
        guard set == 0 else { throw failed(.write, path) }
    }

    private func spec(_ time: Timestamp) -> timespec {
        let nanoseconds = time.nanoseconds % 1_000_000_000
        return timespec(
            tv_sec: Int(time.seconds), tv_nsec: Int(nanoseconds < 0 ? nanoseconds + 1_000_000_000 : nanoseconds))
    }

    private func withBytes<Result>(_ path: RelativePath, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        let bytes = path.bytes.map { CChar(bitPattern: $0) } + [0]
        return unsafe bytes.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }

    private func failed(_ operation: DiskError.Operation, _ path: RelativePath) -> DiskError {
        let error = Errno(rawValue: errno)
        return DiskError(operation, path.text.isEmpty ? root.path : root.path + "/" + path.text, error)
    }
}
