// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Model
import TestSupport
import Testing

@testable import bilge

@Suite("doctor")
struct DoctorCommandTests {
    private struct Answer: Decodable {
        struct Found: Decodable {
            var code: String
            var severity: String
            var subject: String
            var fix: String
        }
        struct Settings: Decodable { var read: Bool }
        var settings: Settings
        var findings: [Found]
    }

    private func examine(_ host: SampleHost, _ settings: String?) async throws -> (Answer, Status) {
        var arguments = ["doctor", "--json", "--exit-code"]
        if let settings {
            let file = host.folder.path + "/daemon.json"
            try Data(settings.utf8).write(to: URL(fileURLWithPath: file))
            arguments += ["--config-file", file]
        }
        let screen = Screen()
        let status = try await runBilge(arguments + ["-g", host.path, "--offline"], screen.console())
        return (try JSONDecoder().decode(Answer.self, from: Data(screen.out.utf8)), status)
    }

    private static let safe = #"{"log-opts": {"max-size": "10m"}, "builder": {"gc": {"defaultKeepStorage": "20GB"}}}"#

    @Test("it changes nothing", arguments: DemoHost.allCases)
    func reads(sample: DemoHost) async throws {
        let host = try SampleHost(sample)
        let before = try host.fingerprint()
        #expect(try await host.run("doctor", on: Screen().console()) == .done)
        #expect(try host.fingerprint() == before)
    }

    @Test("a missing layer directory and a record of 0 bytes are found, and end with 3")
    func damage() async throws {
        let host = try SampleHost(.overlay2)
        let healthy = try await examine(host, Self.safe).0.findings.filter { $0.severity == "damage" }
        #expect(healthy.map(\.code) == [])

        let images = host.path + "/image/overlay2/layerdb/sha256"
        // The base that every image of the host has: the one without a parent.
        let chains = try FileManager.default.contentsOfDirectory(atPath: images).filter {
            !FileManager.default.fileExists(atPath: "\(images)/\($0)/parent") && $0.count == 64
        }
        let chain = try #require(chains.first)
        let directory = try String(contentsOfFile: "\(images)/\(chain)/cache-id", encoding: .utf8)
        try FileManager.default.removeItem(atPath: "\(host.path)/overlay2/\(directory)")
        let folders = try FileManager.default.contentsOfDirectory(atPath: host.path + "/containers").sorted()
        let container = try #require(
            folders.first { FileManager.default.fileExists(atPath: "\(host.path)/containers/\($0)/config.v2.json") })
        try Data().write(to: URL(fileURLWithPath: "\(host.path)/containers/\(container)/config.v2.json"))

        let (answer, status) = try await examine(host, Self.safe)
        #expect(status == .findings)
        let damaged = answer.findings.filter { $0.severity == "damage" }
        #expect(damaged.contains { $0.code == "broken-image" && $0.fix.contains("docker image rm") })
        #expect(damaged.contains { $0.code == "unreadable-record" && $0.subject.contains(container) })
    }

    @Test("settings of another root say nothing; settings that were named are looked at")
    func settings() async throws {
        let host = try SampleHost(.overlay2)
        let unknown = try await examine(host, nil).0
        #expect(!unknown.settings.read)
        #expect(!unknown.findings.contains { $0.code == "no-log-cap" })
        let (bad, status) = try await examine(host, #"{"live-restore": true}"#)
        #expect(bad.settings.read && status == .findings)
        #expect(Set(bad.findings.map(\.code)).isSuperset(of: ["no-log-cap", "live-restore"]))
        let broken = try await examine(host, "{").0
        #expect(!broken.settings.read)
    }
}

@Suite("what the audit log gives back")
struct HistoryCommandTests {
    @Test("trash ls -v shows the proofs and says whether the log is whole; explain finds what is held")
    func readBack() async throws {
        let host = try SampleHost(.overlay2)
        #expect(try await host.run("prune", "-y", "-q", on: Screen().console()) == .done)
        let list = Screen()
        #expect(try await host.run("trash", "ls", "-v", on: list.console()) == .done)
        #expect(list.out.contains("each follows from the one before"))
        #expect(list.out.contains("no image and no container's record names it"))

        let file = host.path + "/.bilge/audit.log"
        let log = try String(contentsOfFile: file, encoding: .utf8)
        struct Line: Decodable { var id: String; var paths: [String] }
        let first = try JSONDecoder().decode(Line.self, from: Data(log.split(separator: "\n")[0].utf8))
        for name in [first.id, first.paths[0], host.path + "/" + first.paths[0]] {
            let explained = Screen()
            #expect(try await host.run("explain", name, on: explained.console()) == .done, "\(name)")
            #expect(explained.out.contains("bilge took it out") && explained.out.contains("undo"))
        }
        #expect(try await host.run("explain", "no-such-thing", on: Screen().console()) == .failed)

        try log.replacingOccurrences(of: "layer", with: "loyer").write(toFile: file, atomically: false, encoding: .utf8)
        let changed = Screen()
        #expect(try await host.run("trash", "ls", "-v", on: changed.console()) == .done)
        #expect(changed.out.contains("audit log was changed"))
    }
}
