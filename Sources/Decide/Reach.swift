// SPDX-License-Identifier: Apache-2.0

package import Model

/// Who reaches what: the claims of a host as a graph over its items.
///
/// Paths are numbered, and everything is kept by number: a large root has tens of thousands of claims, and following one
/// must not cost a look-up of a path.
package struct Reach: Sendable {
    /// Claims on a directory that holds items: whoever sees it may use any of them.
    package private(set) var claimsAbove: [Claim] = []

    private let index: ItemIndex
    private let items: [RelativePath: Item]
    private var claims: [Claim]
    private var numbers: [RelativePath: Int32] = [:]
    private var nodes: [Node] = []
    /// For each claim the next one on the same item, in the order of `claims`; -1 after the last.
    private var nextOnItem: [Int32] = []
    private var edges: [Edge] = []

    private struct Node {
        let path: RelativePath
        /// Numbers of the first and the last claim on it; -1 without any.
        var claims: (first: Int32, last: Int32) = (-1, -1)
        /// Number of the latest of its edges; -1 without any.
        var edge: Int32 = -1
        /// Somebody who counts by himself needs it.
        var isRoot = false
        /// The engine has a record of it.
        var hasRecord = false
        var isNeeded = false
        var isKnown = false
    }

    /// "The item needs `target`."
    private struct Edge {
        let target: Int32
        /// Another edge of the same item; -1 after the last.
        let next: Int32
    }

    package init(_ findings: Findings) {
        index = findings.index
        items = findings.items
        claims = []
        numbers.reserveCapacity(items.count)
        nodes.reserveCapacity(items.count)
        add(findings.claims)
    }

    /// Takes in what another witness says.
    package mutating func add(_ more: [Claim]) {
        let first = claims.count
        if claims.isEmpty { claims = more } else { claims += more }
        nextOnItem += repeatElement(-1, count: more.count)
        for number in first..<claims.count {
            switch index.meaning(of: claims[number].target) {
            case .nothing: continue
            case .above:
                // A directory of items may be an item too (`volumes`), which the layout claims.
                let claim = claims[number]
                claimsAbove.append(claim)
                if items[claim.target] != nil { connect(number, to: claim.target) }
            case .item(let item): connect(number, to: item)
            }
        }
        mark()
    }

    private mutating func connect(_ number: Int, to item: RelativePath) {
        let node = self.node(of: item)
        let last = nodes[node].claims.last
        if last < 0 { nodes[node].claims.first = Int32(number) } else { nextOnItem[Int(last)] = Int32(number) }
        nodes[node].claims.last = Int32(number)
        switch (claims[number].force, claims[number].claimant) {
        case (.mentions, _): break
        case (.knows, _): nodes[node].hasRecord = true
        case (.needs, .item(let claimant)):
            let from = self.node(of: claimant)
            edges.append(Edge(target: Int32(node), next: nodes[from].edge))
            nodes[from].edge = Int32(edges.count - 1)
        case (.needs, _): nodes[node].isRoot = true
        }
    }

    private mutating func node(of path: RelativePath) -> Int {
        if let number = numbers[path] { return Int(number) }
        numbers[path] = Int32(nodes.count)
        nodes.append(Node(path: path))
        return nodes.count - 1
    }

    private mutating func mark() {
        var needed = [Bool](repeating: false, count: nodes.count)
        follow(nodes.indices.filter { nodes[$0].isRoot }, &needed)
        for number in nodes.indices { nodes[number].isNeeded = needed[number] }
        var known = needed
        follow(nodes.indices.filter { nodes[$0].hasRecord && !needed[$0] }, &known)
        for number in nodes.indices { nodes[number].isKnown = known[number] && !needed[number] }
    }

    /// Marks everything that `start` needs, with itself; it does not go on from what is marked already.
    private func follow(_ start: [Int], _ reached: inout [Bool]) {
        var pending = start
        for number in start { reached[number] = true }
        while let number = pending.popLast() {
            var edge = nodes[number].edge
            while edge >= 0 {
                let target = Int(edges[Int(edge)].target)
                if !reached[target] {
                    reached[target] = true
                    pending.append(target)
                }
                edge = edges[Int(edge)].next
            }
        }
    }
}

extension Reach {
    /// True if somebody needs the item.
    package func needs(_ item: RelativePath) -> Bool { numbers[item].map { nodes[Int($0)].isNeeded } ?? false }

    /// True if nobody needs the item, but the engine has a record of it, or such an item needs it.
    package func knows(_ item: RelativePath) -> Bool { numbers[item].map { nodes[Int($0)].isKnown } ?? false }

    /// The claims on an item, whatever they are worth, in the order in which they were made.
    package func claims(on item: RelativePath) -> Claims {
        Claims(claims: claims, following: nextOnItem, number: numbers[item].map { nodes[Int($0)].claims.first } ?? -1)
    }

    package struct Claims: Sequence, IteratorProtocol {
        fileprivate let claims: [Claim]
        fileprivate let following: [Int32]
        fileprivate var number: Int32

        package mutating func next() -> Claim? {
            guard number >= 0 else { return nil }
            defer { number = following[Int(number)] }
            return claims[Int(number)]
        }
    }

    /// What each item claims: the items that cannot go before it does.
    package var needs: [RelativePath: Set<RelativePath>] {
        var needs: [RelativePath: Set<RelativePath>] = [:]
        for node in nodes {
            var edge = node.edge
            while edge >= 0 {
                needs[node.path, default: []].insert(nodes[Int(edges[Int(edge)].target)].path)
                edge = edges[Int(edge)].next
            }
        }
        return needs
    }

    /// Everything that `start` needs, with itself.
    package func closure(of start: Set<RelativePath>) -> Set<RelativePath> {
        var reached = [Bool](repeating: false, count: nodes.count)
        follow(start.compactMap { numbers[$0].map(Int.init) }, &reached)
        return start.union(nodes.indices.lazy.filter { reached[$0] }.map { nodes[$0].path })
    }

    /// The chain of claims from something that counts by itself down to `item`; empty if nothing needs it.
    package func chain(to item: RelativePath) -> [Claim] {
        var visited: Set<RelativePath> = [item]
        var pending: [(RelativePath, [Claim])] = [(item, [])]
        var next = 0
        while next < pending.count {
            let (current, chain) = pending[next]
            next += 1
            for claim in claims(on: current) where claim.force == .needs {
                guard case .item(let claimant) = claim.claimant else { return [claim] + chain }
                if needs(claimant), visited.insert(claimant).inserted {
                    pending.append((claimant, [claim] + chain))
                }
            }
        }
        return []
    }
}
