// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// Who works on a data root.
package enum Ownership: Hashable, Sendable {
    /// That process is the daemon of this very root.
    case engine(pid: Int32)
    /// Nobody does, by these facts.
    case none(evidence: [String])
    /// It could not be made out: reasons against every write.
    case unknown(reasons: [String])
}

/// Says whether the engine that answered is the one that works on `root`.
///
/// Three things have to agree: the directory that the engine names, seen with the engine's own eyes; the process at the
/// other end of its socket; and the process that holds the root's volume database locked, where there is one (Docker 1.12
/// and later). A wrong `-g`, a socket of another host, a daemon in a container fail at one of them.
///
/// - Parameters:
///   - engineRoot: the engine's `DockerRootDir`.
///   - peer: the process that the kernel names for the other end of the socket (SO_PEERCRED); `nil` if there is none.
///     1 is systemd, which made the socket and handed it on.
package func owner(
    of root: DataRoot, engineRoot: String, peer: Int32?, sources: RootSources = RootSources()
) -> Ownership {
    do {
        let proc = try ProcFS(path: FilePath(sources.proc))
        let holders = try lockHolders(in: root, proc)
        let pid = try daemonProcess(of: root, holders: holders, peer: peer, proc, sources)
        let path = EntryName.escaped(text: engineRoot)
        switch Sight(at: "\(sources.proc)/\(pid)/root\(path)") {
        case Sight(root.status): return .engine(pid: pid)
        case .directory: throw Doubt("the engine works on another directory: its \(path) is not \(root.path)")
        case .absent: throw Doubt("the engine (pid \(pid)) says it works on \(path), which does not exist there")
        case .unreadable(let error): throw Doubt("cannot look at the engine's directory: \(error)")
        }
    } catch let doubt as Doubt {
        return .unknown(reasons: [doubt.description])
    } catch {
        return .unknown(reasons: ["\(error)"])
    }
}

/// Why it cannot be said who owns a root.
private struct Doubt: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

private func daemonProcess(
    of root: DataRoot, holders: Set<Int32>?, peer: Int32?, _ proc: ProcFS, _ sources: RootSources
) throws -> Int32 {
    let peer = peer.flatMap { $0 > 1 ? $0 : nil }
    guard let holders else {
        if let peer { return peer }
        let daemons = try runningDaemons(proc, sources).filter { $0.directory == Sight(root.status) }
        guard let daemon = daemons.first, daemons.count == 1 else {
            throw Doubt("no daemon was found that works on \(root.path)")
        }
        return daemon.pid
    }
    guard holders.count < 2 else {
        throw Doubt(
            "several processes hold the volume database: \(holders.sorted().map(String.init).joined(separator: ", "))")
    }
    guard let holder = holders.first else {
        throw Doubt("an engine answers, but nobody holds the volume database of \(root.path): it works on another root")
    }
    if let peer, peer != holder {
        throw Doubt("process \(holder) holds the volume database, but process \(peer) is the engine that answered")
    }
    return holder
}

/// The processes that hold the volume database of a root locked, as a daemon does from start to end; `nil` if the root
/// has none.
///
/// A process that this PID namespace does not see counts as number 0. Source: bbolt `bolt_unix.go`, `flock`; moby
/// `volume/service/restore.go`.
func lockHolders(in root: DataRoot, _ proc: ProcFS) throws -> Set<Int32>? {
    try lockHolders(of: RelativePath("volumes/metadata.db"), in: root.directory, proc)
}

func lockHolders(of path: RelativePath, in root: Directory, _ proc: ProcFS) throws -> Set<Int32>? {
    guard let status = try root.statusIfPresent(path) else { return nil }
    guard let bytes = try proc.fileIfPresent(RelativePath("locks")) else {
        throw DiskError(.open, "/proc/locks", .noSuchFileOrDirectory)
    }
    var devices: Set = [status.device]
    // On btrfs the kernel lists the file system's device, which no file answers with.
    if case .value(let bytes) = proc.mountinfo(of: .own) {
        let mounts = MountTable(try Mount.parse(bytes))
        if let mount = mounts[status.mountID] { devices.insert(mount.device) }
    }
    let held = try LockRecord.parse(bytes).filter {
        $0.type == "FLOCK" && $0.mode == .write && !$0.waits && $0.inode == status.inode && devices.contains($0.device)
    }
    return Set(held.map(\.pid))
}
