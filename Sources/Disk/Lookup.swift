// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import SystemPackage

/// How a path below a directory is looked up: refusing symbolic links anywhere on it, `..`, and absolute paths.
package enum Lookup: Sendable {
    /// `openat2` does it in one call (Linux 5.6 and later).
    case kernel
    /// One `openat` per component, each refusing a link: kernels and sandboxes without `openat2`.
    case components
    /// The same, and `statx` is taken for one that does not tell mounts (before Linux 5.8) even if it does. Only for
    /// tests: `components` finds out by itself.
    case oldest

    /// What this process can use, asked once. A sandbox older than `openat2` answers EPERM instead of ENOSYS.
    package static let available: Lookup = {
        // -1 is no descriptor, so where the call exists it fails with EBADF and opens nothing.
        let result = unsafe cdisk_openat2(-1, "x", 0, 0, Resolve.inside.rawValue)
        if result >= 0 { close(result) }
        return result < 0 && (errno == ENOSYS || errno == EPERM) ? .components : .kernel
    }()
}

/// The `resolve` flags of `openat2`. Source: openat2(2), `linux/openat2.h`.
struct Resolve: OptionSet {
    let rawValue: UInt64

    static let noOtherMount = Resolve(rawValue: 0x01)
    static let noMagicLinks = Resolve(rawValue: 0x02)
    static let noSymbolicLinks = Resolve(rawValue: 0x04)
    static let beneath = Resolve(rawValue: 0x08)

    static let inside: Resolve = [.beneath, .noSymbolicLinks, .noMagicLinks]
}

extension Lookup {
    /// Opens `relative` below `directory`; `mode` counts only with `O_CREAT`.
    ///
    /// Both ways give the same answers: ELOOP for a symbolic link, EXDEV for a path that would leave.
    func open(_ relative: RelativePath, in directory: CInt, _ flags: CInt, mode: UInt32 = 0) -> Result<CInt, Errno> {
        // `a/../b` stays inside, and `openat2` alone would allow it; no record that we read has a reason to say so.
        if relative.text.utf8.first == UInt8(ascii: "/") || relative.goesUp { return .failure(.improperLink) }
        switch self {
        case .kernel:
            guard
                let result = unsafe withPath(
                    relative.text.isEmpty ? "." : relative.text,
                    { path in
                        unsafe cdisk_openat2(
                            directory, path, UInt64(UInt32(bitPattern: flags)), UInt64(mode), Resolve.inside.rawValue)
                    })
            else { return .failure(.invalidArgument) }
            return result < 0 ? .failure(Errno(rawValue: errno)) : .success(result)
        case .components, .oldest: return walk(relative.components.filter { $0 != "." }, in: directory, flags, mode)
        }
    }

    private func walk(
        _ components: [Substring], in directory: CInt, _ flags: CInt, _ mode: UInt32
    ) -> Result<CInt, Errno> {
        var current = directory
        defer { if current != directory { close(current) } }
        for name in components.dropLast() {
            switch step(String(name), in: current, cdisk_o_path() | O_DIRECTORY, 0) {
            case .success(let next):
                if current != directory { close(current) }
                current = next
            case .failure(let error): return .failure(error)
            }
        }
        return step(components.last.map(String.init) ?? ".", in: current, flags, mode)
    }

    private func step(_ name: String, in directory: CInt, _ flags: CInt, _ mode: UInt32) -> Result<CInt, Errno> {
        guard
            let result = unsafe withPath(name, { unsafe cdisk_openat(directory, $0, flags | O_NOFOLLOW, mode) })
        else { return .failure(.invalidArgument) }
        var status = cdisk_status()
        if result < 0 {
            let error = errno
            // With O_DIRECTORY the kernel says ENOTDIR of a link, where openat2 says ELOOP.
            guard error == ENOTDIR,
                unsafe withPath(name, { unsafe cdisk_status_at(directory, $0, &status) }) == 0,
                status.mode & S_IFMT == S_IFLNK
            else { return .failure(Errno(rawValue: error)) }
            return .failure(.tooManySymbolicLinkLevels)
        }
        // O_PATH with O_NOFOLLOW opens a link itself instead of failing.
        if flags & cdisk_o_path() != 0, flags & O_DIRECTORY == 0 {
            guard unsafe cdisk_status_of(result, &status) == 0, status.mode & S_IFMT != S_IFLNK else {
                close(result)
                return .failure(.tooManySymbolicLinkLevels)
            }
        }
        return .success(result)
    }
}

extension RelativePath {
    /// True if a component is `..`.
    fileprivate var goesUp: Bool {
        // Nearly no path has two dots in a row at all, and splitting one costs more than opening it.
        hasTwoDots(text.utf8.span) && components.contains("..")
    }
}

private func hasTwoDots(_ bytes: Span<UInt8>) -> Bool {
    var last: UInt8 = 0
    for index in bytes.indices {
        if bytes[index] == UInt8(ascii: "."), last == bytes[index] { return true }
        last = bytes[index]
    }
    return false
}

/// Calls `body` with the bytes of an escaped path, NUL-terminated.
///
/// Returns `nil`, without calling it, for a text that is not exactly what `EntryName` writes: `%2E%2E` or `a%2Fb` would
/// be one thing to whoever compares texts and another to the kernel.
func withPath<Result>(_ escaped: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result? {
    if EntryName.isPlain(escaped.utf8.span) { return unsafe escaped.withCString(body) }
    let bytes = EntryName.bytes(escaped)
    guard !bytes.contains(0), EntryName.escaped(bytes) == escaped else { return nil }
    let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe terminated.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}

/// Calls `body` with the bytes of one escaped name; returns `nil` for what is not the name of one entry: an empty name,
/// `.`, `..`, and anything with a slash or a NUL.
func withName<Result>(_ escaped: some StringProtocol, _ body: (UnsafePointer<CChar>) -> Result) -> Result? {
    guard !escaped.isEmpty, escaped != ".", escaped != "..", !escaped.utf8.contains(UInt8(ascii: "/")) else {
        return nil
    }
    return unsafe withPath(String(escaped), body)
}
