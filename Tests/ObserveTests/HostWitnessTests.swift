// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import TestSupport
import Testing

@testable import Observe

@Suite("The kernel's witness: processes")
struct HostProcessTests {
    @Test("an idle root is claimed by nobody")
    func idle() throws {
        let root = try HostRoot()
        let (findings, coverage) = try root.look()
        #expect(findings.claims.filter { $0.force == .needs }.isEmpty)
        #expect(findings.problems.isEmpty)
        #expect(coverage.uses.isEmpty)
        #expect(coverage.processes > 0 && coverage.descriptors > 0 && coverage.mounts > 0 && coverage.namespaces > 0)
    }

    @Test(
        "a working directory claims its volume",
        arguments: ["volumes/pg", "volumes/pg/_data", "volumes/pg/_data/base/1"])
    func workingDirectory(_ folder: String) throws {
        let root = try HostRoot()
        let holder = try Holder(Holder.wait, in: root.path + "/" + folder)
        let claim = try #require(root.look().findings.claims.first)
        #expect(claim.target.text == "volumes/pg")
        #expect(claim.claimant == .process(pid: holder.pid, name: "sleep"))
        #expect(claim.source == "/proc/\(holder.pid)/cwd")
        #expect(try root.look().coverage.uses == ["process \(holder.pid) (sleep) holds \(folder) (cwd)"])
        withExtendedLifetime(holder) {}
    }

    @Test("an open file claims its volume, also when it was removed")
    func openFile() throws {
        let root = try HostRoot()
        let holder = try Holder("exec 3<volumes/pg/_data/base/1/2604; " + Holder.wait, in: root.path)
        #expect(try root.needed() == ["volumes/pg"])
        try run(["rm", root.path + "/volumes/pg/_data/base/1/2604"])
        #expect(try root.needed() == ["volumes/pg"])
        withExtendedLifetime(holder) {}
    }

    @Test("a program run from a layer claims the layer")
    func program() throws {
        let root = try HostRoot()
        let program = "\(root.path)/overlay2/\(root.layer)/diff/sleep"
        try run(["cp", "/bin/sleep", program])
        let holder = try Holder("echo ready; exec \(program) 100 >/dev/null")
        #expect(try root.needed() == ["overlay2/\(root.layer)"])
        withExtendedLifetime(holder) {}
    }

    @Test(
        "a process in the root directory itself, or in a directory of items, claims nothing",
        arguments: ["", "volumes"])
    func above(_ folder: String) throws {
        let root = try HostRoot()
        let holder = try Holder(Holder.wait, in: root.path + "/" + folder)
        #expect(try root.needed().subtracting(["volumes"]).isEmpty)
        withExtendedLifetime(holder) {}
    }

    @Test("a process with a copy of the same names elsewhere claims nothing")
    func elsewhere() throws {
        let root = try HostRoot()
        let other = try HostRoot()
        let holder = try Holder("exec 3<2604; " + Holder.wait, in: other.path + "/volumes/pg/_data/base/1")
        #expect(try root.needed().isEmpty)
        #expect(try other.needed() == ["volumes/pg"])
        withExtendedLifetime(holder) {}
    }

    @Test("a process locked into a layer claims it", .enabled(if: isRoot, "needs root to change a process's root"))
    func changedRoot() throws {
        let root = try HostRoot()
        let script = """
            exec perl -e 'chroot($ARGV[0]) && chdir("/") or die; $| = 1; print "ready\\n"; sleep 100' \
            \(root.path)/overlay2/\(root.layer)/diff
            """
        for unshared in [false, true] {
            let holder = try Holder(script, unshared: unshared)
            #expect(try root.needed() == ["overlay2/\(root.layer)"])
            withExtendedLifetime(holder) {}
        }
    }

    @Test("a process that made a layer its own root claims it", .enabled(if: isRoot, "needs root to mount"))
    func pivotedRoot() throws {
        let root = try HostRoot()
        let folder = "\(root.path)/overlay2/\(root.layer)/diff"
        #if arch(x86_64)
            let (pivot, unmount) = (155, 166)
        #else
            let (pivot, unmount) = (41, 39)
        #endif
        // As Docker unpacks a layer: afterwards every path that the kernel tells of this process is `/`.
        let holder = try Holder(
            """
            mount --bind \(folder) \(folder); cd \(folder); mkdir -p old; \
            exec perl -e '($new, $old, $gone) = (".", "old", "/old"); $| = 1; \
            syscall(\(pivot), $new, $old) == 0 && chroot(".") && chdir("/") && syscall(\(unmount), $gone, 2) == 0 \
            or die "pivot: $!"; print "ready\\n"; sleep 100'
            """, unshared: true)
        #expect(try root.needed() == ["overlay2/\(root.layer)"])
        withExtendedLifetime(holder) {}
    }

