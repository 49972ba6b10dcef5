// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
import SystemPackage

/// Opens a data root, or says why the directory is none.
///
/// Symbolic links are resolved once; the directory is then opened by its real path without following any. Nothing is
/// created, locked or written. What forbids only writing is in `DataRoot.writeObstacles`: reading goes on.
///
/// - Parameter path: As a person or a setting wrote it, not escaped.
/// - Parameter caller: The effective user id; a root belongs to `root` or to the caller.
/// - Parameter proc: The proc file system, for the mounts of this process.
package func openDataRoot(_ path: String, caller: UInt32, proc: String = "/proc") throws(RootError) -> DataRoot {
    let asked = EntryName.escaped(text: path)
    let (real, directory, status) = try open(asked, proc: proc)
    let names = try entries(of: directory, caller: caller)
    let signs = rootSigns(among: names)
    try refuseForeign(real, names, signs: signs)
    try refuseOwner(status, real, caller: caller)

    let system: FileSystem
    do { system = try directory.fileSystem() } catch { throw refusal(error, real) }
    var root = DataRoot(path: real, directory: directory, status: status, filesystem: system.name)
    (root.eras, root.drivers) = contents(of: directory, names)
    root.writeObstacles = writeObstacles(status, system)
    root.notes = notes(asked: asked, real: real, names)
    root.remapped = remappedRoots(names).sorted()
    root.notes += unmapped(around: real)
    return root
}

/// A directory that was accepted as a data root, and what was seen of it on the way.
package struct DataRoot: Sendable {
    /// Absolute, without symbolic links, escaped.
    package let path: String
    package let directory: Directory
    /// Of the root directory itself: its device and inode are what the root is recognised by.
    package let status: FileStatus
    /// The file system's type, such as `ext4`.
    package let filesystem: String
    package var eras: [Era] = []
    /// Drivers whose directory has entries, whether the engine uses them now or not.
    package var drivers: [StorageDriver] = []
    /// Why nothing may be written here, whoever owns it; empty if nothing speaks against it.
    package var writeObstacles: [String] = []
    /// What a person should know before reading on: a resolved link, roots inside, a root around it.
    package var notes: [String] = []
    /// Directories `<uid>.<gid>` in it: roots of their own, of an engine with remapped users.
    package var remapped: [String] = []

    package init(path: String, directory: Directory, status: FileStatus, filesystem: String) {
        self.path = path
        self.directory = directory
        self.status = status
        self.filesystem = filesystem
    }

    /// Why nothing may be written while an engine owns the root: file systems on which a rename within the root is not
    /// known to behave. Docker's own graph drivers refuse most of them as well.
    package var obstacleUnderEngine: String? {
        let known: Set = ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs"]
        return known.contains(filesystem)
            ? nil : "\(path) is on \(filesystem), on which nobody has tried it"
    }
}

/// What is recognised as a part of a data root; three of them make one.
package func rootSigns(among names: [String]) -> [String] {
    let drivers = Set(StorageDriver.allCases.map(\.rawValue))
    let parts: Set = ["containers", "image", "volumes", "graph", "network", "plugins", "engine-id", "buildkit"]
    var signs = names.filter(parts.contains).sorted()
    if let driver = names.filter(drivers.contains).min() { signs.append(driver) }
    if let table = names.filter({ $0.hasPrefix("repositories-") }).min() { signs.append(table) }
    return signs
}

// MARK: - Opening

private func open(_ asked: String, proc: String) throws(RootError) -> (String, Directory, FileStatus) {
    guard !asked.isEmpty else { throw RootError(.absurd, "the data root is an empty path", advice: nameAnother) }
    do {
        let real = try asked.hasPrefix("/") ? realPath(asked) : realPath(asked, from: workingDirectory(proc))
        guard real != "/" else {
            throw RootError(.absurd, "/ is the whole host, not a data root", advice: nameAnother)
        }
        let top = try Directory(path: "/")
        let relative = RelativePath(String(real.dropFirst()))
        let status = try top.status(relative)
        guard status.kind == .directory else {
            throw RootError(.notDirectory, "\(real) is \(word(for: status.kind)), not a directory", advice: nameAnother)
        }
        let directory = try top.directory(relative)
        return (real, directory, try directory.status(.root))
    } catch let error as RootError {
        throw error
    } catch let error as DiskError {
        throw refusal(error, asked)
    } catch {
        throw RootError(.unreadable, "cannot open \(asked): \(error)", advice: "")
    }
}

