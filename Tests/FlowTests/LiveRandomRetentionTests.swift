// SPDX-License-Identifier: Apache-2.0

import Act
import Flow
import Foundation
import Model
import TestSupport
import Testing

/// Random policies on a real engine with random images, containers and volumes.
@Suite(.serialized, .enabled(if: LiveEngine.obstacle == nil, "\(LiveEngine.obstacle ?? "")"))
struct LiveRandomRetentionTests {
    /// `BILGE_RETENTION_SEED` repeats a run.
    static let seed =
        ProcessInfo.processInfo.environment["BILGE_RETENTION_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0..<100_000)
    static let rounds = 5
    static let plansPerRound = 40

    @Test("200 policies plan nothing that is protected, and what is carried out frees the bytes that were predicted")
    func random() async throws {
        print("seed \(Self.seed)")
        let host = try RandomHost(seed: Self.seed)
        defer {
            _ = try? host.engine.docker("kill", "runs")
            host.engine.stop()
        }
        var random = SplitMix(state: Self.seed &+ 1)
        var steps: [String: Int] = [:]
        var carried = 0
        for _ in 0..<Self.rounds {
            try host.fill()
            let seen = try await survey(host.request)
            let protected = try host.protected()
            var largest: Plan?
            for _ in 0..<Self.plansPerRound {
                let plan = try Flow.plan(seen, try randomPolicy(using: &random))
                check(plan, protected)
                for step in plan.steps { steps[step.kind, default: 0] += 1 }
                // A few steps of many kinds are better than all of one, and leave something for the next round.
                let kinds = Set(plan.steps.map(\.kind)).count
                if plan.steps.count <= 12, kinds > Set(largest?.steps.map(\.kind) ?? []).count { largest = plan }
            }
            guard let largest else { continue }
            try await carryOut(largest, seen, host, protected)
            carried += 1
        }
        #expect(carried >= 3, "seed \(Self.seed)")
        for kind in ["image", "container", "volume"] { #expect(steps[kind, default: 0] > 50, "\(steps)") }
        print("carried out \(carried) of \(Self.rounds * Self.plansPerRound) plans, steps \(steps)")
    }

    private func randomPolicy(using random: inout SplitMix) throws -> Plan.Policy {
        var retention = try Policy.random(using: &random)
        // Nothing here has a digest.
        if Bool.random(using: &random), var rules = retention.rules[.images] {
            rules.irreplaceable = true
            retention.rules[.images] = rules
        }
        return Plan.Policy(
            kinds: retention.rules.keys.map(\.rawValue).sorted(), graceSeconds: 0,
            named: retention.rules[.volumes]?.named ?? false, keep: [], retention: retention)
    }

    /// What stands in the engine's own lists as needed is in no step.
    private func check(_ plan: Plan, _ protected: RandomHost.Protected) {
        let gone = Set(plan.steps.map(\.id))
        let rules = plan.policy.retention.rules
        #expect(gone.isDisjoint(with: protected.running) && gone.isDisjoint(with: protected.labelled), "\(plan.policy)")
        for step in plan.steps {
            switch step.kind {
            case "image":
                #expect(protected.images.contains(step.id))
                #expect(protected.users[step.id, default: []].isSubset(of: gone), "\(plan.policy)")
                #expect(rules[.images]?.irreplaceable == true || !protected.withoutDigest.contains(step.id))
            case "volume", "anonymousVolume", "namedVolume":
                #expect(protected.mounts[step.id] == nil, "\(plan.policy)")
                #expect(rules[.volumes]?.named == true || !protected.named.contains(step.id))
            case "container": #expect(protected.containers.contains(step.id))
            default: #expect(step.kind == "buildCache", "\(step)")
            }
        }
        #expect(
            plan.steps.reduce(0) { $0 + $1.freesBytes }
                == plan.totals.freesNowBytes + plan.totals.freesWhenTrashEmptiesBytes)
    }

    /// Does it, and compares what it frees, at once and when the trash is emptied, with what `du` sees.
    private func carryOut(
        _ plan: Plan, _ seen: Survey, _ host: RandomHost, _ protected: RandomHost.Protected
    ) async throws {
        let full = try host.allocatedBytes()
        let receipt = try await Flow.carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request)
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason)), seed \(Self.seed)")
        let emptied = try await emptyTrash(runs: [], olderThanSeconds: 0, host.request)
        #expect(emptied.items.allSatisfy { $0.outcome == .done }, "\(emptied.items.map(\.reason))")
        let freed = full - (try host.allocatedBytes())
        let predicted = plan.totals.freesNowBytes + plan.totals.freesWhenTrashEmptiesBytes
        print("predicted \(predicted), freed \(freed), \(plan.steps.count) steps")
        #expect(abs(freed - predicted) <= 8 << 10, "freed \(freed), predicted \(predicted), seed \(Self.seed)")
        let now = try host.protected()
        let gone = Set(plan.steps.map(\.id))
        #expect(now.images == protected.images.subtracting(gone) && now.volumes == protected.volumes.subtracting(gone))
        #expect(now.containers == protected.containers.subtracting(gone) && now.running == protected.running)
    }
}
