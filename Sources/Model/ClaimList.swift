// SPDX-License-Identifier: Apache-2.0

/// Claims in the order in which they were made.
///
/// It is a list of lists, which are shared and not copied when two answers are joined: a large root has tens of thousands
/// of claims, and each holds several texts.
package struct ClaimList: Sendable {
    /// None is empty.
    package private(set) var lists: [[Claim]] = []

    /// Shorter lists are copied, so that there are not too many of them.
    private static let shortest = 256

    package init() {}

    package init(_ claims: [Claim]) { if !claims.isEmpty { lists = [claims] } }

    package var isEmpty: Bool { lists.isEmpty }
    package var first: Claim? { lists.first?.first }
    package var count: Int { lists.reduce(0) { $0 + $1.count } }

    package mutating func append(_ claim: Claim) {
        if lists.isEmpty { lists.append([claim]) } else { lists[lists.count - 1].append(claim) }
    }

    package mutating func append(contentsOf other: ClaimList) {
        for list in other.lists {
            if list.count < Self.shortest, !lists.isEmpty {
                lists[lists.count - 1] += list
            } else {
                lists.append(list)
            }
        }
    }
}

extension ClaimList: Sequence {
    package func makeIterator() -> some IteratorProtocol<Claim> { lists.lazy.joined().makeIterator() }
}