private let nameAnother = "name Docker's data root with --data-root; `docker info` calls it Docker Root Dir"

/// A relative path is relative to where the caller stands.
private func workingDirectory(_ proc: String) throws(DiskError) -> String {
    let directory = try Directory(path: FilePath(proc))
    // `self` is a link to the process's number, which is why it is followed here by hand.
    let own = RelativePath(bytes: try directory.linkTarget(RelativePath("self")))
    return EntryName.escaped(try directory.linkTarget(own / "cwd"))
}

private func word(for kind: FileStatus.Kind) -> String {
    switch kind {
    case .directory: "a directory"
    case .file: "a file"
    case .symbolicLink: "a symbolic link"
    case .other: "a device, pipe or socket"
    }
}

private func refusal(_ error: DiskError, _ asked: String) -> RootError {
    switch error.errno {
    case .noSuchFileOrDirectory: RootError(.missing, "there is no directory \(asked)", advice: nameAnother)
    case .notDirectory:
        RootError(.notDirectory, "\(asked) leads through something that is no directory", advice: nameAnother)
    default:
        RootError(
            .unreadable, error.description,
            advice: error.errno == .permissionDenied || error.errno == .notPermitted ? asRoot : "")
    }
}

private let asRoot = "run as root; in a container, with CAP_DAC_READ_SEARCH"

private func entries(of directory: Directory, caller: UInt32) throws(RootError) -> [String] {
    do { return try directory.names().sorted() } catch { throw refusal(error, directory.path) }
}

// MARK: - Recognising

/// Refuses what is no data root, most telling reason first.
private func refuseForeign(_ path: String, _ names: [String], signs: [String]) throws(RootError) {
    guard !names.isEmpty else { throw RootError(.empty, "\(path) is empty", advice: nameAnother) }
    // Source: containers/storage `store.go` (storage.lock) and `layers.go` (<driver>-layers).
    let podman = names.filter { $0 == "storage.lock" || $0 == "libpod" || $0.hasSuffix("-layers") }
    if names.contains("storage.lock") || podman.count >= 2 {
        throw RootError(
            .foreignStorage, "\(path) is the storage of podman, buildah or CRI-O: it holds \(podman[0])",
            advice: "Bilge knows only Docker's storage; use `podman system prune` there")
    }
    guard signs.count < 3 else { return }
    let remapped = remappedRoots(names)
    guard remapped.isEmpty else {
        throw RootError(
            .notDataRoot, "\(path) itself is no data root, but holds roots of remapped users",
            advice: "name one: " + remapped.map { "\(path)/\($0)" }.joined(separator: ", "))
    }
    let seen = signs.isEmpty ? "none of its parts is there" : "only \(signs.joined(separator: " and ")) is there"
    throw RootError(.notDataRoot, "\(path) does not look like a data root: \(seen)", advice: nameAnother)
}

/// Directories named `<uid>.<gid>`: an engine with user namespaces keeps a whole root in each.
/// Source: moby `daemon/daemon_unix.go`, `setupDaemonRoot`.
private func remappedRoots(_ names: [String]) -> [String] {
    names.filter(isRemappedRoot)
}

/// True for the name of a remapped user's root.
func isRemappedRoot(_ name: String) -> Bool { remappedOwner(of: name) != nil }

/// The root that an engine without remapped users has: around that of remapped ones, and hidden while it is that one's.
private func unmapped(around path: String) -> [String] {
    let components = path.split(separator: "/")
    guard let name = components.last, remappedOwner(of: name) != nil else { return [] }
    let around = "/" + components.dropLast().joined(separator: "/")
    do {
        let names = try Directory(path: "/").names(of: RelativePath(String(around.dropFirst())))
        guard rootSigns(among: names).count >= 3 else { return [] }
        return ["\(around) is another data root, which an engine with userns-remap does not show: see it with -g"]
    } catch {
        return ["what is around it could not be read: \(error)"]
    }
}

