// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

@Suite("Plans")
struct MakePlanTests {
    private let identity = Identity(device: 1, inode: 2, birth: 3, changed: 4, mode: 0o040755)

    private func basis(_ findings: Findings, kinds: [String], named: Bool = false, engine: EngineState = .notAsked)
        -> PlanBasis
    {
        PlanBasis(
            root: Plan.Root(path: "/d", device: 1, inode: 1), created: someTime, engine: engine,
            policy: Plan.Policy(kinds: kinds, graceSeconds: 0, named: named, keep: []),
            usage: findings.items.mapValues { _ in Usage(allocatedBytes: 4096, inodes: 1) },
            identities: Dictionary(uniqueKeysWithValues: findings.items.keys.map { ($0, identity) }),
            volumesWithOptions: [])
    }

    private func plan(
        _ findings: Findings, kinds: [String] = ["orphans"], named: Bool = false, engine: EngineState = .notAsked
    ) -> Plan {
        let reach = Reach(findings)
        let judged = classify(findings, reach, old(findings, engine: engine))
        return makePlan(judged, reach, basis(findings, kinds: kinds, named: named, engine: engine))
    }

    @Test("whatever refers to another goes first", arguments: 0..<300 as Range<UInt64>)
    func childrenBeforeParents(seed: UInt64) {
        var random = SplitMix(state: seed)
        var findings = Findings()
        let paths = (0..<20).map { RelativePath("overlay2/\($0)") }.shuffled(using: &random)
        for path in paths { findings.add(Item(.layer, [path])) }
        // Only from later to earlier paths: a stack of layers has no cycles.
        for index in 1..<20 where Bool.random(using: &random) {
            findings.claim(paths[Int.random(in: 0..<index, using: &random)], by: .item(paths[index]), source: "lower")
        }
        let order = plan(findings).steps.map { $0.paths[0] }
        #expect(order.count == 20)
        for claim in findings.claims {
            guard case .item(let child) = claim.claimant else { continue }
            #expect(order.firstIndex(of: child)! < order.firstIndex(of: claim.target)!, "seed \(seed)")
        }
    }

    @Test("only orphans of classes that may be moved are taken", arguments: 0..<300 as Range<UInt64>)
    func onlyOrphans(seed: UInt64) {
        var random = SplitMix(state: seed)
        let findings = Findings.random(using: &random)
        let standings = standings(findings)
        for step in plan(findings, kinds: ["orphans", "volumes"]).steps {
            #expect(step.paths.allSatisfy { standings[$0] == .orphan }, "seed \(seed)")
            #expect(
                step.paths.allSatisfy { Rule.mayBeQuarantined(findings.items[$0]!.thing) || findings.items[$0] == nil })
            #expect(!step.why.isEmpty)
            #expect(step.identities.count == step.paths.count)
        }
    }

    @Test("plain prune leaves volumes alone, whatever their standing")
    func volumesAreAskedFor() {
        var findings = Findings()
        findings.add(Item(.anonymousVolume, [RelativePath("volumes/a")]))
        #expect(plan(findings).steps.isEmpty)
        #expect(plan(findings, kinds: ["volumes"]).steps.map(\.action) == [.quarantine])
    }

    @Test("a volume the engine knows goes through the engine, online only, and a chosen name only with --named")
    func knownVolumes() {
        var findings = Findings()
        findings.add(Item(.namedVolume, [RelativePath("volumes/pgdata")]))
        findings.claim(RelativePath("volumes/pgdata"), by: .engine("list"), .knows, source: "/volumes")
        #expect(plan(findings, kinds: ["volumes"], named: true, engine: .notAsked).steps.isEmpty)
        #expect(plan(findings, kinds: ["volumes"], engine: .running).steps.isEmpty)
        #expect(
            plan(findings, kinds: ["volumes"], named: true, engine: .running).steps.map(\.action) == [.removeVolume])
    }

    @Test("an item whose entries could not all be looked at is kept and named")
    func blindSpots() {
        var findings = Findings()
        findings.add(Item(.layer, [RelativePath("overlay2/a"), RelativePath("overlay2/l/A")]))
        let result = plan(findings)
        #expect(result.steps.isEmpty)
        #expect(result.kept.map(\.id) == ["a"])
        #expect(result.kept.map(\.why) == [["one of its entries could not be looked at"]])
    }

    @Test("a plan that would take most of a running host needs the number typed")
    func breakersTrip() {
        var findings = Findings()
        for index in 0..<20 { findings.add(Item(.layer, [RelativePath("overlay2/\(index)")])) }
        for index in 0..<5 { findings.claim(RelativePath("overlay2/\(index)"), by: .tag("a:\(index)"), source: "x") }
        let reach = Reach(findings)
        let judged = classify(findings, reach, old(findings, engine: .running))
        var basis = basis(findings, kinds: ["orphans"], engine: .running)
        basis.policy.graceSeconds = 3600
        let plan = makePlan(judged, reach, basis)
        #expect(breakers(plan, judged, engine: .running) == ["15 of 20 items of kind layer would go"])
        #expect(breakers(plan, judged, engine: .stopped) == [])
    }

    @Test("a plan's name says what it does: equal plans share it, others do not")
    func names() {
        var findings = Findings()
        findings.add(Item(.layer, [RelativePath("overlay2/a")]))
        let one = plan(findings)
        #expect(one.plan == plan(findings).plan)
        findings.add(Item(.layer, [RelativePath("overlay2/b")]))
        #expect(one.plan != plan(findings).plan)
    }
}
