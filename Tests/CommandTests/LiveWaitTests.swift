// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@testable import bilge

/// `prune` while the engine is in the middle of something.
@Suite(
    "waiting for what is in flight", .serialized,
    .enabled(if: LiveEngine.obstacle == nil, "\(LiveEngine.obstacle ?? "")"))
struct LiveWaitTests {
    @Test(
        "an import that lasts: without --wait, and after it, images are left alone and it is said; with it prune goes on"
    )
    func waiting() async throws {
        let engine = try LiveEngine()
        defer { engine.stop() }
        try engine.start()
        try engine.importBase("base:1")
        try engine.importBase("own/old:1")
        let before = Screen()
        #expect(try await prune(engine, "-n", on: before) == .done)
        #expect(
            before.out.contains("own/old:1") && !before.out.contains("Nothing to remove."), "\(before.out)\(before.err)"
        )

        let importing = try HeldImport(engine, "slow:1")
        defer { importing.end() }
        for words in [["-y"], ["-y", "--wait", "1s"]] {
            let screen = Screen()
            #expect(try await prune(engine, words, on: screen) == .done)
            #expect(screen.out.contains("Nothing to remove."))
            let kept = screen.outLines.filter { $0.hasPrefix("  image") }
            #expect(kept.count == 2 && kept.allSatisfy { $0.contains("is in flight") }, "\(screen.out)")
            #expect(kept.allSatisfy { $0.contains("--wait") })
        }
        // What has nothing to do with it does not wait.
        #expect(try await runBilge(["prune", "containers", "-n"] + root(engine), Screen().console()) == .done)

        let screen = Screen()
        // Without a grace period, the number of steps is to be said.
        let words = ["-y", "--wait", "60s", "--unsafe-count", "1"]
        let began = ContinuousClock.now
        let pruning = Task { try await prune(engine, words, on: screen) }
        try await Task.sleep(for: .seconds(3))
        #expect(screen.out.isEmpty)
        #expect(try engine.docker("images", "-q", "own/old:1") != "")
        try importing.finish()
        #expect(try await pruning.value == .done, "\(screen.err)")
        #expect(ContinuousClock.now - began < .seconds(50), "it waits for the end, not for the time")
        #expect(screen.err.contains("is in flight") == false, "what it waits for is a status line of a terminal")
        #expect(screen.out.contains("taken out"), "\(screen.out)")
        #expect(try engine.docker("images", "-q", "own/old:1") == "")
        #expect(try engine.docker("run", "--rm", "--network", "none", "slow:1", "echo", "whole") == "whole\n")
    }

    private func prune(_ engine: LiveEngine, _ words: String..., on screen: Screen) async throws -> Status {
        try await prune(engine, words, on: screen)
    }

    private func prune(_ engine: LiveEngine, _ words: [String], on screen: Screen) async throws -> Status {
        let now = Timestamp(seconds: Int64(Date().timeIntervalSince1970))
        return try await runBilge(
            ["prune", "images", "--filter", "reference=own/old", "--irreplaceable", "--grace", "0s"] + words
                + root(engine), screen.console(now: now))
    }

    private func root(_ engine: LiveEngine) -> [String] { ["-g", engine.root, "-H", "unix://" + engine.socket] }
}

/// A `docker import` of which the second half has not come yet.
private final class HeldImport {
    private let process = Process()
    private let input = Pipe()
    private let rest: Data

    /// Returns when the engine unpacks the first half.
    init(_ engine: LiveEngine, _ tag: String) throws {
        let archive = engine.directory.path + "/held.tar"
        try run(["tar", "-C", engine.directory.path + "/base", "-cf", archive, "."])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        rest = bytes.dropFirst(bytes.count / 2)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/docker")
        process.arguments = ["-H", "unix://" + engine.socket, "import", "-", tag]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: bytes.prefix(bytes.count / 2))
        let layers = engine.root + "/image/overlay2/layerdb/tmp"
        for _ in 0..<100 {
            if try !FileManager.default.contentsOfDirectory(atPath: layers).isEmpty { return }
            usleep(50_000)
        }
        throw CommandFailed(description: "the import does not begin")
    }

    func finish() throws {
        try input.fileHandleForWriting.write(contentsOf: rest)
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func end() {
        if process.isRunning { process.terminate() }
    }
}
