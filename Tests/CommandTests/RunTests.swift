// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import bilge

@Suite("commands that change something")
struct RunTests {
    @Test("without a terminal and without -y the plan is printed, and nothing else happens")
    func noTerminal() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let screen = Screen()
        #expect(try await host.run("prune", on: screen.console()) == .refused)
        #expect(screen.out.contains("REMOVE") && screen.err.contains("-y says yes"))
        #expect(try host.fingerprint() == before)
    }

    @Test("a no is a no")
    func refusal() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let screen = Screen()
        #expect(try await host.run("prune", on: screen.console(answer: false)) == .refused)
        #expect(screen.questions.count == 1)
        #expect(try host.fingerprint() == before)
    }

    @Test("a yes takes out what the plan says, undo puts all of it back", arguments: DemoHost.allCases)
    func thereAndBack(sample: DemoHost) async throws {
        let host = try SampleHost(sample)
        let before = try host.fingerprint()
        let screen = Screen()
        #expect(try await host.run("prune", "orphans", "volumes", on: screen.console(answer: true)) == .done)
        #expect(screen.questions.count == 1 && screen.out.contains("0 B freed yet"))
        #expect(try host.fingerprint() != before)

        let trash = Screen()
        #expect(try await host.run("ls", "trash", on: trash.console()) == .done)
        #expect(trash.out.contains("held"))
        #expect(try await host.run("undo", on: Screen().console()) == .done)
        #expect(try host.fingerprint() == before)
        let again = Screen()
        #expect(try await host.run("undo", on: again.console()) == .done)
        #expect(again.out.contains("nothing to put back"))
    }

    @Test("plain prune leaves volumes alone, whatever their standing")
    func volumes() async throws {
        let host = try SampleHost(.origin)
        let screen = Screen()
        #expect(try await host.run("prune", "-n", "-q", on: screen.console()) == .done)
        #expect(!screen.out.isEmpty)
        #expect(!screen.outLines.contains { $0.hasPrefix("vfs/dir") || $0.hasPrefix("volumes/") })
    }

    @Test("logs are pruned to a size, and to no other one than was said")
    func logs() async throws {
        let screen = Screen()
        #expect(try await runBilge(["prune", "logs"], screen.console()) == .usage)
        #expect(screen.err.contains("--to"))
        let host = try SampleHost(.overlay2)
        let plan = Screen()
        #expect(try await host.run("prune", "logs", "--to", "10MB", "-n", on: plan.console()) == .done)
        #expect(plan.out.contains("policy: logs, grace 0s; logs: to 10MB") && plan.out.contains("Nothing to remove."))
    }

    @Test("a typed number that is not the number of steps refuses")
    func count() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let screen = Screen()
        #expect(try await host.run("prune", "-y", "--unsafe-count", "99", on: screen.console()) == .refused)
        #expect(screen.err.contains("99"))
        #expect(try host.fingerprint() == before)
    }

    @Test("a saved plan is carried out, and one that is out of date only shrinks")
    func saved() async throws {
        let host = try SampleHost(.overlay2)
        let file = host.folder.path + "/plan.json"
        #expect(try await host.run("prune", "-n", "-o", file, on: Screen().console()) == .done)
        let plan = try PlanFile.read(file)
        let gone = try #require(plan.steps.first?.paths.first)
        try FileManager.default.removeItem(atPath: host.path + "/" + gone.text)
        let screen = Screen()
        let status = try await runBilge(["apply", file, "--offline", "-y"], screen.console())
        #expect(status == .partly)
        #expect(screen.err.contains("left alone"))
        #expect(screen.out.contains("taken out"))
        #expect(try await host.run("prune", "-n", "-o", file, on: screen.console()) == .failed, "it was replaced")
    }

    @Test("a stricter grace period or a keep pattern leaves of a saved plan what they protect, and says so")
    func stricter() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let file = host.folder.path + "/plan.json"
        #expect(try await host.run("prune", "volumes", "-n", "-o", file, on: Screen().console()) == .done)
        for (words, reason) in [(["--grace", "100y"], "grace period"), (["--keep", "*"], "keep list")] {
            let screen = Screen()
            #expect(try await runBilge(["apply", file, "--offline", "-y"] + words, screen.console()) == .partly)
            #expect(screen.out.contains("Nothing to remove.") && screen.err.contains(reason), "\(screen.err)")
            #expect(try host.fingerprint() == before)
        }
    }

    @Test("what a plan from a file says to do next names its root")
    func nextOfSaved() async throws {
        let host = try SampleHost(.overlay2)
        let file = host.folder.path + "/plan.json"
        let saving = Screen()
        #expect(try await host.run("prune", "-n", "-o", file, on: saving.console()) == .done)
        #expect(saving.out.contains("Run:   bilge apply \(file) -g \(host.path)") && !saving.out.contains("Save:"))
        let look = Screen()
        #expect(try await runBilge(["apply", file, "--offline", "-n"], look.console()) == .done)
        #expect(
            look.out.contains("`bilge undo -g \(host.path) --offline` puts them back") && !look.out.contains("Save:"))
        let screen = Screen()
        #expect(try await runBilge(["apply", file, "--offline", "-y"], screen.console()) == .done)
        let commands = screen.outLines.filter { $0.hasPrefix("Put it back:") || $0.hasPrefix("Free it:") }
        #expect(commands.count == 2 && commands.allSatisfy { $0.contains(" -g \(host.path) --offline") })
    }

    @Test("a plan that would be refused says so before anybody types it")
    func refusedPlans() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        #expect(try await host.run("prune", "containers", "-n", on: screen.console()) == .done)
        #expect(screen.out.contains("This would be refused: ") && screen.out.contains("(leave out --offline)"))
        #expect(!screen.out.contains("Run:"))
        let count = Screen()
        #expect(try await host.run("prune", "-n", "--unsafe-count", "99", on: count.console()) == .done)
        #expect(count.out.contains("--unsafe-count says 99"))
    }

    @Test("a file that is no plan is refused")
    func noPlan() async throws {
        let folder = try TemporaryDirectory("plan")
        try folder.write("plan.json", "{\"schema\":1}")
        #expect(try await runBilge(["apply", folder.path + "/plan.json"], Screen().console()) == .refused)
        #expect(try await runBilge(["apply", folder.path + "/missing"], Screen().console()) == .failed)
        #expect(try await runBilge(["apply", folder.path], Screen().console()) == .failed)
    }

    @Test("--now frees at once, and trash empty later")
    func emptying() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        #expect(try await host.run("prune", "-y", "--now", on: screen.console()) == .done)
        #expect(screen.out.contains("freed") && !screen.out.contains("0 B freed yet"))
        #expect(!FileManager.default.fileExists(atPath: host.path + "/.bilge"))

        #expect(try await host.run("prune", "volumes", "-y", on: Screen().console()) == .done)
        #expect(try await host.run("trash", "empty", on: Screen().console(now: Self.today)) == .done)
        #expect(FileManager.default.fileExists(atPath: host.path + "/.bilge"), "it is not a day old")
        let young = Screen()
        #expect(try await host.run("trash", "empty", on: young.console(now: Self.today)) == .done)
        #expect(young.out.contains("Nothing that is held is older than 24h") && young.out.contains("--older-than 0s"))
        #expect(
            try await host.run("trash", "empty", "--older-than", "0s", on: Screen().console(now: Self.today))
                == .refused)
        #expect(
            try await host.run("trash", "empty", "--older-than", "0s", "-y", on: Screen().console(now: Self.today))
                == .done)
        #expect(!FileManager.default.fileExists(atPath: host.path + "/.bilge"))
    }

    @Test("what a run that was cut off left is settled also by a command that finds nothing else to do")
    func settling() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        for command in [["prune", "orphans"], ["trash", "empty", "--older-than", "9w"]] {
            #expect(try await host.run("prune", "orphans", "-y", on: Screen().console()) == .done)
            // As after a crash between the move and the look that follows it.
            let folder = host.path + "/.bilge"
            let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
            let marks = names.filter { $0.contains("/checked.") }
            #expect(!marks.isEmpty)
            for mark in marks { try FileManager.default.removeItem(atPath: "\(folder)/\(mark)") }
            let note = "held, but not yet checked after the move"
            let dry = Screen()
            let words = command + ["-g", host.path, "--offline", "--grace", "0s"]
            #expect(try await runBilge(words + ["-n"], dry.console(now: Self.today)) == .done)
            let still = Screen()
            #expect(try await host.run("scan", on: still.console()) == .done)
            #expect(still.out.contains(note), "-n settles nothing")

            let screen = Screen()
            #expect(try await runBilge(words, screen.console(now: Self.today)) == .done)
            #expect(screen.err.contains("settled: "), "\(screen.err)")
            // Nobody has seen that no one needs it, so it is back.
            #expect(try host.fingerprint() == before)
        }
    }

    private static var today: Timestamp { Timestamp(seconds: Int64(Date().timeIntervalSince1970) + 5) }
}

