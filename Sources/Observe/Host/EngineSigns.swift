// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// Signs of an engine at work on a root that are no locks and no open files: a daemon's command line, the arguments of
/// the processes it starts, its pid file.
///
/// - Returns: the daemon, if one was found, and reasons to doubt that there is none.
func engineSigns(of root: DataRoot, _ sources: RootSources) -> (daemon: Int32?, doubts: [String]) {
    do {
        let proc = try ProcFS(path: FilePath(sources.proc))
        let daemons = try runningDaemons(proc, sources)
        for daemon in daemons {
            switch daemon.directory {
            case Sight(root.status): return (daemon.pid, [])
            case .directory, .absent: continue
            case .unreadable:
                // What it calls by this name may be another directory, but who would bet on it.
                if Sight(at: daemon.path) == Sight(root.status) { return (daemon.pid, []) }
            }
        }
        var doubts = try servants(of: root, proc)
        for file in sources.pidFiles { doubts += pidFile(file, daemons, proc) }
        return (nil, Array(Set(doubts)).sorted())
    } catch {
        return (nil, ["cannot look for a running daemon: \(error)"])
    }
}

/// Processes of an engine that name the root: after `kill -9`, or with `live-restore`, they outlive the daemon.
private func servants(of root: DataRoot, _ proc: ProcFS) throws -> [String] {
    try proc.processes().compactMap { id in
        switch proc.arguments(of: id) {
        case .gone: return nil
        case .unreadable(let error): return "cannot read a command line: \(error)"
        case .value(let arguments):
            guard let program = arguments.first.flatMap(engineProgram), id != .own else { return nil }
            for argument in arguments.dropFirst() {
                let value = argument.split(separator: "=", maxSplits: 1).last.map(String.init) ?? argument
                if below(value, root.path) != nil { return "\(program) (pid \(id.pid)) works below \(root.path)" }
            }
            return nil
        }
    }
}

private func engineProgram(_ argument: String) -> String? {
    let name = String(argument.split(separator: "/").last ?? "")
    let names = ["docker", "containerd", "runc", "crun"]
    return names.contains { name == $0 || name.hasPrefix($0 + "-") || name == $0 + "d" } ? name : nil
}

/// The pid file of a killed daemon stays, and its number goes to somebody else: only a daemon's name counts, unless
/// that daemon is known to work elsewhere.
private func pidFile(_ path: String, _ daemons: [RunningDaemon], _ proc: ProcFS) -> [String] {
    let content: [UInt8]
    do throws(DiskError) {
        let real = try realPath(EntryName.escaped(text: path))
        content = try Directory(path: "/").read(RelativePath(String(real.dropFirst())), limit: 4096)
    } catch {
        return error.isMissing || error.errno == .notDirectory ? [] : ["cannot read the daemon's pid file: \(error)"]
    }
    let digits = content.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard let pid = Int32(String(decoding: digits, as: UTF8.self)), pid > 0 else { return [] }
    if daemons.contains(where: { $0.pid == pid }) { return [] }
    switch proc.stat(of: ProcessID(pid)) {
    case .gone: return []
    case .unreadable(let error): return ["\(path) names process \(pid), which cannot be asked: \(error)"]
    case .value(let stat):
        return stat.name.hasPrefix("docker") ? ["\(path) names a running \(stat.name) (pid \(pid))"] : []
    }
}
