// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import Testing

@Suite("Plans of what the engine keeps")
struct EngineStepsTests {
    private func chosen(_ id: String, _ kind: Policy.Kind = .images, cost: Cost.Class = .pullable, used: Int64 = 0)
        -> Selection.Chosen
    {
        let entry = Inventory.Entry(kind: kind, id: id, path: .root, names: ["\(id):1"])
        return Selection.Chosen(entry: entry, why: ["old"], cost: Cost(cost, used: Timestamp(seconds: used)))
    }

    private func plan(
        _ chosen: [Selection.Chosen], _ shared: [Plan.Shared], logs: [Plan.Step] = [], free: String? = nil
    ) throws -> Plan {
        var policy = Plan.Policy(kinds: ["images"], graceSeconds: 0, named: false, keep: [])
        policy.retention.free = try free.map { try FreeTarget($0) }
        var basis = PlanBasis(
            root: Plan.Root(path: "/d", device: 1, inode: 1), created: someTime, engine: .running, policy: policy,
            usage: [:], identities: [:], volumesWithOptions: [])
        basis.selection.chosen = chosen
        basis.shared = shared
        basis.logs = logs
        basis.space = (1000, 100)
        return makePlan([], Reach(Findings()), basis)
    }

    private func layer(_ name: String, _ bytes: Int64, _ steps: String...) -> Plan.Shared {
        Plan.Shared(path: RelativePath("overlay2/\(name)"), bytes: bytes, inodes: 1, steps: steps)
    }

    @Test("a shared layer is freed once, with the last image that has it, and not if one of them stays")
    func set() throws {
        let whole = try plan(
            [chosen("a"), chosen("b"), chosen("c")],
            [
                layer("1", 100, "image a", "image b"), layer("2", 10, "image b"),
                layer("3", 1, "image a", "image b", "image c"),
            ])
        #expect(whole.steps.map(\.freesBytes) == [0, 110, 1])
        #expect(whole.totals == Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 111))
        var part = whole
        part.steps.removeAll { $0.id == "a" }
        #expect(part.counted().steps.map(\.freesBytes) == [10, 0])
        #expect(part.counted().totals.freesWhenTrashEmptiesBytes == 10)
    }

    @Test("what cannot be put back is freed now, the rest when the trash is emptied")
    func totals() throws {
        let plan = try plan(
            [chosen("c", .containers, cost: .container), chosen("a"), chosen("k", .cache, cost: .cache)],
            [layer("1", 100, "image a"), layer("2", 20, "container c"), layer("3", 3, "buildCache k")])
        #expect(plan.steps.map(\.action) == [.removeContainer, .removeImage, .removeCache])
        #expect(plan.steps.map(\.undo) == [false, true, false])
        #expect(plan.totals == Plan.Totals(freesNowBytes: 23, freesWhenTrashEmptiesBytes: 100))
    }

    @Test("a target takes what is easiest to have again, what was used longest ago first, and then stops")
    func target() throws {
        let all = [
            chosen("pulled", used: 5), chosen("old", used: 1), chosen("own", cost: .irreplaceable, used: 0),
            chosen("cache", .cache, cost: .cache, used: 9),
        ]
        let layers = [
            layer("1", 50, "image pulled"), layer("2", 50, "image old"), layer("3", 500, "image own"),
            layer("4", 30, "buildCache cache"),
        ]
        // 100 of 1000 are free already.
        #expect(try plan(all, layers, free: "10%").steps.isEmpty)
        #expect(try plan(all, layers, free: "13%").steps.map(\.id) == ["cache"])
        #expect(try plan(all, layers, free: "14%").steps.map(\.id) == ["old", "cache"])
        let more = try plan(all, layers, free: "200B")
        #expect(Set(more.steps.map(\.id)) == ["pulled", "old", "cache"])
        #expect(more.kept.map(\.id) == ["own"] && more.kept[0].why[0].contains("200B free"))
        #expect(Set(try plan(all, layers, free: "99%").steps.map(\.id)) == ["pulled", "old", "own", "cache"])
    }

    @Test("logs are trimmed last, at once, and for a target after the build cache")
    func logs() throws {
        let log = Plan.Step(
            action: .trimLog, kind: "log", id: "c", names: ["web"], paths: [RelativePath("containers/c/c-json.log")],
            identities: [], freesBytes: 40, inodes: 0, undo: false, why: ["large"])
        let all = [chosen("a"), chosen("k", .cache, cost: .cache)]
        let layers = [layer("1", 100, "image a"), layer("2", 30, "buildCache k")]
        let whole = try plan(all, layers, logs: [log])
        #expect(whole.steps.map(\.action) == [.removeImage, .removeCache, .trimLog])
        #expect(whole.totals == Plan.Totals(freesNowBytes: 70, freesWhenTrashEmptiesBytes: 100))
        #expect(try plan(all, layers, logs: [log], free: "13%").steps.map(\.id) == ["k"])
        #expect(try plan(all, layers, logs: [log], free: "15%").steps.map(\.id) == ["k", "c"])
        #expect(try plan(all, layers, logs: [log], free: "10%").kept.allSatisfy { $0.why == ["10% are free already"] })
    }

    @Test("what a target takes brings what must go before it")
    func dependencies() throws {
        var child = chosen("child", cost: .irreplaceable)
        child.entry.parents = ["parent"]
        var parent = chosen("parent", cost: .dangling)
        parent.entry.containers = ["c": "container c"]
        let plan = try plan(
            [chosen("c", .containers, cost: .container), child, parent], [layer("1", 50, "image parent")], free: "15%")
        #expect(plan.steps.map(\.id) == ["c", "child", "parent"])
    }

    @Test("a policy that keeps nothing of a kind needs the number typed")
    func keepsNothing() throws {
        let steps = try plan([chosen("a"), chosen("b")], [])
        func judged(_ count: Int) -> [Judged] {
            (0..<count).map { Judged(Item(.image, [RelativePath("image/x/\($0)")]), .inUse, evidence: []) }
        }
        var graced = steps
        graced.policy.graceSeconds = 60
        #expect(breakers(graced, judged(2), engine: .running) == ["the policy would keep none of the 2 images"])
        #expect(breakers(graced, judged(3), engine: .running).isEmpty)
    }
}
