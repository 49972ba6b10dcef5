// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Testing

@testable import Decide

private func id(_ start: String) -> String { start + String(repeating: "0", count: 64 - start.utf8.count) }

private func legacy(
    _ start: String, on parent: String? = nil, bytes: Int64? = 0, tags: [String] = [], second: Int64 = 0
) -> ImageRecord {
    var image = ImageRecord(id: id(start), path: RelativePath("graph") / id(start))
    image.parent = parent.map { id($0) }
    image.ownBytes = bytes
    image.tags = tags
    image.created = Timestamp(seconds: second)
    return image
}

private func addressed(
    _ start: String, chain: [String], from parent: String? = nil, tags: [String] = [], second: Int64 = 0
) -> ImageRecord {
    var image = legacy(start, on: parent, bytes: nil, tags: tags, second: second)
    image.driver = "overlay2"
    image.chain = chain.map { id($0) }
    return image
}

private func layer(_ start: String, on parent: String? = nil, bytes: Int64? = 0) -> LayerRecord {
    LayerRecord(
        chainID: id(start), parent: parent.map { id($0) }, driver: "overlay2", directory: nil, bytes: bytes)
}

private func catalog(_ images: [ImageRecord], _ layers: [LayerRecord] = []) -> Catalog {
    var catalog = Catalog()
    catalog.images = images
    catalog.layers = layers
    return catalog
}

@Suite("image tree of Docker 1.0 to 1.9")
struct LegacyTreeTests {
    private let images = [
        legacy("c1", on: "b1", bytes: 300, tags: ["shop:2", "acme/shop:2"], second: 30),
        legacy("b1", on: "a1", bytes: 20, second: 20), legacy("a1", bytes: 1, tags: ["base:1"], second: 10),
        legacy("b2", on: "a1", bytes: 5, second: 25), legacy("d1", bytes: 910, second: 40),
    ]

    @Test("lines are those of docker images --tree: newest first, sizes with all that is below, tags sorted")
    func lines() {
        #expect(
            treeLines(imageTree(catalog(images))) == [
                "├─d10000000000 Virtual Size: 910 B",
                "└─a10000000000 Virtual Size: 1 B Tags: base:1",
                "  ├─b20000000000 Virtual Size: 6 B",
                "  └─b10000000000 Virtual Size: 21 B",
                "    └─c10000000000 Virtual Size: 321 B Tags: acme/shop:2, shop:2",
            ])
    }

    @Test("the order in which records were read does not matter")
    func stable() {
        let expected = imageTree(catalog(images.map { image in with(image) { $0.created = nil } }))
        for _ in 0..<20 {
            #expect(imageTree(catalog(images.shuffled().map { image in with(image) { $0.created = nil } })) == expected)
        }
    }

    @Test(
        "a reference leaves what it names, all above and all below",
        arguments: [
            (["b1"], ["a1", "b1", "c1"]), (["base"], ["a1", "b2", "b1", "c1"]), (["acme/shop:2"], ["a1", "b1", "c1"]),
            (["shop"], ["a1", "b1", "c1"]), (["shop:3"], []), ([""], []), (["d1", "b2"], ["d1", "a1", "b2"]),
            (["sha256:d1"], ["d1"]),
        ])
    func references(references: [String], expected: [String]) {
        let lines = treeLines(imageTree(catalog(images), matching: references))
        #expect(lines.map { $0.drop { !"abcd".contains($0) }.prefix(2) } == expected.map { $0[...] })
    }

    @Test("a repository that looks like the beginning of an id is taken for the repository")
    func hexadecimalName() {
        let both = [legacy("cafe", second: 1), legacy("b1", tags: ["cafe:latest"], second: 2)]
        #expect(imageTree(catalog(both), matching: ["cafe"]).map(\.id) == [id("b1")])
        #expect(imageTree(catalog(both), matching: ["cafe0"]).map(\.id) == [id("cafe")])
    }

    @Test("an image whose parent is missing, or was not recorded in size, is shown all the same")
    func incomplete() {
        let broken = [
            legacy("b1", on: "a1", bytes: 5), legacy("c1", on: "b1", bytes: nil), legacy("d1", on: "c1", bytes: 7),
        ]
        #expect(
            treeLines(imageTree(catalog(broken))) == [
                "└─b10000000000 Virtual Size: 5 B", "  └─c10000000000 Virtual Size: unknown",
                "    └─d10000000000 Virtual Size: unknown",
            ])
    }

    @Test("images that name each other as parents are each shown once")
    func ring() {
        let ring = [
            legacy("a1", on: "c1", bytes: 1), legacy("b1", on: "a1", bytes: 1), legacy("c1", on: "b1", bytes: 1),
        ]
        #expect(
            treeLines(imageTree(catalog(ring + [legacy("d1", on: "d1", bytes: 1)]))).map {
                $0.filter { $0 != " " }.prefix(4)
            }
                == ["├─a1", "│└─b", "│└─c", "└─d1"])
    }

    @Test("a chain of 20 000 images is cut, not followed into the ground")
    func deep() throws {
        let deep = (0..<20_000).map { number in
            legacy(name(number), on: number == 0 ? nil : name(number - 1), bytes: 1, second: 1)
        }
        let trees = imageTree(catalog(deep))
        #expect(trees.count == 100)
        #expect(treeLines(trees).count == 20_000)
        #expect(trees.compactMap(\.virtualBytes).max() == 19_801)
        let again = try JSONDecoder().decode([TreeNode].self, from: JSONEncoder().encode(trees))
        #expect(again == trees)
    }

    @Test("sizes too large to add up do not trap")
    func overflow() {
        let huge = [legacy("a1", bytes: .max), legacy("b1", on: "a1", bytes: .max)]
        #expect(imageTree(catalog(huge))[0].children[0].virtualBytes == .max)
    }

    @Test("an escape sequence in a tag does not reach the terminal")
    func escapes() {
        let lines = treeLines(imageTree(catalog([legacy("a1", tags: ["x\u{1B}[31m:1"])])))
        #expect(lines == ["└─a10000000000 Virtual Size: 0 B Tags: x%1B[31m:1"])
    }

    private func name(_ number: Int) -> String {
        String(repeating: "0", count: 6 - String(number).count) + String(number)
    }
}

