// SPDX-License-Identifier: Apache-2.0

package import Disk
import FoundationEssentials
import Model
import SystemPackage

/// A root of containerd outside a data root, with how it was found.
package struct FoundStore: Sendable {
    package let store: ContainerdStore
    /// Absolute, without symbolic links, escaped.
    package let path: String
    package let how: String
    /// A containerd that runs said so.
    package let isRunning: Bool
    /// The file system's type.
    package let filesystem: String
    package let directory: Directory
}

/// What came of looking for containerd's own root.
package struct StoreSearch: Sendable {
    package var stores: [FoundStore] = []
    /// Why one that is there could not be looked at; one sentence each.
    package var failures: [String] = []
}

/// Finds the root of the containerd that an engine uses, if it lies outside the data root.
///
/// Since 29 an engine with a containerd of the system has its images there, usually in `/var/lib/containerd`; one that
/// starts a containerd of its own keeps them in `containerd/daemon` below the data root, where they belong to it. In this
/// order: the running containerd that listens where the engine says; with an engine that was not asked or does not say,
/// the one that listens at the usual place, if a daemon works on the root or the root is the usual one; where none runs, the root in containerd's settings, or its usual one, for the usual data
/// root only. A root in which Docker never put an image is not shown: an engine with a storage driver leaves nothing but
/// the names of running containers there.
///
/// - Parameters:
///   - address: the engine's `Containerd.Address`; `nil` if it was not asked or does not say.
///   - usesStore: the engine says that its images are there.
package func findStores(
    of root: DataRoot, address: String?, usesStore: Bool, sources: RootSources = RootSources()
) -> StoreSearch {
    var search = StoreSearch()
    let own = RelativePath("containerd/daemon/io.containerd.metadata.v1.bolt/meta.db")
    do {
        let hasOwn = try root.directory.statusIfPresent(own) != nil
        if address == nil, hasOwn { return search }
        guard let (path, how, isRunning) = try place(root, address, hasOwn: hasOwn, sources) else { return search }
        let real = try realPath(path)
        guard real != root.path, !real.hasPrefix(root.path + "/") else { return search }
        let directory = try Directory(path: "/").directory(RelativePath(String(real.dropFirst())))
        guard try usesStore || holdsImages(directory) else { return search }
        search.stores = [
            FoundStore(
                store: ContainerdStore(outside: directory, at: real), path: real, how: how, isRunning: isRunning,
                filesystem: try directory.fileSystem().name, directory: directory)
        ]
    } catch let error as DiskError where error.isMissing {
        if usesStore { search.failures.append("the root of the engine's containerd was not found: \(error)") }
    } catch {
        search.failures.append("the root of the engine's containerd cannot be looked at: \(error)")
    }
    return search
}

private func place(
    _ root: DataRoot, _ address: String?, hasOwn: Bool, _ sources: RootSources
) throws -> (path: String, how: String, isRunning: Bool)? {
    let isUsual = root.path == EntryName.escaped(text: sources.usual)
    // A root that nobody works on and that lies elsewhere has nothing to do with this host's containerd.
    guard try address != nil || isUsual || isWorkedOn(root, sources) else { return nil }
    let wanted = ContainerdCommand.socket(address ?? sources.containerdAddress)
    for daemon in try runningContainerds(sources) where daemon.address == wanted {
        return (daemon.root, "containerd (pid \(daemon.pid), \(daemon.how))", true)
    }
    guard address == nil, !hasOwn, isUsual else { return nil }
    if let path = try containerdSettings(EntryName.escaped(text: sources.containerdSettings)).root {
        return (path, sources.containerdSettings, false)
    }
    return (EntryName.escaped(text: sources.usualContainerd), "containerd's default", false)
}

/// True if a daemon of this host works on the root.
private func isWorkedOn(_ root: DataRoot, _ sources: RootSources) throws -> Bool {
    let daemons = try runningDaemons(ProcFS(path: FilePath(sources.proc)), sources)
    return daemons.contains { $0.directory == Sight(root.status) }
}

/// True if Docker has an image, a snapshot or content in it. What cannot be read may.
private func holdsImages(_ directory: Directory) throws -> Bool {
    let file = RelativePath("io.containerd.metadata.v1.bolt/meta.db")
    guard try directory.statusIfPresent(file) != nil else { return false }
    do {
        let database = try ContainerdDatabase(BoltFile.read(directory.file(file)).root)
        return database.namespaces.contains { name, content in
            ContainerdDatabase.isDockers(name)
                && !(content.images.isEmpty && content.snapshots.isEmpty && content.blobs.isEmpty)
        }
    } catch {
        // The reader finds the same, and reports it.
        return true
    }
}