@Suite("commands that only look")
struct LookTests {
    @Test(
        "what is no data root is refused with a sentence and what to do",
        arguments: [
            ("/nonexistent", Status.failed), ("/etc/hostname", .failed), ("/", .refused), ("", .refused),
            ("/usr", .failed),
        ])
    func badRoots(path: String, status: Status) async throws {
        let screen = Screen()
        #expect(try await runBilge(["scan", "-g", path, "--offline"], screen.console()) == status)
        #expect(screen.out.isEmpty && screen.err.hasPrefix("bilge: ") && screen.err.contains("\n  "))
    }

    @Test("findings end with 3 only if that was asked for")
    func exitCode() async throws {
        let host = try SampleHost(.overlay2)
        #expect(try await host.run("scan", on: Screen().console()) == .done)
        #expect(try await host.run("scan", "--exit-code", on: Screen().console()) == .findings)
    }

    @Test("tree and ls images print of the host of 2015 what Docker printed there")
    func origin() async throws {
        let host = try SampleHost(.origin)
        let tree = Screen()
        #expect(try await host.run("tree", on: tree.console()) == .done)
        #expect(tree.outLines.first == "├─8093db4276d5 Virtual Size: 0 B" && tree.outLines.count == 29)
        let images = Screen()
        #expect(try await host.run("ls", "images", on: images.console(now: DemoHost.origin.clock)) == .done)
        let words = images.outLines.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(words.first == "REPOSITORY TAG IMAGE ID CREATED VIRTUAL SIZE")
        #expect(words.contains("quay.io/coreos/etcd v2.0.11 c02fd8670851 11 days ago 12.83 MB"))
        #expect(words.contains("hello-world latest 91c95931e552 5 weeks ago 910 B") && words.count == 10)
    }

    @Test("explain and why name who needs a thing, from a tag down")
    func explain() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        #expect(try await host.run("explain", "shop/api:4.12", on: screen.console()) == .done)
        #expect(screen.out.contains("tag shop/api:4.12") && screen.out.contains("in use"))
        let why = Screen()
        #expect(try await host.run("why", "shop/api:4.12", on: why.console()) == .done)
        #expect(why.out.contains("repositories.json"))
        #expect(try await host.run("why", "no-such-thing", on: Screen().console()) == .failed)
    }

    @Test("the demonstration works and leaves nothing behind")
    func demo() async throws {
        let folder = try TemporaryDirectory("demo")
        let screen = Screen()
        #expect(try await runBilge(["demo"], screen.console(environment: ["TMPDIR": folder.path])) == .done)
        for text in ["Tags: registry:latest", "shop/api:4.12", "10 put back", "PLAN ", "Orphans"] {
            #expect(screen.out.contains(text), "\(text)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
