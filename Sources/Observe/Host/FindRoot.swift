// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// A data root that somebody named, not yet looked at.
package struct FoundRoot: Hashable, Sendable {
    /// As it was named, not escaped; `openDataRoot` resolves and checks it.
    package let path: String
    /// Who named it: `--data-root`, `dockerd (pid 123, command line)`, `/etc/docker/daemon.json`, `the default`.
    package let how: String

    package init(path: String, how: String) {
        self.path = path
        self.how = how
    }
}

/// Where to look for a data root; tests look elsewhere.
package struct RootSources: Sendable {
    package var proc = "/proc"
    package var settings = "/etc/docker/daemon.json"
    package var usual = "/var/lib/docker"
    package var containerd = "/var/lib/containerd"
    /// Files in which a daemon writes its process number.
    package var pidFiles = ["/run/docker.pid", "/var/run/docker.pid"]
    package var containerdSettings = "/etc/containerd/config.toml"
    package var usualContainerd = "/var/lib/containerd"
    package var containerdAddress = "/run/containerd/containerd.sock"

    package init() {}
}

/// Finds the data root: what the caller says, what the engine says, what a running daemon's command line says, what its
/// settings say, where it usually is; in this order.
///
/// Settings that exist but cannot be read are an error, not a reason to look further: the usual place may belong to
/// something else. A daemon inside a container is none of this host's: its path would mean another directory here.
///
/// - Parameters:
///   - flag: `--data-root` or `-g`.
///   - engineRoot: `DockerRootDir` of the engine that answered.
package func findDataRoot(
    flag: String?, engineRoot: String?, sources: RootSources = RootSources()
) throws(RootError) -> FoundRoot {
    if let flag { return FoundRoot(path: flag, how: "--data-root") }
    if let engineRoot, !engineRoot.isEmpty { return FoundRoot(path: engineRoot, how: "the engine's DockerRootDir") }
    let daemons = try daemonsHere(sources)
    if let first = daemons.first {
        guard Set(daemons.map(\.path)).count == 1 else {
            throw RootError(
                .ambiguous, "several daemons run: " + daemons.map { "\($0.how) on \($0.path)" }.joined(separator: ", "),
                advice: "name the data root you mean with --data-root")
        }
        return FoundRoot(path: text(first.path), how: first.how)
    }
    if let path = try settings(EntryName.escaped(text: sources.settings)) {
        return FoundRoot(path: text(path), how: sources.settings)
    }
    return FoundRoot(path: sources.usual, how: "the default")
}

private func daemonsHere(_ sources: RootSources) throws(RootError) -> [RunningDaemon] {
    do {
        return try runningDaemons(try ProcFS(path: FilePath(sources.proc)), sources).filter { daemon in
            switch (daemon.directory, Sight(at: daemon.path)) {
            case (.directory, .absent), (.absent, _): false
            case (.directory(let device, let inode), .directory(let ours, let own)): device == ours && inode == own
            // A caller without privileges may not look, and takes the daemon's word.
            case (.unreadable, _), (.directory, .unreadable): true
            }
        }
    } catch let error as RootError {
        throw error
    } catch {
        throw RootError(
            .unreadable, "cannot look for a running daemon: \(error)", advice: "name the data root with --data-root")
    }
}
