// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Model
import TestSupport
import Testing

@Suite("image tree of a real data root")
struct ImageTreeGoldenTests {
    /// What `docker images --tree` of Docker 1.6.2 printed of the golden root `docker-1.6.2-aufs` before it stopped.
    ///
    /// It sorted by whole seconds and left siblings of the same second, and the tags of one image, in no order.
    private let printed = """
        └─a9713a0df1b9 Virtual Size: 1.885 kB Tags: base:1, base:latest
          ├─d8d69c2f68f2 Virtual Size: 1.885 kB Tags: acme/snap:1
          ├─46eb4b4c148b Virtual Size: 32.61 kB
          ├─d1a7c15b6e4b Virtual Size: 1.887 kB
          │ └─d91f4802d2f0 Virtual Size: 1.889 kB
          ├─965f53b13021 Virtual Size: 1.887 kB
          │ └─76e61ee99b4b Virtual Size: 12.13 kB
          ├─45ebc64eb2b9 Virtual Size: 1.887 kB
          │ └─fe95ada0a626 Virtual Size: 1.887 kB Tags: acme/old:1
          ├─86bbe0c6a8ef Virtual Size: 1.887 kB
          │ └─4de454153d9b Virtual Size: 1.887 kB
          ├─09b7c0d2de47 Virtual Size: 1.895 kB
          │ └─87b60670e98c Virtual Size: 22.38 kB
          │   └─a6f79f0dcd8e Virtual Size: 22.38 kB Tags: acme/worker:latest
          ├─abfbe5347029 Virtual Size: 1.887 kB
          │ └─689b49b4f040 Virtual Size: 22.37 kB
          │   └─bcb1c0a571cf Virtual Size: 22.37 kB
          └─469a9baa7aa6 Virtual Size: 1.885 kB
            └─d769960dbf56 Virtual Size: 1.893 kB
              └─894f42d6f118 Virtual Size: 42.86 kB
                └─73020dc6317f Virtual Size: 42.86 kB
                  └─39c86b26a422 Virtual Size: 42.86 kB
                    ├─0286d3bea06b Virtual Size: 43.16 kB
                    │ └─700015cb5573 Virtual Size: 43.17 kB
                    │   └─94196b945225 Virtual Size: 43.17 kB Tags: acme/web:2.0
                    │     └─347521023ed8 Virtual Size: 43.17 kB Tags: acme/loaded:1
                    └─3ad25c452590 Virtual Size: 42.86 kB Tags: registry.local:5000/team/web:1.0, acme/web:1.0, acme/web:latest
        """

    @Test("the tree is the one that its daemon printed, but for the order that it left to chance")
    func sameAsDocker() throws {
        let root = try #require(GoldenRoot.named("docker-1.6.2-aufs"))
        let (directory, path) = try root.unpack()
        let catalog = try catalog(of: path)
        let ours = treeLines(imageTree(catalog))
        let theirs = printed.split(separator: "\n").map(String.init)

        #expect(links(ours) == links(theirs))
        let seconds = Dictionary(
            uniqueKeysWithValues: catalog.images.map { ($0.id.prefix(12), $0.created?.seconds ?? 0) })
        #expect(dates(ours, seconds) == dates(theirs, seconds))
        _ = directory
    }

    /// Each line without its drawing, with the line it stands below.
    private func links(_ lines: [String]) -> Set<[String]> {
        var above: [(level: Int, id: String)] = []
        return Set(
            lines.map { line in
                let start = line.firstIndex { $0.isHexDigit } ?? line.endIndex
                let level = line.distance(from: line.startIndex, to: start)
                let parts = line[start...].components(separatedBy: " Tags: ")
                let id = String(line[start...].prefix(12))
                above.removeAll { $0.level >= level }
                defer { above.append((level, id)) }
                let tags = parts.dropFirst().joined().components(separatedBy: ", ").sorted()
                return [above.last?.id ?? "", parts[0], tags.joined(separator: " ")]
            })
    }

    /// The whole seconds of the nodes in the order in which they are printed, and how deep each stands.
    private func dates(_ lines: [String], _ seconds: [Substring: Int64]) -> [[Int64]] {
        lines.map { line in
            let start = line.firstIndex { $0.isHexDigit } ?? line.endIndex
            return [
                Int64(line.distance(from: line.startIndex, to: start)), seconds[line[start...].prefix(12)] ?? -1,
            ]
        }
    }

    private func catalog(of root: String) throws -> Catalog {
        struct Record: Decodable {
            let id: String
            let parent: String?
            let created: String
        }
        struct Tags: Decodable {
            let Repositories: [String: [String: String]]
        }
        let tags = try decode(Tags.self, "\(root)/repositories-aufs").Repositories
        var catalog = Catalog()
        for name in try FileManager.default.contentsOfDirectory(atPath: root + "/graph") where EntryName.isHexID(name) {
            let record = try decode(Record.self, "\(root)/graph/\(name)/json")
            var image = ImageRecord(id: record.id, path: RelativePath("graph/\(name)"))
            image.parent = record.parent
            image.created = Timestamp(rfc3339: record.created)
            image.ownBytes = Int64(try String(contentsOfFile: "\(root)/graph/\(name)/layersize", encoding: .utf8))
            image.tags = tags.flatMap { name, tags in tags.filter { $0.value == record.id }.map { "\(name):\($0.key)" }
            }
            catalog.images.append(image)
        }
        return catalog
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