    @Test(
        "a thread with a root of its own claims its layer", .enabled(if: isRoot && hasPython, "needs root and python3"))
    func thread() throws {
        let root = try HostRoot()
        let script = """
            exec python3 -c '
            import ctypes, os, sys, threading, time
            def enter():
                assert ctypes.CDLL(None).unshare(0x200 | 0x20000) == 0
                os.chroot(sys.argv[1]); os.chdir("/"); print("ready", flush=True); time.sleep(100)
            threading.Thread(target=enter, daemon=True).start(); time.sleep(100)' \
            \(root.path)/overlay2/\(root.layer)/diff
            """
        let holder = try Holder(script)
        #expect(try root.needed() == ["overlay2/\(root.layer)"])
        withExtendedLifetime(holder) {}
    }

    @Test("a moved entry is found under the path it has in the trash")
    func moved() throws {
        let root = try HostRoot()
        let holder = try Holder(Holder.wait, in: root.path + "/volumes/pg/_data")
        try root.directory.makeDirectory(".bilge/1/1")
        try run(["mv", root.path + "/volumes/pg", root.path + "/.bilge/1/1/data.0"])
        var items = Findings()
        items.add(Item(.scratch, [RelativePath(".bilge/1/1/data.0")]))
        let witness = KernelWitness(root: try root.directory.open(), rootPath: root.path)
        #expect(witness.claims(among: items).claims.map(\.target.text) == [".bilge/1/1/data.0"])
        withExtendedLifetime(holder) {}
    }

    @Test(
        "on a golden root, the one volume in use is claimed and nothing else",
        arguments: ["docker-1.9.1-vfs", "20.10-overlay2-healthy"])
    func golden(_ name: String) throws {
        guard let golden = GoldenRoot.named(name) else { return print("skipped: no golden root \(name) here") }
        let (directory, path) = try golden.unpack()
        let root = try openDataRoot(path, caller: geteuid())
        let items = observe(root.directory, at: root.path)
        let volume = try #require(items.items.values.filter { $0.thing.isVolume }.map(\.path).min())
        let witness = KernelWitness(root: root.directory, rootPath: root.path)
        #expect(witness.claims(among: items).claims.isEmpty)
        let holder = try Holder(Holder.wait, in: "\(path)/\(volume)")
        #expect(witness.claims(among: items).claims.map(\.target) == [volume])
        withExtendedLifetime((holder, directory)) {}
    }
}

let hasPython = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

@Suite("The kernel's witness: mounts", .enabled(if: isRoot, "needs root to mount"))
struct HostMountTests {
    private func mounted(_ script: String, at root: HostRoot) throws -> Holder {
        try Holder("cd \(root.path); " + script + "; cd /; " + Holder.wait, unshared: true)
    }
    /// Exists everywhere, and is covered only in a namespace of its own.
    private let elsewhere = "/mnt"

    @Test(
        "a volume mounted elsewhere in another namespace is claimed",
        arguments: ["volumes/pg/_data", "volumes/pg/_data/base"])
    func bind(_ folder: String) throws {
        let root = try HostRoot()
        let holder = try mounted("mount --bind \(folder) \(elsewhere)", at: root)
        let claim = try #require(root.look().findings.claims.first)
        #expect(claim.target.text == "volumes/pg")
        #expect(claim.claimant == .mount(elsewhere))
        #expect(claim.force == .needs)
        #expect(claim.source == "/proc/\(holder.pid)/mountinfo")
        withExtendedLifetime(holder) {}
    }

    @Test("a directory of volumes mounted elsewhere makes volumes doubtful, not in use")
    func bindOfVolumes() throws {
        let root = try HostRoot()
        let holder = try mounted("mount --bind volumes \(elsewhere)", at: root)
        let findings = try root.look().findings
        #expect(findings.problems.map(\.areas) == [[.volumes]])
        #expect(!findings.claims.contains { $0.force == .needs })
        withExtendedLifetime(holder) {}
    }