/// A containerd that runs, and the directory it works on.
struct RunningContainerd: Hashable {
    var pid: Int32
    /// Absolute, escaped.
    var root: String
    var address: String
    var how: String
}

/// Those of this host: one in a container works on a directory that its path does not name here.
func runningContainerds(_ sources: RootSources) throws -> [RunningContainerd] {
    let proc = try ProcFS(path: FilePath(sources.proc))
    var found: [RunningContainerd] = []
    for id in try proc.processes() {
        guard case .value(let arguments) = proc.arguments(of: id),
            let command = ContainerdCommand(arguments: arguments)
        else { continue }
        let file = command.configFile ?? EntryName.escaped(text: sources.containerdSettings)
        let settings = try containerdSettings(file)
        let path = command.root ?? settings.root
        let root = path ?? EntryName.escaped(text: sources.usualContainerd)
        guard root.hasPrefix("/"), isHere(root, id, sources) else { continue }
        let how = command.root != nil ? "command line" : settings.root != nil ? file : "the default"
        found.append(
            RunningContainerd(
                pid: id.pid, root: root,
                address: ContainerdCommand.socket(
                    command.address ?? settings.address ?? sources.containerdAddress),
                how: how))
    }
    return found.sorted { $0.pid < $1.pid }
}

private func isHere(_ path: String, _ id: ProcessID, _ sources: RootSources) -> Bool {
    switch (Sight(at: "\(sources.proc)/\(id.pid)/root\(path)"), Sight(at: path)) {
    case (.directory(let device, let inode), .directory(let ours, let own)): device == ours && inode == own
    case (.absent, _), (.directory, .absent): false
    // A caller without privileges may not look, and takes the daemon's word.
    case (.unreadable, _), (.directory, .unreadable): true
    }
}

/// What the command line of a process says, if it is a containerd.
///
/// Source: containerd `cmd/containerd/command/main.go`; moby `libcontainerd/supervisor/remote_daemon.go`.
struct ContainerdCommand: Hashable {
    var root: String?
    var address: String?
    var configFile: String?

    /// Returns `nil` if the arguments are not those of a containerd that serves.
    init?(arguments: [String]) {
        guard let program = arguments.first?.split(separator: "/").last,
            ["containerd", "docker-containerd"].contains(program)
        else { return nil }
        var pending = arguments.dropFirst()
        while let argument = pending.popFirst() {
            guard argument.hasPrefix("-") else {
                // `containerd config default` and its like print something and end.
                return nil
            }
            let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, Self.flags.contains(name) else { continue }
            let value = parts.count > 1 ? parts[1] : pending.popFirst()
            switch name {
            case "root": root = value
            case "address", "a": address = value
            case "config", "c": configFile = value
            default: break
            }
        }
    }

    /// All that take a value.
    private static let flags: Set<String> = ["root", "state", "address", "a", "config", "c", "log-level", "l"]

    /// A socket under the one name that it is compared by: `/var/run` is `/run`, and a scheme may stand before it.
    static func socket(_ address: String) -> String {
        let path = address.hasPrefix("unix://") ? String(address.dropFirst("unix://".count)) : address
        return path.hasPrefix("/var/run/") ? String(path.dropFirst("/var".count)) : path
    }
}

/// `root` and `grpc.address` of containerd's settings; neither if there is no such file.
///
/// Only lines of the form `name = "text"` are understood, which is how both are always written.
/// Source: containerd `cmd/containerd/server/config/config.go`.
func containerdSettings(_ path: String) throws(DiskError) -> (root: String?, address: String?) {
    guard path.hasPrefix("/") else { return (nil, nil) }
    let bytes: [UInt8]
    do {
        let real = try realPath(path)
        bytes = try Directory(path: "/").read(RelativePath(String(real.dropFirst())), limit: 1 << 20)
    } catch {
        if error.isMissing || error.errno == .notDirectory { return (nil, nil) }
        throw error
    }
    var section = ""
    var found: (root: String?, address: String?) = (nil, nil)
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
        let text = line.filter { $0 != " " && $0 != "\t" }
        if text.hasPrefix("[") {
            section = String(text.prefix { $0 != "#" })
            continue
        }
        for (name, wanted) in [("root=", ""), ("address=", "[grpc]")] where text.hasPrefix(name) && section == wanted {
            guard let mark = text.dropFirst(name.count).first, mark == "\"" || mark == "'" else { continue }
            // From the line itself: a path may have spaces.
            let value = line.drop { $0 != mark }.dropFirst().prefix { $0 != mark }
            let escaped = EntryName.escaped(text: String(value))
            if name == "root=" { found.root = escaped } else { found.address = escaped }
        }
    }
    return found
}
