// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import TestSupport
import Testing

@testable import Observe

/// A small root with a few things to hold on to.
struct HostRoot {
    /// Of its own in each test, as on every host: an overlay mount is recognised by the names of its layers.
    let layer = randomID()
    let below = randomID()
    let link = String((0..<26).map { _ in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".randomElement() ?? "A" })

    let directory: TemporaryDirectory
    var path: String { directory.path }
    var findings = Findings()

    init() throws {
        directory = try TemporaryDirectory("host")
        for folder in [
            "volumes/pg/_data/base/1", "volumes/idle/_data", "overlay2/\(layer)/diff",
            "overlay2/\(layer)/merged", "overlay2/\(layer)/work", "overlay2/\(below)/diff",
            "containers", "image/overlay2", "buildkit",
        ] { try directory.makeDirectory(folder) }
        try directory.write("volumes/pg/_data/base/1/2604", "rows")
        try directory.write("volumes/metadata.db", "bolt")
        try directory.makeLink("overlay2/l/\(link)", to: "../\(below)/diff")
        for item in [
            Item(.metadata, [RelativePath("volumes")]), Item(.metadata, [RelativePath("overlay2")]),
            Item(.namedVolume, [RelativePath("volumes/pg")]), Item(.namedVolume, [RelativePath("volumes/idle")]),
            Item(.layer, [RelativePath("overlay2/\(layer)")]),
            Item(
                .layer,
                [RelativePath("overlay2/\(below)"), RelativePath("overlay2/l/\(link)")]),
        ] { findings.add(item) }
    }

    func look(_ sources: KernelSources = KernelSources(), caller: UInt32 = geteuid()) throws -> (
        findings: Findings, coverage: WitnessCoverage
    ) {
        try KernelWitness(root: directory.open(), rootPath: path, sources: sources, caller: caller)
            .look(among: findings)
    }

    /// Paths that something needs, without those that only tests running at the same time could hold.
    func needed(_ sources: KernelSources = KernelSources()) throws -> Set<String> {
        Set(try look(sources).findings.claims.filter { $0.force == .needs }.map(\.target.text))
    }
}

private func randomID() -> String { String((0..<64).map { _ in "0123456789abcdef".randomElement() ?? "0" }) }

struct NotReady: Error { let script: String }

/// A process that holds something until the value is gone.
final class Holder {
    let process = Process()
    var pid: Int32 { process.processIdentifier }

    /// Runs a shell script up to its line `ready`; what follows should wait.
    init(_ script: String, in folder: String = "/", unshared: Bool = false) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = (unshared ? ["unshare", "-m", "--propagation", "private"] : []) + ["sh", "-ec", script]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var byte: UInt8 = 0
        var line = ""
        while line != "ready" {
            let count = read(output.fileHandleForReading.fileDescriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw NotReady(script: script) }
            line = byte == UInt8(ascii: "\n") ? "" : line + String(UnicodeScalar(byte))
        }
        // The shell says so just before it becomes the program that waits.
        for _ in 0..<250 where (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) == "sh\n" {
            usleep(20_000)
        }
    }

    /// Waits in the script's own process, without any file of its own.
    static let wait = "echo ready; exec sleep 100 >/dev/null"

    deinit {
        kill(process.processIdentifier, SIGKILL)  // A child inherits which signals are blocked here.
        process.waitUntilExit()
    }
}

/// A `/proc` made of plain files, with this process in it.
struct FakeProc {
    let directory: TemporaryDirectory
    var path: String { directory.path }
    var sources: KernelSources {
        var sources = KernelSources(proc: path)
        sources.blockDevices = path + "/block"
        sources.exports = path + "/etc"
        return sources
    }

    init() throws {
        directory = try TemporaryDirectory("proc")
        try directory.write("locks")
        try add(getpid(), "tests")
        try directory.write("\(getpid())/mountinfo", String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8))
        try directory.makeLink("self", to: "\(getpid())")
        if geteuid() == 0 { try add(1, "init") }
    }

    func add(_ pid: Int32, _ name: String, arguments: [String] = [], cwd: String = "/") throws {
        try directory.write("\(pid)/stat", "\(pid) (\(name)) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0\n")
        try directory.write("\(pid)/cmdline", arguments.map { $0 + "\0" }.joined())
        try directory.write("\(pid)/mountinfo")
        try directory.makeDirectory("\(pid)/fd")
        try directory.makeDirectory("\(pid)/task/\(pid)")
        try directory.makeLink("\(pid)/cwd", to: cwd)
        try directory.makeLink("\(pid)/root", to: "/")
        try directory.makeLink("\(pid)/exe", to: "/bin/sh")
        try directory.write("\(pid)/ns/pid")
        try directory.makeLink("\(pid)/ns/mnt", to: "../../locks")
    }
}

let isRoot = geteuid() == 0