    @Test("the root mounted elsewhere is only mentioned")
    func bindOfRoot() throws {
        let root = try HostRoot()
        let holder = try mounted("mount --rbind . \(elsewhere)", at: root)
        let findings = try root.look().findings
        #expect(findings.problems.isEmpty)
        #expect(findings.claims.map(\.force) == [.mentions])
        #expect(findings.claims.map(\.target) == [.root])
        withExtendedLifetime(holder) {}
    }

    @Test("a directory mounted on itself is no use of what is in it")
    func bindOnItself() throws {
        let root = try HostRoot()
        let holder = try mounted("mount --bind overlay2 overlay2", at: root)
        let (findings, coverage) = try root.look()
        #expect(findings.problems.isEmpty)
        #expect(Set(findings.claims.map(\.target.text)).isSubset(of: ["overlay2"]))
        #expect(coverage.uses.isEmpty)
        withExtendedLifetime(holder) {}
    }

    @Test("something mounted in an item claims it, also on top of another mount")
    func mountPoint() throws {
        let root = try HostRoot()
        let layer = "overlay2/\(root.layer)"
        var holder = try mounted("mount -t tmpfs none volumes/idle/_data", at: root)
        #expect(try root.needed() == ["volumes/idle"])
        holder = try mounted(
            "mount -t tmpfs none \(layer)/merged; mkdir \(layer)/merged/x; mount -t tmpfs none \(layer)/merged/x",
            at: root)
        #expect(try root.needed() == [layer])
        #expect(try root.look().findings.claims.map(\.claimant) == [.mount("\(root.path)/\(layer)/merged")])
        withExtendedLifetime(holder) {}
    }

    @Test(
        "an overlay claims the layers it is made of",
        arguments: ["overlay2/l/LINK", "overlay2/ID/diff", "l/LINK"])
    func overlay(_ pattern: String) throws {
        let root = try HostRoot()
        // In this order: a link's name is random capitals, and may have "ID" in it.
        let lower = pattern.replacingOccurrences(of: "ID", with: root.below)
            .replacingOccurrences(of: "LINK", with: root.link)
        let layer = root.layer
        let isRelative = lower.hasPrefix("l/")
        let folder = isRelative ? "" : root.path + "/overlay2/"
        let options =
            "lowerdir=\(isRelative ? lower : root.path + "/" + lower),"
            + "upperdir=\(folder)\(layer)/diff,workdir=\(folder)\(layer)/work"
        let holder = try mounted("cd overlay2; mount -t overlay -o \(options) overlay \(elsewhere)", at: root)
        #expect(try root.needed() == ["overlay2/\(layer)", "overlay2/\(root.below)"])
        #expect(try root.look().findings.problems.isEmpty)
        // What is mounted is still made of the layer, but nobody can say any more which one that was.
        if lower.contains("l/") {
            try run(["rm", "\(root.path)/overlay2/l/\(root.link)"])
            var without = root
            var layer = try #require(root.findings.items[RelativePath("overlay2/\(root.below)")])
            layer.paths.removeLast()
            without.findings.add(layer)
            #expect(try without.look().findings.problems.map(\.areas) == [[.driver("overlay2")]])
        }
        withExtendedLifetime(holder) {}
    }

    @Test("a process in a container that sees a volume at another path claims it")
    func processBehindMount() throws {
        let root = try HostRoot()
        let holder = try Holder(
            "mount --bind \(root.path)/volumes/pg/_data \(elsewhere); cd \(elsewhere)/base; "
                + Holder.wait,
            unshared: true)
        let claims = try root.look().findings.claims
        #expect(
            claims.contains {
                $0.claimant == .process(pid: holder.pid, name: "sleep") && $0.target.text == "volumes/pg"
            })
        withExtendedLifetime(holder) {}
    }

    @Test("volumes on a file system of their own are recognised wherever it is mounted")
    func otherFileSystem() throws {
        let root = try HostRoot()
        try run(["mount", "-t", "tmpfs", "none", root.path + "/volumes"])
        defer { _ = try? run(["umount", root.path + "/volumes"]) }
        for volume in ["pg", "idle"] { try root.directory.makeDirectory("volumes/\(volume)/_data") }
        #expect(try root.needed().subtracting(["volumes"]).isEmpty)
        let holder = try mounted("mount --bind volumes/idle/_data \(elsewhere); cd \(elsewhere)", at: root)
        #expect(try root.needed().subtracting(["volumes"]) == ["volumes/idle"])
        withExtendedLifetime(holder) {}
    }
}
