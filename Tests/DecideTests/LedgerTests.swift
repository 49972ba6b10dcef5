// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

@Suite("The ledger")
struct LedgerTests {
    private func facts(used: Int64) -> FileSystemFacts {
        var facts = FileSystemFacts(
            type: "ext4", point: "/", totalBytes: 10_000, freeBytes: 10_000 - used, availableBytes: 0, totalInodes: 100,
            freeInodes: 60, own: [SpacePart("a", bytes: 30, inodes: 2), SpacePart("b", bytes: 12, inodes: 9)])
        facts.deleted = [
            DeletedFile(path: "/x", allocatedBytes: 100, holders: [DeletedFile.Holder(pid: 1, name: "init")])
        ]
        return facts
    }

    @Test("the parts add up to what the file system says is used, in bytes and in inodes")
    func sum() {
        let ledger = Ledger(facts(used: 5000), below: Usage(allocatedBytes: 4000, inodes: 20))
        #expect(ledger.other == Usage(allocatedBytes: 5000 - 4000 - 42 - 100, inodes: 40 - 20 - 11 - 1))
        #expect(!ledger.isOverdrawn)
    }

    @Test("more parts than is used is said, not hidden")
    func overdrawn() {
        let ledger = Ledger(facts(used: 100), below: Usage(allocatedBytes: 4000))
        #expect(ledger.isOverdrawn && ledger.other.allocatedBytes == 100 - 4000 - 142)
    }

    /// Two images that nothing needs and that share a layer, a third that a container uses, and one of a mount.
    private func images() -> (items: [Judged], reach: Reach, usage: [RelativePath: Usage]) {
        var findings = Findings()
        let layers = ["base", "mine", "a", "b", "c", "m"]
        for layer in layers { findings.add(Item(.layer, [RelativePath("overlay2/\(layer)")])) }
        for (image, layers) in [("a", ["base", "a"]), ("b", ["base", "b"]), ("c", ["mine", "c"]), ("m", ["m"])] {
            let path = RelativePath("image/\(image)")
            findings.add(Item(.image, [path]))
            findings.claim(path, by: .tag("\(image):1"), source: "repositories.json")
            for layer in layers {
                findings.claim(RelativePath("overlay2/\(layer)"), by: .item(path), source: path.text)
            }
        }
        findings.add(Item(.container, ["containers/1"].map { RelativePath($0) }))
        findings.claim(RelativePath("containers/1"), by: .container(id: "1", name: "web"), source: "x")
        findings.claim(RelativePath("image/c"), by: .item(RelativePath("containers/1")), source: "x")
        findings.claim(RelativePath("overlay2/m"), by: .mount("/somewhere"), source: "/proc/1/mountinfo")
        let reach = Reach(findings)
        let items = classify(
            findings, reach, Circumstances(now: Timestamp(seconds: 0), graceSeconds: 0, engine: .stopped))
        return (
            items, reach, Dictionary(uniqueKeysWithValues: items.map { ($0.item.path, Usage(allocatedBytes: 1000)) })
        )
    }

    @Test("what only unclaimed images share goes with all of them; what a container or a mount needs stays")
    func unclaimed() {
        let (items, reach, usage) = images()
        // Images a, b and m have nothing but tags; of m only the record goes, and `base` is shared by a and b alone.
        #expect(UnclaimedImages(items, reach, usage) == UnclaimedImages(count: 3, allocatedBytes: 6000))
        let byImage = SpaceByOwner(items, usage, Catalog(), reach)
        #expect(byImage.images().isEmpty)
    }
}

@Suite("Growth")
struct GrowthTests {
    private func snapshot(_ sizes: [String: Int64]) -> Snapshot {
        Snapshot(
            root: "/r", device: 1, inode: 2, taken: Timestamp(seconds: 0), rest: Usage(allocatedBytes: 4096, inodes: 1),
            items: sizes.sorted { $0.key < $1.key }.map {
                Snapshot.Line(
                    path: RelativePath($0.key), thing: .layer, names: [],
                    usage: Usage(allocatedBytes: $0.value, inodes: 1))
            }, filesystems: [])
    }

    @Test("each item is new, gone, grown or shrunk, or is not named; the largest change comes first")
    func changes() {
        let growth = Growth(
            from: snapshot(["same": 5, "grown": 10, "shrunk": 50, "gone": 7]),
            to: snapshot(["same": 5, "grown": 11, "shrunk": 20, "new": 9]))
        #expect(
            growth.lines.map { "\($0.path) \($0.change) \($0.bytes)" } == [
                "shrunk shrunk -30", "new new 9", "gone gone -7", "grown grown 1",
            ])
        #expect(growth.after.allocatedBytes - growth.before.allocatedBytes == growth.lines.reduce(0) { $0 + $1.bytes })
    }

    @Test("what only changed in inodes is named, too")
    func inodes() {
        var later = snapshot(["a": 5])
        later.items[0].usage.inodes = 3
        let growth = Growth(from: snapshot(["a": 5]), to: later)
        #expect(growth.lines.map(\.change) == [.grown] && growth.lines.map(\.inodes) == [2])
    }
}

@Suite("Treemap")
struct TreemapTests {
    private let area = Rectangle(x: 10, y: 20, width: 600, height: 400)

    @Test("areas are shares of the whole, inside it, and do not overlap", arguments: 1..<40 as Range<UInt64>)
    func shares(seed: UInt64) {
        var random = SplitMix(state: seed)
        let weights = (0..<Int.random(in: 1...40, using: &random)).map { _ in
            Int64.random(in: 0...100_000, using: &random)
        }
        .sorted(by: >)
        let tiles = treemap(weights, in: area)
        let total = weights.reduce(0, +)
        #expect(tiles.count == weights.count)
        for (weight, tile) in zip(weights, tiles) where total > 0 {
            #expect(abs(tile.area - area.area * Double(weight) / Double(total)) < 0.01, "seed \(seed)")
            #expect(tile.x >= area.x - 0.001 && tile.x + tile.width <= area.x + area.width + 0.001)
            #expect(tile.y >= area.y - 0.001 && tile.y + tile.height <= area.y + area.height + 0.001)
        }
        for (index, one) in tiles.enumerated() {
            for other in tiles[(index + 1)...] {
                let width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
                let height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
                #expect(width < 0.001 || height < 0.001, "seed \(seed)")
            }
        }
    }

    @Test("equal weights become squares, where there is room for squares")
    func squares() {
        let tiles = treemap([1, 1, 1, 1], in: Rectangle(x: 0, y: 0, width: 100, height: 100))
        #expect(tiles.allSatisfy { abs($0.width - 50) < 0.001 && abs($0.height - 50) < 0.001 })
        #expect(treemap([], in: area) == [] && treemap([0], in: area).map(\.area) == [0])
    }
}
