// SPDX-License-Identifier: Apache-2.0

import Decide
import Demo
import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport
import Testing

@Suite("what the readers and the verdicts say of the sample hosts")
struct DemoScanTests {
    @Test("what nobody needs is an orphan, and nothing else is", arguments: DemoHost.allCases)
    func orphans(host: DemoHost) throws {
        let built = try Built(host)
        let (findings, items) = try built.judged()
        #expect(findings.problems == [])
        let orphans = Set(items.filter { $0.standing == .orphan }.flatMap(\.item.paths))
        #expect(orphans == Set(built.leftovers.flatMap(\.paths)))
        #expect(items.filter { $0.standing == .unknown } == [])
    }

    @Test("each thing that nobody needs is one item", arguments: DemoHost.allCases)
    func items(host: DemoHost) throws {
        let built = try Built(host)
        let items = Set(try built.judged().items.filter { $0.standing == .orphan }.map { Set($0.item.paths) })
        for leftover in built.leftovers {
            // Nothing connects the scratch of a killed pull of the graph era with its layer.
            let scratch = leftover.paths.filter { $0.text.hasPrefix("graph/_tmp/") }
            #expect(items.contains(Set(leftover.paths).subtracting(scratch)), "\(leftover.story)")
            #expect(scratch.allSatisfy { items.contains([$0]) })
        }
    }

    @Test("the readers see the origin host's images as they were listed")
    func originImages() throws {
        let host = try Built(.origin)
        let read = try host.judged().findings.catalog
        let known = try OriginListingTests.read(host)
        #expect(treeLines(imageTree(read)) == treeLines(imageTree(known)))
        #expect(imageRows(read, now: Demo.originClock) == imageRows(known, now: Demo.originClock))
        #expect(
            read.containers.map(\.state).sorted() == [
                "exited (0)", "exited (0)", "exited (0)", "exited (0)", "exited (130)", "running",
            ])
    }

    @Test("the overlay2 host shows three releases that share their layers")
    func tree() throws {
        let catalog = try Built(.overlay2).judged().findings.catalog
        let lines = treeLines(imageTree(catalog)).map {
            $0.replacingOccurrences(of: "[0-9a-f]{12}", with: "-", options: .regularExpression)
        }
        #expect(
            lines == [
                "└─layer - Virtual Size: 80.4 MB",
                "  ├─layer - Virtual Size: 121.6 MB",
                "  │ ├─layer - Virtual Size: 134.2 MB",
                "  │ │ └─- Virtual Size: 134.2 MB Tags: shop/api:4.12",
                "  │ ├─layer - Virtual Size: 134.2 MB",
                "  │ │ └─- Virtual Size: 134.2 MB Tags: shop/api:4.11",
                "  │ └─layer - Virtual Size: 134.2 MB",
                "  │   └─- Virtual Size: 134.2 MB Tags: shop/api:4.10",
                "  └─layer - Virtual Size: 326.4 MB",
                "    └─- Virtual Size: 326.4 MB Tags: postgres:13",
            ])
    }

    @Test("the large root is healthy: nothing in it is an orphan or unknown, and all that was asked for is there")
    func large() throws {
        let directory = try TemporaryDirectory("demo")
        let path = directory.path + "/large"
        try Demo.buildLargeRoot(at: FilePath(path), layers: 50, containers: 60, volumes: 40)
        let (findings, items) = try judge(path)
        #expect(findings.problems == [])
        #expect(items.filter { $0.standing != .inUse } == [])
        #expect(findings.catalog.layers.count == 50)
        #expect(findings.catalog.containers.count == 60)
        #expect(findings.catalog.volumes.count == 40)
        #expect(findings.catalog.images.allSatisfy { $0.chain.count >= 4 && !$0.tags.isEmpty })
        let record = try FileManager.default.attributesOfItem(
            atPath: "\(path)/\(findings.catalog.containers[0].path.text)/config.v2.json")
        #expect((2700..<4000).contains(record[.size] as? Int ?? 0))
    }
}
