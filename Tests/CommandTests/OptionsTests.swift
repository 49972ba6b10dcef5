// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Testing

@testable import bilge

@Suite("command lines")
struct OptionsTests {
    @Test("options may stand before the command and mean the same there")
    func before() throws {
        let before = try #require(try Bilge.parseAsRoot(["-g", "/x", "--json", "scan"]) as? Scan)
        let after = try #require(try Bilge.parseAsRoot(["scan", "--graph=/x", "--format", "json"]) as? Scan)
        #expect(before.root.dataRoot == "/x" && before.output.chosen == .json)
        #expect(after.root.dataRoot == "/x" && after.output.chosen == .json)
    }

    @Test("the old scripts' flags mean what they meant")
    func oldFlags() throws {
        let long = try #require(
            try Bilge.parseAsRoot(["prune", "volumes", "--dry-run", "--verbose", "-g", "/r"]) as? Prune)
        #expect(long.confirm.dryRun && long.output.verbose && long.root.dataRoot == "/r" && long.kinds == [.volumes])
        let short = try #require(try Bilge.parseAsRoot(["prune", "-n", "-v"]) as? Prune)
        #expect(short.confirm.dryRun && short.output.verbose && short.kinds.isEmpty)
    }

    @Test("the engine's socket is -H, and -h is help")
    func host() throws {
        let df = try #require(try Bilge.parseAsRoot(["df", "-H", "unix:///x.sock"]) as? Df)
        #expect(df.root.host == "unix:///x.sock")
        #expect((try? Bilge.parseAsRoot(["df", "-h"]) as? Df) == nil)
    }

    @Test(
        "what cannot be understood ends with 64 and a sentence",
        arguments: [
            ["scan", "--grace", "5"], ["scan", "--grace", "-1h"], ["prune", "everything"], ["ls"], ["ls", "nonsense"],
            ["prune", "--unsafe-count", "0"], ["prune", "--unsafe-count", "x"], ["frobnicate"],
            ["df", "--by", "colour"], ["explain"], ["apply"], ["trash", "empty", "--older-than", "yesterday"],
            ["undo", "a", "b"], ["-n", "prune"],
        ])
    func usage(arguments: [String]) {
        do {
            _ = try Bilge.parseAsRoot(arguments)
            Issue.record("\(arguments) was understood")
        } catch {
            #expect(Bilge.exitCode(for: error).rawValue == Status.usage.rawValue)
            #expect(!Bilge.message(for: error).isEmpty)
        }
    }

    @Test(
        "ages read as they are written",
        arguments: [
            ("24h", "24h"), ("2d", "2d"), ("1d12h", "36h"), ("90m", "90m"), ("45s", "45s"), ("0s", "0s"), ("1w", "7d"),
        ])
    func ages(typed: String, shown: String) throws { #expect(try Seconds(typed).description == shown) }

    @Test("a command that is suggested means the same host, and can be pasted")
    func hints() throws {
        let options = try RootOptions.parse([
            "-g", "/srv/my docker's", "-H", "unix:///s", "--offline", "--grace", "0s", "--keep", "a*",
        ])
        #expect(options.hint("undo") == "bilge undo -g '/srv/my docker'\\''s' -H unix:///s --offline")
        #expect(options.cautiousHint("prune").hasSuffix("--offline --grace 0s --keep 'a*'"))
        #expect(try RootOptions.parse([]).cautiousHint("prune") == "bilge prune")
    }
}

@Suite("Docker's command line")
struct DockerPluginTests {
    private func rest(_ arguments: String...) throws -> [String] {
        try DockerPlugin.arguments(["/x/docker-bilge"] + arguments)
    }

    @Test("Docker's own options are taken off, and the engine is passed on")
    func arguments() throws {
        #expect(try rest("bilge", "df") == ["df"])
        #expect(try rest("-H", "unix:///s", "bilge", "df", "-v") == ["--host", "unix:///s", "df", "-v"])
        #expect(try rest("--host=unix:///s", "-D", "--log-level", "warn", "bilge") == ["--host", "unix:///s"])
        #expect(try rest("-Hunix:///s", "bilge", "df") == ["--host", "unix:///s", "df"])
        #expect(try rest("-c", "default", "bilge", "scan") == ["scan"])
        #expect(try rest("docker-cli-plugin-metadata") == ["docker-cli-plugin-metadata"])
        #expect(try rest("df") == ["df"])
        #expect(throws: ValidationError.self) { try rest("--context", "far-away", "bilge", "df") }
        #expect(throws: ValidationError.self) { try rest("-H") }
    }

    @Test("under its own name, nothing is taken off")
    func ownName() throws {
        #expect(try DockerPlugin.arguments(["/usr/bin/bilge", "-H", "x", "df"]) == ["-H", "x", "df"])
    }

    @Test("it says what it is")
    func metadata() async throws {
        let screen = Screen()
        #expect(try await runBilge(["docker-cli-plugin-metadata"], screen.console()) == .done)
        #expect(screen.out.contains(#""SchemaVersion":"0.1.0""#) && screen.out.contains(#""Vendor":"#))
    }
}
