// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport

extension Findings {
    /// A random root: items of every class, claims from outside and among them.
    static func random(using random: inout SplitMix) -> Findings {
        var findings = Findings()
        let paths = (0..<Int.random(in: 3...40, using: &random)).map { RelativePath("overlay2/\($0)") }
        for path in paths { findings.add(Item(Thing.allCases.randomElement(using: &random)!, [path])) }
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            let target = paths.randomElement(using: &random)!
            let claimant: Claimant =
                switch Int.random(in: 0..<5, using: &random) {
                case 0: .tag("t:1")
                case 1: .container(id: "c", name: "web")
                case 2: .engine("list")
                default: .item(paths.randomElement(using: &random)!)
                }
            let force = [Claim.Force.needs, .needs, .knows, .mentions].randomElement(using: &random)!
            findings.claim(target, by: claimant, force, source: "somewhere")
        }
        return findings
    }

    /// The same root after damage: some records are lost, and for each of them there is a problem in everything it may
    /// have claimed, as every reader reports it: some of the records that only count as far as the item they belong to.
    func damaged(using random: inout SplitMix) -> Findings {
        var damaged = self
        let lost = claims.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        damaged.claims = ClaimList(claims.filter { !lost.contains($0) })
        for claim in lost {
            var owner: RelativePath?
            if case .item(let path) = claim.claimant, claim.force == .needs, Bool.random(using: &random) {
                owner = path
            }
            damaged.problem(
                claim.source, hides: [.item(claim.target)], unlessOrphan: owner, because: "cut short")
        }
        return damaged
    }
}

let someTime = Timestamp(seconds: 1_700_000_000)

/// Circumstances under which nothing is too young.
func old(_ findings: Findings, engine: EngineState = .notAsked) -> Circumstances {
    Circumstances(now: someTime, graceSeconds: 0, engine: engine)
}

/// The standing of each path.
func standings(_ findings: Findings, _ circumstances: Circumstances? = nil) -> [RelativePath: Standing] {
    let judged = classify(findings, Reach(findings), circumstances ?? old(findings))
    return Dictionary(uniqueKeysWithValues: judged.flatMap { entry in entry.item.paths.map { ($0, entry.standing) } })
}
