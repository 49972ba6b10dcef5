// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import Testing

@testable import Flow
@testable import bilge

func judged(
    _ thing: Thing, _ paths: String..., standing: Standing = .inUse, names: [String] = [], protected: Bool = false,
    evidence: [Evidence] = [
        Evidence(.claimed, by: "container web (0123456789ab)", source: "containers/x/config.v2.json")
    ]
) -> Judged {
    Judged(
        Item(thing, paths.map { RelativePath($0) }, names: names), standing, isProtected: protected, evidence: evidence)
}

@Suite("df")
struct DiskReportTests {
    private let items = [
        judged(.image, "image/a"), judged(.layer, "overlay2/a"), judged(.layer, "overlay2/b", standing: .reclaimable),
        judged(.container, "containers/c1"), judged(.log, "containers/c1/c1-json.log"),
        judged(.namedVolume, "volumes/pg", standing: .reclaimable), judged(.namedVolume, "volumes/used"),
        judged(.anonymousVolume, "volumes/x", standing: .orphan),
        judged(.layer, "overlay2/o", standing: .orphan, protected: true),
        judged(.foreign, "my-stuff", standing: .unknown), judged(.metadata, ".bilge/run"),
        judged(.scratch, "tmp/x", standing: .unknown),
    ]

    private var usage: [RelativePath: Usage] {
        var usage: [RelativePath: Usage] = [:]
        for (index, entry) in items.enumerated() {
            usage[entry.item.path] = Usage(allocatedBytes: 1000 << index, inodes: 1)
        }
        return usage
    }

    private func report(_ around: DiskReport.Surroundings = DiskReport.Surroundings()) -> DiskReport {
        DiskReport(items, usage, Names(items, Catalog()), around)
    }

    private func row(_ category: DiskReport.Category) throws -> DiskReport.Row {
        try #require(report().rows.first { $0.category == category })
    }

    @Test("every item is in one row, so that the rows add up")
    func sum() {
        let report = report()
        let all = usage.values.reduce(into: Usage()) { $0 += $1 }
        #expect(report.total == all)
        #expect(report.rows.reduce(into: Usage()) { $0 += $1.usage } == all)
    }

    @Test("each hidden store has a line of its own, and nothing in it is offered")
    func hiddenStores() throws {
        var entries = [
            judged(.layer, "overlay2/a"), judged(.layer, "overlay2/b", standing: .unknown),
            judged(.layer, "vfs/dir/a", standing: .unknown), judged(.layer, "btrfs/subvolumes/a"),
            judged(.layer, "zfs/graph/a", standing: .reclaimable),
        ]
        entries[0].hidden = HiddenStore.Name("overlay2", isCertain: true)
        entries[1].hidden = HiddenStore.Name("overlay2", isCertain: true)
        entries[2].hidden = HiddenStore.Name("vfs", isCertain: false)
        let usage = entries.reduce(into: [:]) { $0[$1.item.path] = Usage(allocatedBytes: 1000, inodes: 1) }
        let report = DiskReport(entries, usage, Names(entries, Catalog()))
        let rows = report.rows.filter { $0.category == .hiddenStore }
        #expect(rows.map(\.title) == ["Hidden store: overlay2", "Store, maybe hidden: vfs"])
        #expect(rows.map(\.usage.allocatedBytes) == [2000, 1000] && rows.allSatisfy { $0.freeableBytes == nil })
        #expect(report.total.allocatedBytes == 5000 && report.freeableBytes == 1000)
    }

    @Test("every kind of thing has a row", arguments: Thing.allCases, Standing.allCases)
    func rows(thing: Thing, standing: Standing) {
        let entry = judged(thing, "some/where", standing: standing)
        let report = DiskReport(
            [entry], ["some/where"].reduce(into: [:]) { $0[RelativePath($1)] = Usage(allocatedBytes: 7) },
            Names([entry], Catalog()))
        #expect(report.total.allocatedBytes == 7 && report.rows.count == 1)
        // What only containerd may remove stays in its own row.
        let row: DiskReport.Category = thing.isContainerds ? .containerdStore : .orphans
        #expect(standing != .orphan || report.rows[0].category == row)
        #expect(standing != .unknown || (report.rows[0].freeableBytes ?? 0) == 0)
        #expect(standing != .inUse || (report.rows[0].freeableBytes ?? 0) == 0)
    }

