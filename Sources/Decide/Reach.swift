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
    private(set) var claims = NumberedClaims()
    /// For each claim the next one on the same item, in the order of `claims`; -1 after the last.
    private var nextOnItem: [Int32] = []
    /// For each claim the number of the item that makes it; -1 if it is made by anything else.
    private var claimants: [Int32] = []
    /// What each claim says, side by side: there are many on one item, and few have to be looked at as a whole.
    private var sayings: [Saying] = []
    /// The items by their number, and behind them whatever else makes claims.
    private var nodes: [Node]
    private var others: [RelativePath: Int32] = [:]
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

    struct Saying {
        let force: Claim.Force
        let thing: Thing?
    }

    /// "The item needs `target`."
    private struct Edge {
        let target: Int32
        /// Another edge of the same item; -1 after the last.
        let next: Int32
    }

    /// - Parameter all: runs independent tasks and returns their answers in order, such as `concurrently`.
    package init(_ findings: Findings, all: ([@Sendable () -> [Ends]]) -> [[Ends]] = { $0.map { $0() } }) {
        index = findings.index
        nodes = index.known.map { Node(path: $0) }
        let index = index
        let parts = findings.claims.lists.flatMap { list in
            stride(from: 0, to: list.count, by: 4096).map { (list, $0..<min($0 + 4096, list.count)) }
        }
        let ends = all(
            parts.map { list, range in
                {
                    // Where they are: a slice would be a copy of each.
                    let claims = list.span
                    return range.map { Ends(claims[$0], index) }
                }
            })
        add(findings.claims, ends.flatMap(\.self))
    }

    /// The two ends of a claim by number: finding them is most of the work.
    package struct Ends: Sendable {
        /// -1 for nothing that is an item.
        fileprivate let target: Int32
        fileprivate let isAbove: Bool
        /// -1 unless it is an item.
        fileprivate let claimant: Int32
        fileprivate let saying: Saying

        fileprivate init(_ claim: borrowing Claim, _ index: ItemIndex) {
            let (number, isAbove) = index.find(claim.target) ?? (-1, false)
            target = Int32(number)
            self.isAbove = isAbove
            saying = Saying(force: claim.force, thing: claim.thing)
            if case .item(let path) = claim.claimant {
                claimant = index.number(of: path).map { Int32($0) } ?? -1
            } else {
                claimant = -1
            }
        }
    }

    /// Takes in what another witness says.
    package mutating func add(_ more: ClaimList) { add(more, more.map { Ends($0, index) }) }

    private mutating func add(_ more: ClaimList, _ ends: [Ends]) {
        guard !more.isEmpty else { return }
        let first = claims.count
        claims.append(more)
        nextOnItem += repeatElement(-1, count: ends.count)
        claimants += repeatElement(-1, count: ends.count)
        sayings += ends.lazy.map(\.saying)
        for (number, ends) in zip(first..., ends) {
            if ends.isAbove { claimsAbove.append(claims[number]) }
            // A directory of items may be an item too (`volumes`), which the layout claims.
            if ends.target >= 0 { connect(number, to: Int(ends.target), from: ends.claimant) }
        }
        mark()
    }

    private mutating func connect(_ number: Int, to item: Int, from known: Int32) {
        let last = nodes[item].claims.last
        if last < 0 { nodes[item].claims.first = Int32(number) } else { nextOnItem[Int(last)] = Int32(number) }
        nodes[item].claims.last = Int32(number)
        if known >= 0 {
            claimants[number] = known
        } else if case .item(let claimant) = claims[number].claimant {
            claimants[number] = Int32(node(of: claimant))
        }
        let claimant = Int(claimants[number])
        switch sayings[number].force {
        case .mentions: break
        case .knows: nodes[item].hasRecord = true
        case .needs where claimant < 0: nodes[item].isRoot = true
        case .needs:
            edges.append(Edge(target: Int32(item), next: nodes[claimant].edge))
            nodes[claimant].edge = Int32(edges.count - 1)
        }
    }

    private mutating func node(of path: RelativePath) -> Int {
        if let number = number(of: path) { return number }
        others[path] = Int32(nodes.count)
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

/// Claims by the order in which they were added, from 0 on.
struct NumberedClaims: Sendable {
    private var lists: [[Claim]] = []
    /// The number of the first claim of each list.
    private var starts: [Int] = []
    private(set) var count = 0

    mutating func append(_ more: ClaimList) {
        for list in more.lists {
            lists.append(list)
            starts.append(count)
            count += list.count
        }
    }

    subscript(number: Int) -> Claim {
        var (low, high) = (0, starts.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= number { low = middle } else { high = middle - 1 }
        }
        return lists[low][number - starts[low]]
    }
}

extension Reach {
    /// The number of an item, or of something else that makes claims.
    func number(of path: RelativePath) -> Int? { index.number(of: path) ?? others[path].map(Int.init) }

    /// Numbers are below this.
    var count: Int { nodes.count }

    /// True if somebody needs the item.
    func isNeeded(_ number: Int) -> Bool { nodes[number].isNeeded }

    /// True if nobody needs the item, but the engine has a record of it, or such an item needs it.
    func isKnown(_ number: Int) -> Bool { nodes[number].isKnown }

    /// The items that nobody needs and of which no engine has a record.
    var unclaimed: [RelativePath] {
        index.known.indices.filter { !nodes[$0].isNeeded && !nodes[$0].isKnown }.map { index.known[$0] }
    }

    /// Where in `claims` those on an item are, in their order, whatever they are worth.
    func claims(on number: Int) -> ClaimNumbers {
        ClaimNumbers(number: nodes[number].claims.first, following: nextOnItem)
    }

    /// What a claim says, but for who makes it and where.
    func saying(_ claim: Int) -> Saying { sayings[claim] }

    /// True if a claim on a needed item is one of those that make it needed.
    func counts(_ claim: Int) -> Bool { claimants[claim] < 0 || nodes[Int(claimants[claim])].isNeeded }

    struct ClaimNumbers: Sequence, IteratorProtocol {
        fileprivate var number: Int32
        fileprivate let following: [Int32]

        mutating func next() -> Int? {
            guard number >= 0 else { return nil }
            defer { number = following[Int(number)] }
            return Int(number)
        }
    }

    /// The claims on an item, whatever they are worth, in the order in which they were made.
    package func claims(on item: RelativePath) -> [Claim] {
        number(of: item).map { number in claims(on: number).map { claims[$0] } } ?? []
    }

    /// True if somebody needs the item.
    package func needs(_ item: RelativePath) -> Bool { number(of: item).map(isNeeded) ?? false }

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
        follow(start.compactMap(number(of:)), &reached)
        return start.union(nodes.indices.lazy.filter { reached[$0] }.map { nodes[$0].path })
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
            for claim in claims(on: current) where claim.force == .needs {
                guard case .item(let claimant) = claim.claimant else {
                    guard case .containerd = claim.claimant else { return [claim] + chain }
                    if records.isEmpty { records = [claim] + chain }
                    continue
                }
                if needs(claimant), visited.insert(claimant).inserted {
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
            for claim in claims(on: current) where claim.force == .needs {
                if case .item(let claimant) = claim.claimant {
                    if needs(claimant), visited.insert(claimant).inserted { pending.append(claimant) }
                } else {
                    found.insert(claim.claimant)
                }
            }
        }
        return found.sorted { ($0.rank, $0.description) < ($1.rank, $1.description) }
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
