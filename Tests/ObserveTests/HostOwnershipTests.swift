// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import TestSupport
import Testing

@testable import Observe

@Suite("Who owns a root")
struct HostOwnershipTests {
    private func open(_ root: HostRoot) throws -> DataRoot { try openDataRoot(root.path, caller: geteuid()) }

    /// Holds the volume database as a daemon does.
    private func daemon(of root: HostRoot, _ file: String = "volumes/metadata.db") throws -> Holder {
        try Holder("exec flock --no-fork -x \(root.path)/\(file) sh -c '" + Holder.wait + "'")
    }

    /// What runs on this host is not what these tests are about.
    private var sources: RootSources {
        var sources = RootSources()
        sources.pidFiles = []
        return sources
    }

    private func lease(_ root: HostRoot, _ sources: RootSources? = nil) throws -> OfflineLease {
        try OfflineLease.take(
            of: open(root), witness: KernelWitness(root: root.directory.open(), rootPath: root.path),
            among: root.findings,
            sources: sources ?? self.sources)
    }

    private func refusal(_ root: HostRoot, _ sources: RootSources? = nil) throws -> [String] {
        let error = #expect(throws: LeaseRefused.self) { try lease(root, sources) }
        return try #require(error).reasons
    }

    @Test("the engine that names the root, and holds its database, owns it")
    func bound() throws {
        let root = try HostRoot()
        let holder = try daemon(of: root)
        #expect(
            try owner(of: open(root), engineRoot: root.path, peer: holder.pid, sources: sources)
                == .engine(pid: holder.pid))
        // Through systemd's socket the kernel names systemd.
        #expect(try owner(of: open(root), engineRoot: root.path, peer: 1, sources: sources) == .engine(pid: holder.pid))
        #expect(
            try owner(of: open(root), engineRoot: root.path, peer: nil, sources: sources) == .engine(pid: holder.pid))
        withExtendedLifetime(holder) {}
    }

    @Test("a disagreement leaves the owner unknown")
    func disagreement() throws {
        let root = try HostRoot()
        let other = try HostRoot()
        func reason(_ engineRoot: String, _ peer: Int32?) throws -> String? {
            guard
                case .unknown(let reasons) = try owner(
                    of: open(root), engineRoot: engineRoot, peer: peer, sources: sources)
            else { return nil }
            return reasons.first
        }
        #expect(try reason(root.path, getpid())?.contains("nobody holds the volume database") == true)
        let holder = try daemon(of: root)
        #expect(try reason(other.path, holder.pid)?.contains("works on another directory") == true)
        #expect(try reason(other.path + "/gone", holder.pid)?.contains("does not exist there") == true)
        #expect(try reason(root.path, getpid())?.contains("process \(getpid()) is the engine that answered") == true)
        withExtendedLifetime(holder) {}
    }

    @Test("a root before Docker 1.12 has only the socket and the directory to go by")
    func noDatabase() throws {
        let root = try HostRoot()
        try run(["rm", root.path + "/volumes/metadata.db"])
        #expect(
            try owner(of: open(root), engineRoot: root.path, peer: getpid(), sources: sources) == .engine(pid: getpid())
        )
        guard case .unknown = try owner(of: open(root), engineRoot: root.path, peer: 1, sources: sources) else {
            Issue.record("systemd is no daemon")
            return
        }
    }

    @Test("offline, a locked database means an engine, an open one means none")
    func offline() throws {
        let root = try HostRoot()
        guard case .none(let evidence) = try ownerOffline(of: open(root), sources: sources) else {
            Issue.record("nobody works on the root")
            return
        }
        #expect(!evidence.isEmpty)
        let holder = try daemon(of: root)
        #expect(try ownerOffline(of: open(root), sources: sources) == .engine(pid: holder.pid))
        withExtendedLifetime(holder) {}
    }

    @Test("a lease keeps a daemon out for as long as it lives")
    func lease() throws {
        let root = try HostRoot()
        try root.directory.write("buildkit/cache.db", "bolt")
        try root.directory.write("containerd/daemon/io.containerd.metadata.v1.bolt/meta.db", "bolt")
        let held = try lease(root)
        #expect(
            held.evidence.first
                == "locked volumes/metadata.db, buildkit/cache.db, containerd/daemon/io.containerd.metadata.v1.bolt/meta.db"
        )
        for file in ["volumes/metadata.db", "buildkit/cache.db"] {
            try run(["flock", "-xn", root.path + "/" + file, "true"], expecting: 1)
        }
        _ = try lease(root)  // Two may read at a time.
        withExtendedLifetime(held) {}
    }

    @Test("a lease that is gone lets a daemon in")
    func released() throws {
        let root = try HostRoot()
        _ = try lease(root)
        try run(["flock", "-xn", root.path + "/volumes/metadata.db", "true"])
    }

    @Test(
        "a lease is refused while any database is locked", arguments: ["volumes/metadata.db", "buildkit/snapshots.db"])
    func locked(_ file: String) throws {
        let root = try HostRoot()
        try root.directory.write(file, "bolt")
        let holder = try daemon(of: root, file)
        #expect(try refusal(root).contains("\(file) is locked: an engine has it open"))
        withExtendedLifetime(holder) {}
    }

    @Test("a lease is refused while anybody has anything open below the root")
    func used() throws {
        let root = try HostRoot()
        let holder = try Holder(Holder.wait, in: root.path + "/image/overlay2")
        #expect(try refusal(root) == ["process \(holder.pid) (sleep) holds image/overlay2 (cwd)"])
        withExtendedLifetime(holder) {}
    }

    @Test("a lease is refused while anything is mounted in the root", .enabled(if: isRoot, "needs root to mount"))
    func mounted() throws {
        let root = try HostRoot()
        var holder = try Holder(
            "mount -t tmpfs none \(root.path)/overlay2/\(root.layer)/merged; " + Holder.wait, unshared: true)
        #expect(try refusal(root) == ["tmpfs is mounted at overlay2/\(root.layer)/merged"])
        // A root that is mounted on itself is its own affair.
        holder = try Holder("mount --bind \(root.path) \(root.path); " + Holder.wait, unshared: true)
        _ = try lease(root)
        withExtendedLifetime(holder) {}
    }

    @Test("a lease is refused when a database cannot be locked, or a directory of them not listed")
    func damage() throws {
        let root = try HostRoot()
        try run(["rm", root.path + "/volumes/metadata.db"])
        try root.directory.write("x", "y")
        try root.directory.makeLink("buildkit/cache.db", to: "../x")
        _ = try lease(root)  // A link is no database of the engine's.
        try run(["rm", "-r", root.path + "/buildkit"])
        try root.directory.makeLink("buildkit", to: "x")
        #expect(try refusal(root).count == 1)
    }

    @Test("a lease is refused when processes cannot be asked")
    func blind() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try proc.add(77, "postgres")
        try proc.directory.write("77/stat", "garbage")
        let error = #expect(throws: LeaseRefused.self) {
            try OfflineLease.take(
                of: open(root),
                witness: KernelWitness(
                    root: root.directory.open(), rootPath: root.path, sources: proc.sources, caller: geteuid()),
                sources: sources)
        }
        #expect(error?.reasons.contains { $0.contains("process 77 cannot be asked") } == true)
    }

    @Test("a daemon that names the root on its command line owns it, whatever it has locked")
    func commandLine() throws {
        let root = try HostRoot()
        try root.directory.makeLink("volumes/alias", to: root.path)
        let proc = try FakeProc()
        var sources = self.sources
        sources.proc = proc.path
        for (pid, path) in [(77, root.path), (78, root.path + "/volumes/alias")] {
            try proc.add(Int32(pid), "dockerd", arguments: ["dockerd", "--data-root", path])
            #expect(try ownerOffline(of: open(root), sources: sources) == .engine(pid: Int32(pid)))
            #expect(try refusal(root, sources).contains("a daemon works on \(root.path) (pid \(pid))"))
            try FileManager.default.removeItem(atPath: "\(proc.path)/\(pid)")
        }
        try proc.add(79, "dockerd", arguments: ["dockerd", "--data-root", "/nonexistent"])
        _ = try lease(root, sources)
    }

    @Test("what an engine left running keeps the root from being nobody's")
    func servants() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        var sources = self.sources
        sources.proc = proc.path
        try proc.add(
            77, "containerd-shim", arguments: ["/usr/bin/containerd-shim", "-workdir", root.path + "/containerd/x"])
        #expect(
            try ownerOffline(of: open(root), sources: sources)
                == .unknown(reasons: ["containerd-shim (pid 77) works below \(root.path)"]))
        try proc.add(78, "containerd", arguments: ["containerd", "--root=\(root.path)/containerd/daemon"])
        #expect(try refusal(root, sources).contains("containerd (pid 78) works below \(root.path)"))
    }

    @Test("a pid file counts only if it names a daemon")
    func pidFile() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try proc.add(77, "dockerd", arguments: [])
        try proc.add(78, "postgres", arguments: ["postgres"])
        try proc.directory.write("stale.pid", "4000000")
        try proc.directory.write("reused.pid", "78\n")
        try proc.directory.write("live.pid", "77")
        try proc.directory.write("odd.pid", "not a number")
        var sources = self.sources
        sources.proc = proc.path
        sources.pidFiles = ["stale", "reused", "odd", "absent"].map { "\(proc.path)/\($0).pid" }
        _ = try lease(root, sources)
        sources.pidFiles.append(proc.path + "/live.pid")
        #expect(try refusal(root, sources) == ["\(proc.path)/live.pid names a running dockerd (pid 77)"])
    }
}

