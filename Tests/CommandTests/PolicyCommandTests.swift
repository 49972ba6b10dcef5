// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Model
import TestSupport
import Testing

@testable import bilge

@Suite("policies on the command line")
struct PolicyCommandTests {
    @Test(
        "a word that means nothing here is refused before anything is looked at",
        arguments: [
            ["prune", "images", "--keep-last", "0"], ["prune", "images", "--unused-for", "30"],
            ["prune", "volumes", "--keep-last", "2"], ["prune", "--unused-for", "30d"],
            ["prune", "cache", "--filter", "label=x"], ["prune", "images", "--filter", "name=x"],
            ["prune", "images", "--free", "120%"], ["prune", "containers", "--irreplaceable"],
        ])
    func refused(words: [String]) async throws {
        let screen = Screen()
        #expect(try await runBilge(words + ["-g", "/nowhere"], screen.console()) == .usage)
        #expect(screen.err.hasPrefix("bilge: ") && screen.out.isEmpty, "\(screen.err)")
    }

    @Test("what only the engine can remove is planned without it, and not begun")
    func offline() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let plan = Screen()
        let words = ["prune", "images", "containers", "-a", "--irreplaceable", "-g", host.path, "--offline"]
        #expect(try await runBilge(words + ["-n"], plan.console()) == .done)
        #expect(plan.out.contains("KEEP") || plan.out.contains("REMOVE"), "\(plan.out)")
        let refused = Screen()
        let status = try await runBilge(words + ["-y"], refused.console(now: Timestamp(seconds: 4_000_000_000)))
        #expect(status == .refused && refused.err.contains("the engine's to remove"), "\(refused.err)")
        #expect(try host.fingerprint() == before)
    }

    @Test("the keep list keeps its comments, and whoever is on it stays")
    func keepList() async throws {
        let host = try SampleHost(.overlay2)
        let world = ["BILGE_CONFIG": host.folder.path + "/etc"]
        func say(_ words: String...) async throws -> (Status, Screen) {
            let screen = Screen()
            return (try await runBilge(words, screen.console(environment: world)), screen)
        }
        #expect(try await say("keep", "ls").1.out == "The keep list is empty.\n")
        #expect(try await say("keep", "add", "redis:*", "volume-*").0 == .done)
        try host.folder.write("etc/keep", "# ours\nredis:*  # cache\nvolume-*\n")
        #expect(try await say("keep", "add", "redis:*", "web").0 == .done)
        #expect(try await say("keep", "rm", "volume-*").0 == .done)
        #expect(try await say("keep", "rm", "volume-*").0 == .failed)
        let text = try String(contentsOfFile: host.folder.path + "/etc/keep", encoding: .utf8)
        #expect(text == "# ours\nredis:*  # cache\nweb\n")
        #expect(try await say("keep", "ls", "-q").1.out == "redis:*\nweb\n")

        let all = Screen()
        let prune = ["prune", "-n", "-q", "-g", host.path, "--offline", "--grace", "0s"]
        #expect(try await runBilge(prune, all.console(environment: world)) == .done)
        #expect(!all.out.isEmpty)
        try host.folder.write("etc/keep", "*\n")
        let none = Screen()
        #expect(try await runBilge(prune, none.console(environment: world)) == .done)
        #expect(none.out.isEmpty)
        try Data([0xFF]).write(to: URL(fileURLWithPath: host.folder.path + "/etc/keep"))
        let unread = Screen()
        #expect(try await runBilge(prune, unread.console(environment: world)) == .refused)
        #expect(unread.err.contains("keep list") && unread.out.isEmpty)
    }

    @Test("why-not names what keeps a thing")
    func whyNot() async throws {
        let host = try SampleHost(.overlay2)
        let images = Screen()
        #expect(try await host.run("ls", "images", "-q", on: images.console()) == .done)
        let id = try #require(images.outLines.first)
        let screen = Screen()
        #expect(try await host.run("why-not", id, on: screen.console()) == .done)
        #expect(screen.out.contains("Kept: ") || screen.out.contains("Nothing protects it"), "\(screen.out)")
        let json = Screen()
        #expect(try await host.run("why-not", id, "--json", on: json.console()) == .done)
        #expect(json.out.contains("\"isKept\""))
    }
}