@Suite("image tree of Docker 1.10 and later")
struct ContentAddressedTreeTests {
    private let layers = [
        layer("11", bytes: 1000), layer("22", on: "11", bytes: 200), layer("33", on: "22", bytes: 30),
        layer("44", on: "22", bytes: 4),
    ]
    private let images = [
        addressed("a1", chain: ["11"], tags: ["base:1"], second: 10),
        addressed("b1", chain: ["11", "22", "33"], tags: ["shop/api:4.10"], second: 20),
        addressed("c1", chain: ["11", "22", "44"], tags: ["shop/api:4.11"], second: 30),
        addressed("d1", chain: ["11", "22", "44"], from: "c1", second: 40),
        addressed("e1", chain: [], tags: ["scratch-built:1"], second: 5),
        addressed("f1", chain: ["11", "99"], second: 1),
    ]

    @Test("a shared layer is shown once, and an image below its top layer or the image it adds nothing to")
    func lines() {
        #expect(
            treeLines(imageTree(catalog(images, layers))) == [
                "├─layer 110000000000 Virtual Size: 1 kB",
                "│ ├─layer 220000000000 Virtual Size: 1.2 kB",
                "│ │ ├─layer 440000000000 Virtual Size: 1.204 kB",
                "│ │ │ └─c10000000000 Virtual Size: 1.204 kB Tags: shop/api:4.11",
                "│ │ │   └─d10000000000 Virtual Size: 1.204 kB",
                "│ │ └─layer 330000000000 Virtual Size: 1.23 kB",
                "│ │   └─b10000000000 Virtual Size: 1.23 kB Tags: shop/api:4.10",
                "│ └─a10000000000 Virtual Size: 1 kB Tags: base:1",
                "├─e10000000000 Virtual Size: 0 B Tags: scratch-built:1",
                "└─f10000000000 Virtual Size: unknown",
            ])
    }

    @Test("a reference to an image leaves the layers under it")
    func reference() {
        let nodes = imageTree(catalog(images, layers), matching: ["shop/api:4.10"])
        #expect(
            treeLines(nodes).map { $0.split(separator: " Virtual")[0] } == [
                "└─layer 110000000000", "  └─layer 220000000000", "    └─layer 330000000000", "      └─b10000000000",
            ])
    }
}

@Suite("lines of docker images")
struct ImageRowTests {
    private let now = Timestamp(seconds: 100 * 86_400)

    @Test("newest first, one line for each tag, intermediate images only when asked for")
    func rows() {
        let images = [
            legacy("a1", bytes: 202_600_000, second: 65 * 86_400),
            legacy("b1", on: "a1", bytes: 103_500_000, second: 88 * 86_400),
            legacy(
                "c1", on: "b1", bytes: 0, tags: ["centos:new2", "172.30.30.241:5000/centos1:latest"],
                second: 88 * 86_400 + 7200),
            legacy("d1", on: "b1", bytes: nil, second: 1),
        ]
        #expect(
            imageRows(catalog(images), now: now).map { $0.cells() } == [
                ["172.30.30.241:5000/centos1", "latest", "c10000000000", "11 days ago", "306.1 MB"],
                ["centos", "new2", "c10000000000", "11 days ago", "306.1 MB"],
                ["<none>", "<none>", "d10000000000", "3 months ago", "N/A"],
            ])
        #expect(
            imageRows(catalog(images), now: now, all: true).map { String($0.id.prefix(2)) } == [
                "c1", "c1", "b1", "a1", "d1",
            ])
    }

    @Test("an image known by its digest alone is shown with its repository; sizes are those of its layers")
    func digests() {
        var image = addressed("a1", chain: ["11", "22"], second: 0)
        image.digests = ["registry:5000/shop/api@sha256:\(id("77"))"]
        image.created = nil
        let rows = imageRows(catalog([image], [layer("11", bytes: 1000), layer("22", on: "11", bytes: 5)]), now: now)
        #expect(rows.map { $0.cells() } == [["registry:5000/shop/api", "<none>", "a10000000000", "N/A", "1.005 kB"]])
        #expect(rows.map(\.isLegacy) == [false])
    }
}

private func with<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
}
