// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@testable import bilge

/// What other programs rely on, written down a second time.
struct Contract: Decodable {
    struct Root: Decodable {
        var path: String
        var filesystem: String
        var eras: [String]
        var drivers: [String]
        var owner: String
    }

    struct Engine: Decodable { var state: String }

    struct Item: Decodable {
        struct Evidence: Decodable {
            var says: String
            var by: String
            var source: String
        }

        var kind: String
        var id: String
        var root: Int
        var paths: [String]
        var standing: String
        var protected: Bool
        var allocatedBytes: Int64
        var inodes: Int64
        var modified: String?
        var evidence: [Evidence]
        var encoded: Bool?
    }

    struct Problem: Decodable {
        var path: String
        var area: String
        var reason: String
    }

    struct Total: Decodable {
        var items: Int
        var allocatedBytes: Int64
    }

    var schema: Int
    var roots: [Root]
    var engine: Engine
    var items: [Item]
    var problems: [Problem]
    var totals: [String: Total]
}

@Suite("JSON contract")
struct ContractTests {
    private static let kinds: Set = [
        "layer", "initLayer", "rwLayer", "image", "container", "volume", "buildCache", "snapshot", "blob", "ingest",
        "log", "plugin", "leftover", "metadata", "otherDriver", "foreign",
    ]

    @Test(
        "scan --all --json is one object with everything that is promised",
        arguments: ["docker-1.6.2-aufs-messy", "docker-1.9.1-vfs"])
    func scan(name: String) async throws {
        let golden = try #require(GoldenRoot.named(name))
        let (folder, root) = try golden.unpack()
        let screen = Screen()
        let status = try await runBilge(
            ["scan", "--all", "--json", "-g", root, "--offline", "--grace", "0s"], screen.console())
        #expect(status == .done)
        let answer = try JSONDecoder().decode(Contract.self, from: Data(screen.out.utf8))
        #expect(answer.schema == 1 && answer.roots.count == 1 && answer.engine.state == "notAsked")
        #expect(Set(answer.items.map(\.kind)).isSubset(of: Self.kinds))
        let paths = answer.items.flatMap(\.paths)
        #expect(Set(paths).count == paths.count, "a path is in two items")
        #expect(answer.items.allSatisfy { !$0.evidence.isEmpty })
        #expect(Set(answer.totals.keys) == ["inUse", "reclaimable", "orphan", "unknown"])
        for (standing, total) in answer.totals {
            let items = answer.items.filter { $0.standing == standing }
            #expect(total.items == items.count && total.allocatedBytes == items.reduce(0) { $0 + $1.allocatedBytes })
        }
        #expect(screen.err.isEmpty)
        _ = folder
    }

    @Test("a name that is not text is escaped and marked, one that is text is not")
    func encoded() throws {
        func decode(_ entry: Judged) throws -> Contract.Item {
            try JSONDecoder().decode(
                Contract.Item.self, from: Data(JSONValue(entry, Usage(), names: []).text.utf8))
        }
        let bytes = try decode(judged(.foreign, "volumes/%FF", "volumes/caf%C3%A9"))
        #expect(bytes.encoded == true && bytes.paths == ["volumes/%FF", "volumes/caf%C3%A9"] && bytes.id == "%FF")
        let text = try decode(judged(.foreign, "volumes/caf%C3%A9%1B"))
        #expect(text.encoded == nil && text.paths == ["volumes/café\u{1B}"])
    }

    @Test(
        "every command answers in JSON with one object and nothing else",
        arguments: [
            ["df"], ["df", "--by", "image"], ["df", "--by", "project"], ["df", "--by", "filesystem"],
            ["df", "--by", "container"], ["df", "--by", "volume"], ["df", "--inodes"], ["diff", "--list"], ["tree"],
            ["ls", "images"],
            ["ls", "layers"], ["ls", "containers"], ["ls", "volumes"], ["ls", "orphans"], ["ls", "trash"],
            ["trash", "ls"],
            ["scan"], ["prune", "-n"], ["explain", "base:1"], ["why", "base:1"], [],
        ])
    func commands(arguments: [String]) async throws {
        let (folder, root) = try #require(GoldenRoot.named("docker-1.9.1-vfs")).unpack()
        let screen = Screen()
        let status = try await runBilge(arguments + ["--json", "-g", root, "--offline"], screen.console())
        #expect(status == .done)
        let object = try JSONSerialization.jsonObject(with: Data(screen.out.utf8)) as? [String: Any]
        #expect(object?["schema"] as? Int == 1)
        #expect(screen.err.isEmpty)
        _ = folder
    }
}