    @Test("images are counted by their records, and layers only take space")
    func images() throws {
        let row = try row(.images)
        #expect(row.items == 1 && row.inUse == 1 && row.usage.allocatedBytes == 7000 && row.freeableBytes == 4000)
    }

    @Test("what is protected is not offered, and named volumes never are")
    func offers() throws {
        #expect(try row(.orphans).freeableBytes == 1000 << 7)
        #expect(try row(.namedVolumes).freeableBytes == nil)
        #expect(try row(.namedVolumes).notes == ["1 unused: 32 kB, not touched by default"])
        #expect(try row(.trash).freeableBytes == 1000 << 10)
    }

    @Test("what is no item is in a row, too, and what all unclaimed images take stands beside the engine's figure")
    func surroundings() {
        let around = DiskReport.Surroundings(
            rest: Usage(allocatedBytes: 77, inodes: 1),
            unclaimed: UnclaimedImages(count: 2, allocatedBytes: 5000), engineBytes: 3000)
        let report = report(around)
        #expect(report.total.allocatedBytes == self.report().total.allocatedBytes + 77)
        #expect(
            report.rows.first?.notes.first == "5 kB would go with the 2 that no container needs (docker says 3 kB)")
        #expect(self.report().rows.first?.notes == [])
    }

    @Test("the way from what is below the root to what is used is shown line by line, and adds up")
    func ledger() throws {
        var facts = FileSystemFacts(
            type: "ext4", point: "/", totalBytes: 100_000_000, freeBytes: 90_000_000, availableBytes: 80_000_000,
            totalInodes: 100, freeInodes: 50, own: [SpacePart("topmost directory", bytes: 4096, inodes: 1)])
        facts.deleted = [
            DeletedFile(
                path: "/var/log/%1B[2J", allocatedBytes: 1_000_000,
                holders: [DeletedFile.Holder(pid: 812, name: "dockerd")])
        ]
        let below = report().total
        let answer = DiskAnswer(
            place: bilge.Place(root: .sample, engine: .init(state: .notAsked)),
            report: report(DiskReport.Surroundings(ledgers: [Ledger(facts, below: below)])), problems: [],
            isVerbose: true)
        let text = answer.lines(Style(isColoured: false)).joined(separator: "\n")
        #expect(text.contains("largest: dockerd (812) 1 MB; freed when closed"))
        #expect(text.contains("Kept by ext4") && text.contains("Other data on this ext4"))
        #expect(text.contains("Used on this ext4") && text.contains("10 MB"))
        #expect(text.contains("DELETED, STILL OPEN") && text.contains("/var/log/%1B[2J") && !text.contains("\u{1B}"))
    }

    @Test("next steps are at most three, and begin with what can be had back")
    func next() {
        let steps = nextSteps(report(), [], hint: { "bilge " + $0 })
        #expect(steps.map(\.command) == ["bilge scan -v", "bilge prune -n", "bilge prune volumes -n"])
        let volume = DiskReport(
            [judged(.anonymousVolume, "volumes/x", standing: .orphan)],
            [RelativePath("volumes/x"): Usage(allocatedBytes: 4096)], Names([], Catalog()))
        #expect(nextSteps(volume, [], hint: { $0 }).map(\.command) == ["scan -v", "prune volumes -n", "tree"])
        let empty = DiskReport([], [:], Names([], Catalog()))
        let problem = Problem(path: "x", areas: [.everything], reason: "cut off")
        #expect(nextSteps(empty, [problem], hint: { $0 }).first?.command == "scan -v")
    }
}

extension Survey.Root {
    static var sample: Survey.Root {
        Survey.Root(
            path: "/r", how: "--data-root", filesystem: "ext4", eras: [], drivers: [], owner: "none", notes: [],
            writeObstacles: [])
    }
}
