// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

@Suite("Classify")
struct ClassifyTests {
    private let layer = RelativePath("overlay2/a")
    private let other = RelativePath("overlay2/b")

    private func findings(_ items: [(Thing, RelativePath)]) -> Findings {
        var findings = Findings()
        for (thing, path) in items { findings.add(Item(thing, [path])) }
        return findings
    }

    @Test("damage never makes an orphan, and never makes anything reclaimable", arguments: 0..<500 as Range<UInt64>)
    func damageIsSafe(seed: UInt64) {
        var random = SplitMix(state: seed)
        let healthy = Findings.random(using: &random)
        let damaged = healthy.damaged(using: &random)
        let before = standings(healthy)
        let after = standings(damaged)
        for (path, standing) in after where standing == .orphan || standing == .reclaimable {
            let was = before[path]
            #expect(
                was == .orphan || was == standing,
                "seed \(seed): \(path) was \(String(describing: was)), is \(standing)")
        }
    }

    @Test("one more claim never makes an orphan", arguments: 0..<200 as Range<UInt64>)
    func claimsOnlyKeep(seed: UInt64) {
        var random = SplitMix(state: seed)
        let fewer = Findings.random(using: &random)
        var more = fewer
        more.claim(fewer.items.keys.sorted().randomElement(using: &random)!, by: .tag("new:1"), source: "x")
        let before = standings(fewer)
        for (path, standing) in standings(more) where standing == .orphan {
            #expect(before[path] == .orphan, "seed \(seed)")
        }
    }

    @Test("every verdict has evidence, and every path one verdict", arguments: 0..<200 as Range<UInt64>)
    func everythingIsExplained(seed: UInt64) {
        var random = SplitMix(state: seed)
        let findings = Findings.random(using: &random)
        let judged = classify(findings, Reach(findings), old(findings))
        #expect(judged.allSatisfy { !$0.evidence.isEmpty })
        #expect(judged.flatMap(\.item.paths).sorted() == findings.items.values.flatMap(\.paths).sorted())
    }

    @Test("a layer without a claim is an orphan; with one, in use")
    func claims() {
        var findings = findings([(.layer, layer)])
        #expect(standings(findings)[layer] == .orphan)
        findings.claim(layer, by: .tag("shop/api:1"), source: "repositories.json")
        #expect(standings(findings)[layer] == .inUse)
    }

    @Test("what only an orphan needs is an orphan; what something unknown needs is unknown")
    func transitive() {
        var findings = findings([(.layer, layer), (.layer, other)])
        findings.claim(other, by: .item(layer), source: "lower")
        #expect(standings(findings)[other] == .orphan)
        findings.problem("link", hides: [.item(layer)], because: "cut short")
        #expect(standings(findings)[layer] == .unknown)
        #expect(standings(findings)[other] == .unknown)
    }

    @Test("a record of the engine makes a thing reclaimable, with all it needs")
    func known() {
        var findings = findings([(.image, layer), (.layer, other)])
        findings.claim(layer, by: .engine("list"), .knows, source: "imagedb")
        findings.claim(other, by: .item(layer), source: "imagedb")
        #expect(standings(findings)[layer] == .reclaimable)
        #expect(standings(findings)[other] == .reclaimable)
    }

    @Test("a problem in its area makes a layer unknown; one elsewhere does not")
    func areas() {
        for (area, expected) in [
            (Area.everything, Standing.unknown), (.layers, .unknown), (.driver("overlay2"), .unknown),
            (.driver("aufs"), .orphan),
            (.volumes, .orphan), (.images, .orphan), (.item(layer), .unknown), (.item(other), .orphan),
            (.item(RelativePath("overlay2")), .unknown),
        ] {
            var findings = findings([(.layer, layer)])
            findings.problem("x", hides: [area], because: "unreadable")
            #expect(standings(findings)[layer] == expected, "\(area)")
        }
    }

    @Test("a problem with a driver's layers says nothing of what a transaction left among its records")
    func scratchOfRecords() {
        let scratch = RelativePath("image/overlay2/layerdb/tmp/write-set-1")
        for (area, expected) in [
            (Area.driver("overlay2"), Standing.orphan), (.layers, .orphan), (.scratch, .unknown),
            // All of a store may be hidden.
            (.storageDrivers, .unknown),
        ] {
            var findings = findings([(.scratch, scratch)])
            findings.problem("x", hides: [area], because: "unreadable")
            #expect(standings(findings)[scratch] == expected, "\(area)")
        }
    }

    @Test("what changed within the grace period is unknown, and so is what nobody could look at")
    func grace() {
        let findings = findings([(.layer, layer)])
        for (seconds, expected) in [(100, Standing.unknown), (3599, .unknown), (3601, .orphan)] {
            let changed = Timestamp(seconds: someTime.seconds - Int64(seconds))
            let now = Circumstances(now: someTime, graceSeconds: 3600, engine: .stopped, changed: [layer: changed])
            #expect(standings(findings, now)[layer] == expected, "\(seconds) s ago")
        }
        let blind = Circumstances(now: someTime, graceSeconds: 3600, engine: .stopped)
        #expect(standings(findings, blind)[layer] == .unknown)
        let future = Circumstances(
            now: someTime, graceSeconds: 3600, engine: .stopped,
            changed: [layer: Timestamp(seconds: someTime.seconds + 9999)])
        #expect(standings(findings, future)[layer] == .unknown)
    }

    @Test("scratch that changed since the engine started may be in flight")
    func scratch() {
        let path = RelativePath("image/overlay2/layerdb/tmp/write-set-1")
        let findings = findings([(.scratch, path)])
        for (started, expected) in [(someTime.seconds - 10, Standing.unknown), (someTime.seconds + 10, .orphan)] {
            let now = Circumstances(
                now: Timestamp(seconds: someTime.seconds + 99_999), graceSeconds: 60, engine: .running,
                engineStarted: Timestamp(seconds: started), changed: [path: someTime])
            #expect(standings(findings, now)[path] == expected)
        }
    }

    @Test("a layer that a running engine just made, or made just before a record it has not finished, may be in flight")
    func layersInFlight() {
        let findings = findings([(.layer, layer), (.anonymousVolume, other)])
        let changed = [layer: someTime, other: someTime]
        func standing(_ path: RelativePath, started: Int64?, now: Int64, unpackingSince: Int64? = nil) -> Standing? {
            var circumstances = Circumstances(
                now: Timestamp(seconds: someTime.seconds + now), graceSeconds: 0, engine: .running,
                engineStarted: started.map { Timestamp(seconds: someTime.seconds + $0) }, changed: changed)
            circumstances.unpackingSince = unpackingSince.map { Timestamp(seconds: someTime.seconds + $0) }
            return standings(findings, circumstances)[path]
        }
        #expect(standing(layer, started: -10, now: 0) == .unknown)
        #expect(standing(layer, started: -10, now: 59) == .unknown)
        #expect(standing(layer, started: -10, now: 61) == .orphan)
        #expect(standing(layer, started: -10, now: 9999, unpackingSince: 1) == .unknown)
        #expect(standing(layer, started: -10, now: 9999, unpackingSince: -9) == .unknown)
        #expect(standing(layer, started: -10, now: 9999, unpackingSince: 61) == .orphan)
        #expect(standing(layer, started: 10, now: 20, unpackingSince: 11) == .orphan, "another engine made it")
        #expect(standing(layer, started: nil, now: 0) == .orphan, "no engine runs")
        #expect(standing(other, started: -10, now: 0) == .orphan, "the engine lists a volume at once")
        #expect(
            standings(
                findings,
                Circumstances(now: someTime, graceSeconds: 0, engine: .running, engineStarted: someTime, changed: [:]))[
                    layer] == .unknown)
    }

    @Test("what only an orphan may have named hides nothing; what one that is too young may have named does")
    func namedByOrphan() {
        var findings = findings([(.layer, layer), (.layer, other)])
        findings.problem("overlay2/a/lower", hides: [.driver("overlay2")], unlessOrphan: layer, because: "empty")
        #expect(standings(findings) == [layer: .orphan, other: .orphan])
        let old = Timestamp(seconds: someTime.seconds - 7200)
        for (made, expected) in [(old, Standing.orphan), (someTime, .unknown)] {
            let now = Circumstances(
                now: someTime, graceSeconds: 3600, engine: .notAsked, changed: [layer: made, other: old])
            #expect(standings(findings, now) == [layer: expected, other: expected])
        }
        findings.claim(layer, by: .tag("a:1"), source: "x")
        #expect(standings(findings) == [layer: .inUse, other: .unknown])
    }

    @Test("what a running engine may keep in memory is unknown while it runs")
    func leftovers() {
        let container = RelativePath("containers/c")
        let findings = findings([(.containerLeftover, container)])
        #expect(standings(findings)[container] == .orphan)
        #expect(standings(findings, old(findings, engine: .stopped))[container] == .orphan)
        #expect(standings(findings, old(findings, engine: .running))[container] == .unknown)
        #expect(standings(findings, old(findings, engine: .unreachable))[container] == .unknown)
    }

    @Test("data of a driver that the engine does not use is unknown, never an orphan")
    func hiddenStore() {
        var findings = findings([(.layer, layer), (.layer, other)])
        findings.claim(other, by: .tag("a:1"), source: "x")
        let now = Circumstances(now: someTime, graceSeconds: 0, engine: .running, activeDriver: "vfs")
        #expect(standings(findings, now)[layer] == .unknown)
        #expect(standings(findings, now)[other] == .inUse)
    }

    @Test("whoever mounts a directory of volumes may use each of them; a mount of the whole root is only worth a note")
    func mountsAbove() {
        let volume = RelativePath("volumes/v")
        for (target, expected) in [
            ("volumes", Standing.unknown), ("", .orphan), ("volumes/v/sub", .inUse), ("volumes/w", .orphan),
        ] {
            var findings = findings([(.metadata, RelativePath("volumes")), (.anonymousVolume, volume)])
            findings.claim(RelativePath("volumes"), by: .layout, source: "layout")
            findings.claim(RelativePath(target), by: .container(id: "c", name: "backup"), source: "config.v2.json")
            #expect(standings(findings)[volume] == expected, "\(target)")
        }
    }

    @Test("a layer and its record become one item, data first; a bundle of orphans only if all are")
    func bundles() {
        let record = RelativePath("image/overlay2/layerdb/sha256/r")
        var findings = findings([(.layer, layer), (.removingLayer, record)])
        findings.bundles = [Bundle([layer, record])]
        var judged = classify(findings, Reach(findings), old(findings))
        #expect(judged.map(\.item.paths) == [[layer, record]])
        findings.claim(layer, by: .tag("a:1"), source: "x")
        judged = classify(findings, Reach(findings), old(findings))
        #expect(judged.count == 2)
        findings.claim(record, by: .tag("a:1"), source: "x")
        findings.bundles = [Bundle([layer, record], onlyOrphans: true)]
        #expect(classify(findings, Reach(findings), old(findings)).count == 2)
    }
}