private func remappedOwner(of name: some StringProtocol) -> UInt32? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let user = UInt32(parts[0]), UInt32(parts[1]) != nil else { return nil }
    return user
}

private func refuseOwner(_ status: FileStatus, _ path: String, caller: UInt32) throws(RootError) {
    // Docker before 20.10 gives a remapped root to the user in its name.
    let remapped = path.split(separator: "/").last.flatMap { remappedOwner(of: $0) }
    guard status.owner != 0, status.owner != caller, status.owner != remapped else { return }
    throw RootError(
        .wrongOwner, "\(path) belongs to user \(status.owner), neither root nor the caller (\(caller))",
        advice: "run as the user whose engine it is; a root that somebody else may change proves nothing")
}

// MARK: - What is in it

private func contents(of root: Directory, _ names: [String]) -> ([Era], [StorageDriver]) {
    var eras: [Era] = []
    if names.contains("graph") || names.contains(where: { $0.hasPrefix("repositories-") }) { eras.append(.graph) }
    let images = entries(of: RelativePath("image"), in: root)
    if images.contains(where: { StorageDriver(rawValue: $0) != nil }) { eras.append(.contentAddressed) }
    if hasSnapshots(root) { eras.append(.containerd) }
    let drivers = StorageDriver.allCases.filter {
        names.contains($0.rawValue) && !entries(of: RelativePath($0.rawValue), in: root).isEmpty
    }
    return (eras, drivers)
}

/// A containerd that only runs containers has snapshotter directories too, but no database in them.
private func hasSnapshots(_ root: Directory) -> Bool {
    let daemon = RelativePath("containerd/daemon")
    return entries(of: daemon, in: root).contains {
        $0.hasPrefix("io.containerd.snapshotter.v1.")
            && entries(of: daemon / $0, in: root).contains("metadata.db")
    }
}

/// Only to say what is there: readers find out for themselves what they cannot read, and report it.
private func entries(of path: RelativePath, in root: Directory) -> [String] {
    do { return try root.namesIfPresent(of: path) ?? [] } catch {
        // A file in its place holds nothing; a directory that refuses to be listed counts as filled.
        return error.errno == .notDirectory ? [] : ["?"]
    }
}

private func writeObstacles(_ status: FileStatus, _ system: FileSystem) -> [String] {
    var obstacles: [String] = []
    if status.mode & 0o022 != 0 {
        obstacles.append("others may write to it (mode \(String(status.mode & 0o7777, radix: 8)))")
    }
    if system.isReadOnly { obstacles.append("its file system is mounted read-only") }
    return obstacles
}

private func notes(asked: String, real: String, _ names: [String]) -> [String] {
    var notes: [String] = []
    let trimmed = asked.split(separator: "/").joined(separator: "/")
    if asked.hasPrefix("/"), "/" + trimmed != real { notes.append("\(asked) is a symbolic link to \(real)") }
    for name in remappedRoots(names) { notes.append("\(real)/\(name) is a data root of its own (remapped users)") }
    if let volume = surroundingVolume(real) {
        notes.append("it lies inside \(volume), a volume of another data root")
    }
    return notes
}

/// The volume that a path lies in, judged by its name alone: an engine inside a container has its root in a volume.
private func surroundingVolume(_ path: String) -> String? {
    let parts = path.split(separator: "/")
    for (index, part) in parts.enumerated().dropLast() {
        let inVolume = part == "volumes" && index + 2 < parts.count && parts[index + 2] == "_data"
        let inLegacyVolume =
            part == "dir" && index > 0 && parts[index - 1] == "vfs" && EntryName.isHexID(parts[index + 1])
        if inVolume || inLegacyVolume {
            return "/" + parts[...(index + 1)].joined(separator: "/")
        }
    }
    return nil
}
