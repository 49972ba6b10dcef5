// SPDX-License-Identifier: Apache-2.0

package import Model

/// Who reaches what: the claims of a host as a graph over its items.
package struct Reach: Sendable {
    /// Items somebody needs.
    package private(set) var needed: Set<RelativePath> = []
    /// Items that nobody needs, but that the engine has a record of, or that such an item needs.
    package private(set) var known: Set<RelativePath> = []
    /// The claims on each item, whatever they are worth.
    package private(set) var claimsOn: [RelativePath: [Claim]] = [:]
    /// Claims on a directory that holds items: whoever sees it may use any of them.
    package private(set) var claimsAbove: [Claim] = []
    /// What each item claims: the items that cannot go before it does.
    package private(set) var needs: [RelativePath: Set<RelativePath>] = [:]

    package init(_ findings: Findings) {
        let index = ItemIndex(findings.items.values)
        var roots: Set<RelativePath> = []
        var records: Set<RelativePath> = []
        for claim in findings.claims {
            switch index.meaning(of: claim.target) {
            case .nothing: continue
            case .above:
                // A directory of items may be an item too (`volumes`), which the layout claims.
                claimsAbove.append(claim)
                guard findings.items[claim.target] != nil else { continue }
                add(claim, on: claim.target, &roots, &records)
            case .item(let item):
                add(claim, on: item, &roots, &records)
            }
        }
        needed = closure(of: roots)
        known = closure(of: records.subtracting(needed)).subtracting(needed)
    }

    /// Everything that `start` needs, with itself.
    package func closure(of start: Set<RelativePath>) -> Set<RelativePath> {
        var reached = start
        var pending = Array(start)
        while let item = pending.popLast() {
            for next in needs[item] ?? [] where reached.insert(next).inserted { pending.append(next) }
        }
        return reached
    }

    /// The chain of claims from something that counts by itself down to `item`; empty if nothing needs it.
    ///
    /// What people know (a tag, a container, a mount) goes before containerd's own records, however short the way.
    package func chain(to item: RelativePath) -> [Claim] {
        var visited: Set<RelativePath> = [item]
        var pending: [(RelativePath, [Claim])] = [(item, [])]
        var next = 0
        var records: [Claim] = []
        while next < pending.count {
            let (current, chain) = pending[next]
            next += 1
            for claim in claimsOn[current] ?? [] where claim.force == .needs {
                guard case .item(let claimant) = claim.claimant else {
                    guard case .containerd = claim.claimant else { return [claim] + chain }
                    if records.isEmpty { records = [claim] + chain }
                    continue
                }
                if needed.contains(claimant), visited.insert(claimant).inserted {
                    pending.append((claimant, [claim] + chain))
                }
            }
        }
        return records
    }

    /// Whoever keeps `item`, directly or through others, by a claim that counts by itself: containers first, then tags,
    /// then whoever else does, each once.
    package func keepers(of item: RelativePath) -> [Claimant] {
        var visited: Set<RelativePath> = [item]
        var pending = [item]
        var found: Set<Claimant> = []
        while let current = pending.popLast() {
            for claim in claimsOn[current] ?? [] where claim.force == .needs {
                if case .item(let claimant) = claim.claimant {
                    if needed.contains(claimant), visited.insert(claimant).inserted { pending.append(claimant) }
                } else {
                    found.insert(claim.claimant)
                }
            }
        }
        return found.sorted { ($0.rank, $0.description) < ($1.rank, $1.description) }
    }

    private mutating func add(
        _ claim: Claim, on item: RelativePath, _ roots: inout Set<RelativePath>, _ records: inout Set<RelativePath>
    ) {
        claimsOn[item, default: []].append(claim)
        switch (claim.force, claim.claimant) {
        case (.mentions, _): break
        case (.knows, _): records.insert(item)
        case (.needs, .item(let claimant)): needs[claimant, default: []].insert(item)
        case (.needs, _): roots.insert(item)
        }
    }
}

extension Claimant {
    /// What a person would rather be told: a container explains more than the mount that it made.
    fileprivate var rank: Int {
        switch self {
        case .container: 0
        case .tag: 1
        case .buildCache: 2
        case .process: 3
        case .mount: 4
        case .item: 5
        case .engine, .containerd: 6
        case .layout, .bilge: 7
        }
    }
}