@Suite("Finding the data root")
struct HostFindTests {
    private func sources(_ proc: FakeProc) -> RootSources {
        var sources = RootSources()
        sources.proc = proc.path
        sources.settings = proc.path + "/daemon.json"
        sources.usual = proc.path + "/usual"
        return sources
    }

    @Test("each place is asked in turn")
    func order() throws {
        let proc = try FakeProc()
        let sources = sources(proc)
        #expect(
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources)
                == FoundRoot(path: sources.usual, how: "the default"))
        try proc.directory.write("daemon.json", #"{"debug": true, "data-root": "/srv/settings"}"#)
        #expect(
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources)
                == FoundRoot(path: "/srv/settings", how: sources.settings))
        try proc.directory.makeDirectory("live")
        try proc.add(77, "dockerd", arguments: ["dockerd", "-g", proc.path + "/live"])
        #expect(
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources)
                == FoundRoot(path: proc.path + "/live", how: "dockerd (pid 77, command line)"))
        #expect(
            try findDataRoot(flag: nil, engineRoot: "/e", sources: sources)
                == FoundRoot(path: "/e", how: "the engine's DockerRootDir"))
        #expect(
            try findDataRoot(flag: "/f", engineRoot: "/e", sources: sources)
                == FoundRoot(path: "/f", how: "--data-root"))
    }

    @Test(
        "a daemon without a flag works on what its settings say, or on the usual place",
        .enabled(if: isRoot, "needs a daemon of root"))
    func daemonSettings() throws {
        let proc = try FakeProc()
        let sources = sources(proc)
        for folder in ["usual", "own", "cwd/rel"] { try proc.directory.makeDirectory(folder) }
        try proc.directory.write("own.json", "{\"graph\": \"\(proc.path)/own\"}")
        try proc.add(77, "dockerd", arguments: ["dockerd", "--config-file=\(proc.path)/own.json"])
        #expect(try findDataRoot(flag: nil, engineRoot: nil, sources: sources).path == proc.path + "/own")
        try proc.directory.write("77/cmdline", "dockerd\0-g\0rel\0")
        try run(["ln", "-sfn", proc.path + "/cwd", proc.path + "/77/cwd"])
        #expect(try findDataRoot(flag: nil, engineRoot: nil, sources: sources).path == proc.path + "/cwd/rel")
        try proc.directory.write("77/cmdline", "dockerd\0")
        #expect(
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources)
                == FoundRoot(path: sources.usual, how: "dockerd (pid 77, the default)"))
    }

    @Test("a daemon in a container is none of this host's")
    func container() throws {
        let proc = try FakeProc()
        let sources = sources(proc)
        try proc.directory.makeDirectory("inside" + proc.path + "/live")
        try proc.directory.makeDirectory("live")
        try proc.add(77, "dockerd", arguments: ["dockerd", "--data-root=\(proc.path)/live"])
        try run(["ln", "-sfn", proc.path + "/inside", proc.path + "/77/root"])
        #expect(try findDataRoot(flag: nil, engineRoot: nil, sources: sources).how == "the default")
    }

    @Test("daemons on different roots leave the choice to the caller")
    func several() throws {
        let proc = try FakeProc()
        for (pid, name) in [(77, "a"), (78, "b")] {
            try proc.directory.makeDirectory(name)
            try proc.add(Int32(pid), "dockerd", arguments: ["dockerd", "-g", "\(proc.path)/\(name)"])
        }
        let error = #expect(throws: RootError.self) {
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources(proc))
        }
        #expect(error?.code == .ambiguous)
        #expect(error?.message.contains("dockerd (pid 77, command line) on \(proc.path)/a") == true)
    }

    @Test(
        "settings that cannot be used are an error, at whatever length they were cut off",
        arguments: 1..<30)
    func damaged(_ length: Int) throws {
        let proc = try FakeProc()
        try proc.directory.write("daemon.json", String(#"{"data-root": "/srv/settings"}"#.prefix(length)))
        let error = #expect(throws: RootError.self) {
            try findDataRoot(flag: nil, engineRoot: nil, sources: sources(proc))
        }
        #expect(error?.code == .badSettings)
    }

    @Test(
        "settings that say nothing are none",
        arguments: ["", " \n", "{}", #"{"debug": true}"#, #"{"data-root": ""}"#, "\u{FEFF}{}"])
    func silent(_ content: String) throws {
        let proc = try FakeProc()
        try proc.directory.write("daemon.json", content)
        #expect(try findDataRoot(flag: nil, engineRoot: nil, sources: sources(proc)).how == "the default")
    }

    @Test("settings with a value of another type, or a directory in their place, are an error")
    func odd() throws {
        let proc = try FakeProc()
        try proc.directory.write("daemon.json", #"{"data-root": 5}"#)
        #expect(throws: RootError.self) { try findDataRoot(flag: nil, engineRoot: nil, sources: sources(proc)) }
        try run(["rm", proc.path + "/daemon.json"])
        try proc.directory.makeDirectory("daemon.json")
        #expect(throws: RootError.self) { try findDataRoot(flag: nil, engineRoot: nil, sources: sources(proc)) }
    }
}
