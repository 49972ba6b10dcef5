// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Model
import TestSupport
import Testing

@testable import bilge

@Suite("policy files")
struct PolicyFileTests {
    private let sample = """
        # What may go on this host.
        free: 20%
        images:
          keep-last: 3
          unused-for: 30d
          filter: ["reference=shop/*", "label!=keep"]
          keep:
            - redis:7
            - "*:stable"
        containers:
        volumes:
          unused-for: 2w
          named: true
        logs:
          to: 10MB
        """

    @Test("a file says what the flags say")
    func example() throws {
        let policy = try PolicyYAML.policy(sample)
        var images = Policy.Rules()
        for (word, value) in [
            (Policy.Word.keepLast, "3"), (.unusedFor, "30d"), (.filter, "reference=shop/*"), (.filter, "label!=keep"),
            (.keep, "redis:7"), (.keep, "*:stable"),
        ] { try images.set(word, to: value, for: .images) }
        #expect(policy.rules[.images] == images)
        #expect(policy.rules[.containers] == Policy.Rules())
        #expect(policy.rules[.volumes]?.named == true && policy.rules[.volumes]?.unusedForSeconds == 14 * 86400)
        #expect(policy.rules[.logs]?.toBytes == 10_000_000)
        #expect(policy.rules[.cache] == nil && policy.free?.text == "20%")
    }

    @Test(
        "what is wrong is named with its line, and nothing is guessed",
        arguments: [
            ("", 1, "empty"), ("# nothing\n", 1, "empty"), ("- images", 1, "a map of kinds"),
            ("free: 20%", 1, "no kind"), ("images:\n  keep-lst: 3", 2, "unknown key keep-lst for images"),
            ("image:\n  keep-last: 3", 1, "unknown key image"), ("cache:\n  keep-last: 3", 2, "unknown key keep-last"),
            ("images:\n  keep-last: [3]", 2, "not a list"), ("images:\n  keep-last: 0", 2, "1 or more"),
            ("images:\n  unused-for: 30x", 2, "30x"), ("images:\n  unused-for:", 2, "missing"),
            ("images:\n  keep: []", 2, "empty list"), ("images:\n  keep:\n    a: b", 3, "one value"),
            ("images:\n  keep:\n    - a\n    -\n", 4, "missing"), ("images:\n  keep: ['']", 2, "missing"),
            ("volumes:\n  named: yes", 2, "true or false"), ("images: 3", 1, "wants words"),
            ("images: \"\"", 1, "wants"), ("images: ~", 1, "wants"), ("images: []", 1, "wants"),
            ("cache:\nlogs:", 2, "wants `to`"), ("logs:\n  to: ten", 2, "no size"), ("logs:\n  to: 10kB", 2, "128kB"),
            ("free: 120%\nimages:", 1, "120%"), ("images:\n  filter: size>5", 2, "no filter"),
            ("volumes:\n  filter: reference=x", 2, "says nothing about volumes"),
        ])
    func errors(text: String, line: Int, words: String) {
        do {
            let policy = try PolicyYAML.policy(text)
            Issue.record("was understood: \(policy)")
        } catch {
            #expect(error.reason.contains(words), "\(error)")
            #expect(error.line == line, "\(error)")
        }
    }

    @Test("the command explains it, or says what is wrong in which line, with 5")
    func command() async throws {
        let folder = try TemporaryDirectory("policy")
        let path = folder.path + "/policy.yaml"
        func write(_ text: String, mode: Int = 0o644) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try write(sample)
        let screen = Screen()
        #expect(try await runBilge(["policy", "check", path], screen.console()) == .done)
        #expect(screen.out.contains("The newest 3 of each repository stay."))
        #expect(screen.out.contains("Left alone: cache."))
        #expect(screen.out.contains("the newest 10 MB of each"))
        #expect(screen.out.contains("bilge prune --policy \(path) -n"))

        try write("images:\n  keep-lst: 3\n")
        let wrong = Screen()
        #expect(try await runBilge(["policy", "check", path], wrong.console()) == .refused)
        #expect(wrong.err.contains("policy.yaml:2: unknown key keep-lst"))

        try write(sample, mode: 0o666)
        let open = Screen()
        #expect(try await runBilge(["policy", "check", path], open.console()) == .refused)
        #expect(open.err.contains("written to by others"))
        let missing = Screen()
        #expect(try await runBilge(["policy", "check", folder.path + "/none.yaml"], missing.console()) == .refused)
        #expect(missing.err.contains("none.yaml"))
    }

    @Test("prune takes its kinds and rules from the file, and none beside it")
    func prune() async throws {
        let host = try SampleHost(.overlay2)
        let path = host.folder.path + "/policy.yaml"
        try host.folder.write("policy.yaml", "images:\n  keep-last: 2\ncontainers:\nvolumes:\n  named: true\n")
        let base = ["prune", "--policy", path, "-n", "--json", "-g", host.path, "--offline", "--grace", "0s"]
        func plan(_ words: String...) async throws -> (Status, Screen) {
            let screen = Screen()
            return (try await runBilge(base + words, screen.console()), screen)
        }
        let (status, whole) = try await plan()
        #expect(status == .done, "\(whole.err)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(whole.out.utf8)) as? [String: Any])
        let policy = try #require(json["policy"] as? [String: Any])
        #expect(policy["kinds"] as? [String] == ["containers", "images", "volumes"])
        #expect(policy["named"] as? Bool == true)
        let one = try await plan("images")
        #expect(one.1.out.contains(#""kinds":["images"]"#), "\(one.1.err)")
        #expect(try await plan("cache").0 == .usage)
        #expect(try await plan("--keep-last", "3").0 == .usage)
        #expect(try await plan("--keep", "redis:*").0 == .done)
    }
}
