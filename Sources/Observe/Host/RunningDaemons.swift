// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// A Docker daemon that runs, and the directory it works on.
struct RunningDaemon: Hashable {
    var pid: Int32
    /// As its command line or its settings name it, or where it usually is; absolute, escaped, in its own namespace.
    var path: String
    var how: String
    /// The directory behind `path` as the daemon sees it.
    var directory: Sight
}

/// What is at an absolute path: the three answers.
enum Sight: Hashable {
    /// What a directory is, whatever it is called.
    case directory(device: UInt64, inode: UInt64)
    /// Nothing, or no directory.
    case absent
    case unreadable(DiskError)

    init(_ status: FileStatus) { self = .directory(device: status.device, inode: status.inode) }

    /// Follows symbolic links, as a daemon does.
    init(at path: String) {
        do throws(DiskError) {
            self.init(try Directory(path: FilePath(text(path))).status(.root))
        } catch {
            self = error.isMissing || error.errno == .notDirectory ? .absent : .unreadable(error)
        }
    }
}

/// Every daemon whose command line shows it, with the reasons why others may have been missed.
///
/// A daemon without a flag works on what its settings say, or on the usual place; one of an unprivileged user has its
/// own usual place, which nothing here tells, and is left out unless it names its root.
func runningDaemons(_ proc: ProcFS, _ sources: RootSources) throws -> [RunningDaemon] {
    let processes = try proc.processes()
    let owners = try Directory(path: FilePath(sources.proc)).statuses(names: processes.map { String($0.pid) })
    var daemons: [RunningDaemon] = []
    for (id, status) in zip(processes, owners) {
        guard case .value(let arguments) = proc.arguments(of: id), let command = DaemonCommand(arguments: arguments)
        else { continue }
        guard let place = try place(of: command, id, proc, sources, isRoot: status?.owner == 0) else { continue }
        let seen = Sight(at: "\(sources.proc)/\(id.pid)/root\(place.path)")
        daemons.append(
            RunningDaemon(pid: id.pid, path: place.path, how: "dockerd (pid \(id.pid), \(place.how))", directory: seen))
    }
    return daemons.sorted { $0.pid < $1.pid }
}

private func place(
    of command: DaemonCommand, _ id: ProcessID, _ proc: ProcFS, _ sources: RootSources, isRoot: Bool
) throws -> (path: String, how: String)? {
    if let path = command.dataRoot {
        if path.hasPrefix("/") { return (path, "command line") }
        guard case .value(let folder) = proc.link(.cwd, of: id), let folder = folder.target else { return nil }
        return (joined(folder, path), "command line")
    }
    let file = command.configFile ?? EntryName.escaped(text: sources.settings)
    if file.hasPrefix("/"), let path = try settings(file) { return (path, file) }
    return isRoot ? (EntryName.escaped(text: sources.usual), "the default") : nil
}

/// `data-root`, or `graph` as it was called before 17.05, of a daemon's settings; `nil` if there is no such file or it
/// names none. All paths escaped.
///
/// Source: moby `daemon/config/config.go`, `getConflictFreeConfiguration` (an empty file is fine, a byte order mark too).
func settings(_ path: String) throws(RootError) -> String? {
    guard let content = try settingsContent(path) else { return nil }
    do throws(FormatError) {
        let settings = try decodeJSON(DaemonSettings.self, content)
        return (settings.dataRoot ?? settings.graph).flatMap { $0.isEmpty ? nil : EntryName.escaped(text: $0) }
    } catch {
        throw RootError(
            .badSettings, "cannot use the daemon's settings \(path): \(error)",
            advice: "correct the file, or name the data root with --data-root")
    }
}

/// What is in a daemon's settings, without a byte order mark; `nil` if there is no such file or nothing in it.
func settingsContent(_ path: String) throws(RootError) -> [UInt8]? {
    let bytes: [UInt8]
    do throws(DiskError) {
        let real = try realPath(path)
        bytes = try Directory(path: "/").read(RelativePath(String(real.dropFirst())), limit: 1 << 20)
    } catch {
        if error.isMissing || error.errno == .notDirectory { return nil }
        throw RootError(
            .badSettings, "the daemon's settings cannot be read: \(error)",
            advice: "run as root, or name the data root with --data-root")
    }
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let content = bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes
    return content.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) ? nil : content
}

private struct DaemonSettings: Decodable {
    var dataRoot: String?
    var graph: String?

    enum CodingKeys: String, CodingKey {
        case dataRoot = "data-root"
        case graph
    }
}

/// The text that an escaped path came from.
func text(_ escaped: String) -> String { String(decoding: EntryName.bytes(escaped), as: UTF8.self) }
