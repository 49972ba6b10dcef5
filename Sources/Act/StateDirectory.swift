// SPDX-License-Identifier: Apache-2.0

package import Disk
import Glibc
import Model
import SystemPackage

/// What Bilge remembers between runs, in a directory of its own: never below a data root, and never anything that a
/// verdict rests on. Without it everything still works, only slower or without a comparison.
///
/// Files have a checksum in their first line. One that is not whole counts as absent: losing a memory costs time, and
/// believing a damaged one could cost more.
package struct StateDirectory: Sendable {
    package let folder: Directory
    let disk: any DiskMutations

    /// Where it is: `/var/lib/bilge` for root, `$XDG_STATE_HOME/bilge` or `~/.local/state/bilge` for others, and
    /// `$BILGE_STATE_DIRECTORY` for whoever says so. Source: XDG Base Directory Specification 0.8.
    ///
    /// - Returns: an absolute path; `nil` if the environment names none.
    package static func path(caller: UInt32, environment: [String: String]) -> String? {
        // Relative paths in these variables are to be ignored, says the specification.
        func absolute(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        if let chosen = absolute("BILGE_STATE_DIRECTORY") { return chosen }
        if caller == 0 { return "/var/lib/bilge" }
        if let state = absolute("XDG_STATE_HOME") { return state + "/bilge" }
        return absolute("HOME").map { $0 + "/.local/state/bilge" }
    }

    /// Opens it and changes nothing; `nil` if there is none.
    ///
    /// - Throws: `refused` if it belongs to somebody else or others may write to it.
    package static func forReading(at path: String, caller: UInt32) throws(ActError) -> StateDirectory? {
        do {
            guard let folder = try opened(path) else { return nil }
            try check(folder, caller)
            return StateDirectory(folder: folder, disk: NoMutations())
        } catch {
            throw refusal(error, path)
        }
    }

    /// Opens it for changes, making it and what is missing above it, with mode 0700.
    ///
    /// - Throws: `refused` if it belongs to somebody else or others may write to it.
    package static func forChanges(
        at path: String, caller: UInt32, disk: any DiskMutations = HostDisk()
    ) throws(ActError) -> StateDirectory {
        do {
            let folder = try made(path, disk)
            try check(folder, caller)
            return StateDirectory(folder: folder, disk: disk)
        } catch {
            throw refusal(error, path)
        }
    }

    /// What a file holds; `nil` if there is none, or none that is whole and of this version.
    package func read(_ name: String, limit: Int = 256 << 20) throws(ActError) -> [UInt8]? {
        // Between two steps of `write`, the new file is the one that is there.
        for name in [name, name + Self.draft] {
            guard let bytes = try acting(folder.readIfPresent(RelativePath(name), limit: limit)) else { continue }
            do { return try Checksum.opened(bytes) } catch { continue }
        }
        return nil
    }

    /// Writes a file anew. Cut off at any point, the old one or the new one is there and whole.
    ///
    /// - Throws: `locked` while another run writes to this directory.
    package func write(_ name: String, _ bytes: [UInt8]) throws(ActError) {
        let lock = try locked()
        defer { withExtendedLifetime(lock) {} }
        do {
            try removeIfPresent(name + Self.draft)
            try disk.create(name + Self.draft, Checksum.sealed(bytes), in: folder)
            // Nothing is ever renamed over anything; in between, the draft is the one that counts.
            try removeIfPresent(name)
            try disk.rename(name + Self.draft, in: folder, to: name, in: folder)
            try disk.sync(folder)
        } catch {
            throw ActError(error)
        }
    }

    /// Removes a file, if it is there.
    package func remove(_ name: String) throws(ActError) {
        let lock = try locked()
        defer { withExtendedLifetime(lock) {} }
        do {
            try removeIfPresent(name)
            try removeIfPresent(name + Self.draft)
            try disk.sync(folder)
        } catch {
            throw ActError(error)
        }
    }

    /// Names of the files that were written, in no order.
    package func names() throws(ActError) -> [String] {
        let names = try acting(folder.names())
        let written = names.map { $0.hasSuffix(Self.draft) ? String($0.dropLast(Self.draft.count)) : $0 }
        return Set(written).subtracting([Self.lockName]).sorted()
    }

    private static let draft = ".new"
    private static let lockName = "lock"
}

extension StateDirectory {
    /// Waits for a second at most: a write takes moments.
    private func locked() throws(ActError) -> FileLock {
        for _ in 0..<50 {
            let lock = try acting(
                FileLock.acquireCreating(RelativePath(Self.lockName), in: folder, .exclusive))
            if let lock { return lock }
            usleep(20_000)
        }
        throw ActError(.locked, "\(folder.path) is locked: another run of bilge writes to it")
    }

    private func removeIfPresent(_ name: String) throws(DiskError) {
        do { try disk.unlink(name, in: folder) } catch  where error.isMissing {}
    }

    private static func opened(_ path: String) throws(DiskError) -> Directory? {
        let (above, name) = try split(path)
        do { return try Directory(path: above).directory(RelativePath(name)) } catch  where error.isMissing {
            return nil
        }
    }

    private static func made(_ path: String, _ disk: any DiskMutations) throws(DiskError) -> Directory {
        let (above, name) = try split(path)
        let parent: Directory
        do { parent = try Directory(path: above) } catch  where error.isMissing {
            parent = try made(above.string, disk)
        }
        do { try disk.makeDirectory(name, in: parent) } catch  where error.errno == .fileExists {}
        return try parent.directory(RelativePath(name))
    }

    /// The last name may be no link: what is above it belongs to whoever may decide where it leads.
    private static func split(_ path: String) throws(DiskError) -> (above: FilePath, name: String) {
        let path = FilePath(path)
        guard path.isAbsolute, let name = path.lastComponent, name.kind == .regular else {
            throw DiskError(.open, EntryName.escaped(text: path.string), .invalidArgument)
        }
        return (path.removingLastComponent(), EntryName.escaped(text: name.string))
    }

    private static func check(_ folder: Directory, _ caller: UInt32) throws(DiskError) {
        let status = try folder.status()
        guard status.owner == caller, status.mode & 0o022 == 0 else {
            throw DiskError(.open, folder.path, .permissionDenied)
        }
    }

    private static func refusal(_ error: DiskError, _ path: String) -> ActError {
        let isOurs = error.errno != .permissionDenied && error.errno != .tooManySymbolicLinkLevels
        return isOurs
            ? ActError(error)
            : ActError(
                .refused, "\(error)",
                advice:
                    "\(EntryName.escaped(text: path)) must belong to whoever runs bilge, and nobody else may write to it"
            )
    }
}
