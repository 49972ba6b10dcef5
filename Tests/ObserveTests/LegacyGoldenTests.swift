// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport
import Testing

@Suite("Data roots of Docker 1.0 to 1.9")
struct LegacyGoldenTests {
    static let roots = GoldenRoot.all.filter { $0.name.hasPrefix("docker-") }

    @Test("every image, and every layer of aufs and overlay, stands as expected", arguments: roots)
    func standings(_ golden: GoldenRoot) throws {
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let scan = try LegacyScan(root, others: containersAndVolumes(of: root))
        var judged = 0
        for (path, expected) in try golden.expectation().paths {
            let parts = path.split(separator: "/")
            guard parts.count > 1, ["graph", "aufs", "overlay"].contains(parts[0]) || isLayerOfVfs(path, root) else {
                continue
            }
            let standing = try #require(scan.standing(path), "\(path) is no item")
            #expect(expected.allowed.contains(standing.rawValue), "\(path) is \(standing): \(expected.why ?? "")")
            judged += 1
        }
        #expect(judged >= 40)
    }

    @Test("a healthy root has no problem", arguments: roots.filter { !$0.name.hasSuffix("messy") })
    func noProblems(_ golden: GoldenRoot) throws {
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        #expect(try LegacyScan(root).findings.problems.isEmpty)
    }

    @Test("the catalog holds every image with its names", arguments: roots)
    func catalog(_ golden: GoldenRoot) throws {
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let images = try LegacyScan(root).findings.catalog.images
        let records = Dictionary(uniqueKeysWithValues: images.map { ($0.id, $0) })
        for image in images {
            let text = try Data(contentsOf: URL(fileURLWithPath: "\(root)/graph/\(image.id)/json"))
            let json = try #require(JSONSerialization.jsonObject(with: text) as? [String: Any])
            // `docker load` of 1.0 wrote `Parent` and `Created`.
            #expect(image.parent == (json["parent"] ?? json["Parent"]) as? String)
            let created = try #require((json["created"] ?? json["Created"]) as? String)
            #expect(image.created == Timestamp(rfc3339: created))
            #expect(image.ownBytes != nil)
        }
        let names = try tags(of: root)
        for (id, names) in names where records[id] != nil { #expect(records[id]?.tags == names.sorted()) }
        #expect(images.count { !$0.tags.isEmpty } == names.keys.count { records[$0] != nil })
        #expect(images.count >= 13)
    }

    @Test("with its damage repaired, the messy root gives up exactly its leftovers")
    func repaired() throws {
        let golden = try #require(GoldenRoot.named("docker-1.6.2-aufs-messy"))
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let damaged = try LegacyScan(root, others: containersAndVolumes(of: root))
        // What the list of a layer that nobody needs is short of needs no repair.
        let problems = damaged.problems.filter { $0.unlessOrphan.map { damaged.standing($0) == .inUse } ?? true }
        #expect(problems.count == 2)
        for problem in problems {
            let file = URL(fileURLWithPath: "\(root)/\(problem.path)")
            if problem.path.hasSuffix("/json") {
                let id = file.deletingLastPathComponent().lastPathComponent
                try Data(#"{"id":"\#(id)"}"#.utf8).write(to: file)
            } else {
                try FileManager.default.removeItem(at: file)
            }
        }
        let scan = try LegacyScan(root, others: containersAndVolumes(of: root))
        #expect(scan.problems.isEmpty)
        let expected = try golden.expectation().paths.filter { path, expected in
            expected.ideal == "orphan" && ["graph/", "aufs/"].contains { path.hasPrefix($0) }
        }
        let found = scan.items.items.values.filter { scan.standing($0.path) == .orphan }.flatMap(\.paths)
        #expect(Set(found.map(\.text).filter { !$0.hasPrefix("vfs/") }) == Set(expected.keys))
        #expect(expected.count >= 20)
    }

    @Test("an aufs list that lost a line or a byte frees nothing")
    func shortenedLists() throws {
        let golden = try #require(GoldenRoot.named("docker-upgraded-1.2.0-1.6.2-1.7.1-1.9.1-aufs"))
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let others = try containersAndVolumes(of: root)
        let whole = try LegacyScan(root, others: others).paths([.orphan, .reclaimable])
        var damaged = 0
        let names = try FileManager.default.contentsOfDirectory(atPath: root + "/aufs/layers").sorted()
        for name in names.enumerated().filter({ $0.offset % 3 == 0 }).map(\.element) {
            let file = URL(fileURLWithPath: "\(root)/aufs/layers/\(name)")
            let text = try Data(contentsOf: file)
            let ends = text.indices.filter { text[$0] == UInt8(ascii: "\n") }
            for length in Set([0] + ends.flatMap { [$0, $0 + 1, $0 - 6] }) where length < text.count {
                try text.prefix(length).write(to: file)
                let scan = try LegacyScan(root, others: others)
                #expect(scan.paths([.orphan, .reclaimable]).isSubset(of: whole), "\(name) cut to \(length)")
                damaged += 1
            }
            try text.write(to: file)
        }
        #expect(damaged >= 50)
    }

    /// Stands in for the readers of `containers/` and of `vfs/dir`.
    private func containersAndVolumes(of root: String) throws -> Findings {
        var findings = Findings()
        let manager = FileManager.default
        for id in try manager.contentsOfDirectory(atPath: root + "/containers") {
            let file = URL(fileURLWithPath: "\(root)/containers/\(id)/config.json")
            guard manager.fileExists(atPath: file.path) else { continue }
            let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
            findings.addContainer(id, image: try #require(json?["Image"] as? String))
        }
        if manager.fileExists(atPath: root + "/vfs/dir") {
            for name in try manager.contentsOfDirectory(atPath: root + "/vfs/dir") {
                findings.add(Item(.layer, [RelativePath("vfs/dir") / name]))
            }
        }
        return findings
    }

    private func isLayerOfVfs(_ path: String, _ root: String) -> Bool {
        guard path.hasPrefix("vfs/dir/") else { return false }
        let id = path.dropFirst("vfs/dir/".count).replacing("-init", with: "")
        return ["graph", "containers"].contains { FileManager.default.fileExists(atPath: "\(root)/\($0)/\(id)") }
    }

    private func tags(of root: String) throws -> [String: Set<String>] {
        var names: [String: Set<String>] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: root) where file.hasPrefix("repositories-") {
            let text = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(file)"))
            let json = try #require(JSONSerialization.jsonObject(with: text) as? [String: [String: [String: String]]])
            for (repository, tags) in json["Repositories"] ?? [:] {
                for (tag, id) in tags { names[id, default: []].insert("\(repository):\(tag)") }
            }
        }
        return names
    }
}
