// SPDX-License-Identifier: Apache-2.0

/// The four answers to "who needs this?".
package enum Standing: String, Codable, CaseIterable, Sendable {
    /// Something claims it.
    case inUse
    /// The engine knows it and nothing claims it.
    case reclaimable
    /// No claim reaches it, every place that could hold a claim was read completely, and it is old enough.
    case orphan
    /// Anything else. Never touched.
    case unknown
}

/// One fact behind a verdict.
package struct Evidence: Hashable, Sendable {
    package enum Saying: String, Codable, Sendable {
        /// Somebody needs it.
        case claimed
        /// A place that could have held a claim was read, and holds none.
        case denied
        /// A place that could have held a claim could not be read.
        case problem
        /// Younger than the grace period.
        case young
        /// The engine itself marked it as garbage.
        case marked
        /// Claimed in a store that the engine does not show.
        case hidden
    }

    package var says: Saying
    /// Who or what says so.
    package var by: String
    /// Where that was read.
    package var source: String

    package init(_ says: Saying, by: String, source: String) {
        self.says = says
        self.by = by
        self.source = source
    }
}

/// An item with its standing and the evidence for it, which is never empty.
package struct Judged: Hashable, Sendable {
    package var item: Item
    package var standing: Standing
    /// Label `bilge.keep=true` or the keep list: never removed, whatever its standing.
    package var isProtected: Bool
    package var evidence: [Evidence]
    /// The store that it is in, if the engine does not show that one, or perhaps not.
    package var hidden: HiddenStore.Name?

    package init(_ item: Item, _ standing: Standing, isProtected: Bool = false, evidence: [Evidence]) {
        self.item = item
        self.standing = standing
        self.isProtected = isProtected
        self.evidence = evidence
    }
}

/// Whether an engine may be using the root, as far as could be found out.
package enum EngineState: String, Codable, Sendable {
    /// It answered, and the root is proven to be its own.
    case running
    /// Proven that none uses the root.
    case stopped
    /// `--offline`: nobody asked; writing needs the offline rules.
    case notAsked
    /// One may be running, but it did not answer, or not for this root.
    case unreachable
}
