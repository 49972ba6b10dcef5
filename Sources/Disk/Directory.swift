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
    let lookup: Lookup

    /// Opens a directory by an absolute path that the user or the engine named; symbolic links on the way are followed.
    ///
    /// - Parameter lookup: another than `.available` only to test it.
    package convenience init(path: FilePath, lookup: Lookup = .available) throws(DiskError) {
        let shown = EntryName.escaped(path.string.utf8)
        let descriptor = unsafe path.withPlatformString {
            unsafe cdisk_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0)
        }
        guard descriptor >= 0 else { throw DiskError(.open, shown, Errno(rawValue: errno)) }
        self.init(descriptor: descriptor, path: shown, lookup: lookup)
    }

    /// Takes ownership of the descriptor.
    init(descriptor: CInt, path: String, lookup: Lookup) {
        self.descriptor = descriptor
        self.path = path
        self.lookup = lookup
    }

    deinit { close(descriptor) }

    /// Opens a directory below, refusing symbolic links anywhere on the way.
    package func directory(_ relative: RelativePath) throws(DiskError) -> Directory {
        let descriptor = try open(relative, O_RDONLY | O_DIRECTORY)
        return Directory(descriptor: descriptor, path: shown(relative), lookup: lookup)
    }

    /// What the entry is, without following it if it is a symbolic link.
    ///
    /// - Complexity: one system call for an entry of this directory itself, three for one further below.
    package func status(_ relative: RelativePath = .root) throws(DiskError) -> FileStatus {
        try within(relative) { (directory, name) throws(DiskError) in
            try status(of: name, in: directory, shownAs: relative)
        }
    }

    /// What the entry is, or `nil` if there is none.
    package func statusIfPresent(_ relative: RelativePath) throws(DiskError) -> FileStatus? {
        do { return try status(relative) } catch  where error.isMissing { return nil }
    }

    /// What each named entry of one directory is, in the order of `names`; `nil` for one that is not there.
    ///
    /// - Complexity: one system call per name and two more.
    package func statuses(of relative: RelativePath = .root, names: [String]) throws(DiskError) -> [FileStatus?] {
        let directory = Owned(try open(relative, cdisk_o_path() | O_DIRECTORY))
        var statuses: [FileStatus?] = []
        statuses.reserveCapacity(names.count)
        for name in names {
            do throws(DiskError) {
                guard !name.isEmpty else { throw DiskError(.stat, shown(relative), .invalidArgument) }
                statuses.append(try status(of: name[...], in: directory.descriptor, shownAs: relative / name))
            } catch  where error.isMissing {
                statuses.append(nil)
            }
        }
        return statuses
    }

    /// Where a symbolic link points, as its raw bytes.
    package func linkTarget(_ relative: RelativePath) throws(DiskError) -> [UInt8] {
        try within(relative) { (directory, name) throws(DiskError) in
            try target(of: name, in: directory, shownAs: relative)
        }
    }

    func shown(_ relative: RelativePath) -> String {
        relative.text.isEmpty ? path : path == "/" ? "/" + relative.text : path + "/" + relative.text
    }

    /// Opens an entry below this directory, refusing symbolic links anywhere on the way.
    func open(_ relative: RelativePath, _ flags: CInt, mode: UInt32 = 0) throws(DiskError) -> CInt {
        switch lookup.open(relative, in: descriptor, flags, mode: mode) {
        case .success(let opened): return opened
        case .failure(let error): throw DiskError(.open, shown(relative), error)
        }
    }

    /// Calls `body` with the directory that holds the entry and the entry's name; an empty name is the directory itself.
    private func within<Value>(
        _ relative: RelativePath, _ body: (CInt, Substring) throws(DiskError) -> Value
    ) throws(DiskError) -> Value {
        // The look-up keeps every component but the last from being a link; the call on the name does so for the last.
        guard relative.text.utf8.contains(UInt8(ascii: "/")), let parent = relative.parent, parent != .root else {
            return try body(descriptor, relative.text[...])
        }
        let directory = Owned(try open(parent, cdisk_o_path() | O_DIRECTORY))
        return try body(directory.descriptor, relative.name)
    }

    private func status(
        of name: Substring, in directory: CInt, shownAs relative: @autoclosure () -> RelativePath
    ) throws(DiskError) -> FileStatus {
        var raw = cdisk_status()
        let result =
            name.isEmpty
            ? unsafe cdisk_status_of(directory, &raw)
            : unsafe withName(name) { unsafe cdisk_status_at(directory, $0, &raw) }
        guard let result else { throw DiskError(.stat, shown(relative()), .invalidArgument) }
        guard result == 0 else { throw DiskError(.stat, shown(relative()), Errno(rawValue: errno)) }
        return FileStatus(raw)
    }

    private func target(
        of name: Substring, in directory: CInt, shownAs relative: RelativePath
    ) throws(DiskError) -> [UInt8] {
        let target = unsafe withName(name) { name in
            unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                let count = unsafe readlinkat(directory, name, buffer.baseAddress!, buffer.count)
                return unsafe count < 0
                    ? Result<[UInt8], Errno>.failure(Errno(rawValue: errno)) : .success([UInt8](buffer.prefix(count)))
            }
        }
        switch target {
        case .success(let bytes): return bytes
        case .failure(let error): throw DiskError(.read, shown(relative), error)
        case nil: throw DiskError(.read, shown(relative), .invalidArgument)
        }
    }
}

/// A descriptor that closes itself.
struct Owned: ~Copyable {
    let descriptor: CInt

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
