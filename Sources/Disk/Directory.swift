// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
package import SystemPackage

/// An open directory. Everything below it is reached through its descriptor: the kernel, not we, keeps a look-up
/// beneath it and away from symbolic links, so that nothing a container does to its own files can lead us elsewhere.
package final class Directory: Sendable {
    /// Where it was opened, for messages; escaped.
    package let path: String
    let descriptor: CInt

    /// Opens a directory by an absolute path that the user or the engine named; symbolic links on the way are followed.
    package convenience init(path: FilePath) throws(DiskError) {
        let shown = EntryName.escaped(path.string.utf8)
        let descriptor = unsafe path.withPlatformString {
            unsafe cdisk_openat2(AT_FDCWD, $0, UInt64(O_RDONLY | O_DIRECTORY), 0)
        }
        guard descriptor >= 0 else { throw DiskError(.open, shown, Errno(rawValue: errno)) }
        self.init(descriptor: CInt(descriptor), path: shown)
    }

    init(descriptor: CInt, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens a directory below, refusing symbolic links anywhere on the way.
    package func directory(_ relative: RelativePath) throws(DiskError) -> Directory {
        let descriptor = try open(relative, O_RDONLY | O_DIRECTORY)
        return Directory(descriptor: descriptor, path: shown(relative))
    }

    /// Names in the directory, escaped, without `.` and `..`, in no order.
    package func names(of relative: RelativePath = .root) throws(DiskError) -> [String] {
        let descriptor = try open(relative, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        var names: [String] = []
        try unsafe EntryBuffer().forEachName(in: descriptor, shown(relative)) { name in
            unsafe names.append(EntryName.escaped(UnsafeRawBufferPointer(start: name, count: strlen(name))))
        }
        return names
    }

    /// Names in a directory that need not exist: `nil` if it does not.
    package func namesIfPresent(of relative: RelativePath) throws(DiskError) -> [String]? {
        do { return try names(of: relative) } catch  where error.isMissing { return nil }
    }

    /// What the entry is, without following it if it is a symbolic link.
    package func status(_ relative: RelativePath) throws(DiskError) -> FileStatus {
        var raw = cdisk_status()
        // `openat2` keeps every component but the last from being a link; `statx` does so for the last.
        let parent = relative.parent ?? .root
        let (directory, owned) =
            parent.text.isEmpty ? (descriptor, false) : (try open(parent, cdisk_o_path() | O_DIRECTORY), true)
        defer { if owned { close(directory) } }
        let result =
            relative.text.isEmpty
            ? unsafe cdisk_status_of(directory, &raw)
            : unsafe withName(String(relative.name)) { name in unsafe cdisk_status_at(directory, name, &raw) }
        guard result == 0 else { throw DiskError(.stat, shown(relative), Errno(rawValue: errno)) }
        return FileStatus(raw)
    }

    package func statusIfPresent(_ relative: RelativePath) throws(DiskError) -> FileStatus? {
        do { return try status(relative) } catch  where error.isMissing { return nil }
    }

    /// Bytes of a small file.
    ///
    /// - Throws: `fileTooLarge` if it is longer than `limit`; `tooManySymbolicLinkLevels` if it is a symbolic link;
    ///   `isDirectory` or `invalidArgument` if it is no regular file (a FIFO would hang, so none is ever opened).
    package func read(_ relative: RelativePath, limit: Int = 4 << 20) throws(DiskError) -> [UInt8] {
        let file = try SmallFile(open(relative, O_RDONLY | O_NONBLOCK | O_NOCTTY), shown(relative))
        return try file.bytes(limit: limit)
    }

    /// Bytes of a small file, or `nil` when there is no such file. Every other failure still throws.
    package func readIfPresent(_ relative: RelativePath, limit: Int = 4 << 20) throws(DiskError) -> [UInt8]? {
        do { return try read(relative, limit: limit) } catch  where error.isMissing { return nil }
    }

    /// Where a symbolic link points, as its raw bytes.
    package func linkTarget(_ relative: RelativePath) throws(DiskError) -> [UInt8] {
        let parent = relative.parent ?? .root
        let directory = try open(parent, cdisk_o_path() | O_DIRECTORY)
        defer { close(directory) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe withName(String(relative.name)) { name in
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe readlinkat(directory, name, bytes.baseAddress!, bytes.count)
            }
        }
        guard count >= 0 else { throw DiskError(.read, shown(relative), Errno(rawValue: errno)) }
        return Array(buffer.prefix(count))
    }

    func shown(_ relative: RelativePath) -> String {
        relative.text.isEmpty ? path : path == "/" ? "/" + relative.text : path + "/" + relative.text
    }

    /// `openat2` beneath this directory, without symbolic links.
    func open(_ relative: RelativePath, _ flags: CInt) throws(DiskError) -> CInt {
        let resolve: UInt64 = 0x08 | 0x04 | 0x02  // RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS
        let result = unsafe withName(relative.text.isEmpty ? "." : relative.text) { name in
            unsafe cdisk_openat2(descriptor, name, UInt64(UInt32(bitPattern: flags)), resolve)
        }
        guard result >= 0 else { throw DiskError(.open, shown(relative), Errno(rawValue: errno)) }
        return CInt(result)
    }
}

/// Calls `body` with the bytes of an escaped name, NUL-terminated.
func withName<Result>(_ escaped: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    if !escaped.utf8.contains(UInt8(ascii: "%")) { return unsafe escaped.withCString(body) }
    let bytes = EntryName.bytes(escaped).map { CChar(bitPattern: $0) } + [0]
    return unsafe bytes.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}
