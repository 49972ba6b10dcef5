// SPDX-License-Identifier: Apache-2.0

/// What may go and what must stay: the value that the flags of `prune` and a policy file both make.
///
/// The words and how they combine: `docs/policies.md`. A thing goes only if every rule of its kind lets it go.
package struct Policy: Codable, Hashable, Sendable {
    /// What the engine keeps and a policy decides about.
    package enum Kind: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
        case images, containers, volumes, cache, logs
    }

    /// The rules of each kind that is to be pruned; what is not in it is left alone.
    package var rules: [Kind: Rules]
    /// Stop as soon as so much of the file system would be free; what is easiest to get back goes first.
    package var free: FreeTarget?

    /// What the builder keeps for itself may go, too.
    package var takesInternal: Bool { rules[.cache]?.all ?? false }

    package init(rules: [Kind: Rules] = [:], free: FreeTarget? = nil) {
        self.rules = rules
        self.free = free
    }

    /// The rules of one kind. Without any, a kind has its default, which is what Docker's own `prune` takes.
    package struct Rules: Codable, Hashable, Sendable {
        /// The newest so many images of each repository stay.
        package var keepLast: Int?
        /// What was used within so many seconds stays.
        package var unusedForSeconds: Int64?
        /// What was built since then stays.
        package var builtBefore: Cutoff?
        /// What came to this host since then stays.
        package var pulledBefore: Cutoff?
        /// What one of them does not match stays; see `Filter`.
        package var filters: [Filter] = []
        /// Patterns of whole names that stay.
        package var keep: [String] = []
        /// Not only what Docker calls dangling.
        package var all = false
        /// Also what could not be had again.
        package var irreplaceable = false
        /// Also volumes that a person named.
        package var named = false
        /// Logs: how many of the newest bytes stay.
        package var toBytes: Int64?

        package init() {}
    }
}

/// A word or a value of a policy that cannot be understood: one sentence, lower case, without a full stop.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// A moment as people give it: an age (`30d`), or a date (`2026-01-31`, `2026-01-31T12:00:00Z`).
package struct Cutoff: Codable, Hashable, Sendable {
    /// As it was typed.
    package let text: String
    private let secondsAgo: Int64?
    private let date: Timestamp?

    /// - Throws: a sentence that says what can be written.
    package init(_ text: String) throws(PolicyError) {
        self.text = text
        secondsAgo = Age.seconds(parsing: text)
        date = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z")
        guard secondsAgo != nil || date != nil else {
            throw PolicyError("\(text) is no age and no date: write 30d, 24h, 2026-01-31 or 2026-01-31T12:00:00Z")
        }
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// When that is, seen from `now`.
    package func timestamp(at now: Timestamp) -> Timestamp {
        if let date { return date }
        return Timestamp(seconds: now.seconds.subtractingClamped(secondsAgo ?? 0))
    }
}

/// How much of a file system should be free: `20%` or `50GB`.
package struct FreeTarget: Codable, Hashable, Sendable {
    /// As it was typed.
    package let text: String
    private let percent: Int64?
    private let bytes: Int64?

    /// - Throws: a sentence that says what can be written.
    package init(_ text: String) throws(PolicyError) {
        self.text = text
        percent = text.hasSuffix("%") ? Int64(text.dropLast()).flatMap { (1...99).contains($0) ? $0 : nil } : nil
        bytes = text.hasSuffix("%") ? nil : ByteCount(parsing: text)?.bytes
        // A bare number is more often meant as a percentage than as bytes.
        guard percent != nil || (bytes ?? 0) > 0, text.last?.isNumber == false else {
            throw PolicyError("\(text) is no amount of free space: write 20% or 50GB")
        }
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// How many bytes that is of a file system of that size, rounded up.
    package func bytes(of total: Int64) -> Int64 {
        guard let percent else { return bytes ?? 0 }
        let (hundredths, rest) = total.quotientAndRemainder(dividingBy: 100)
        return hundredths * percent + (rest * percent + 99) / 100
    }
}

extension Int64 {
    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }
}
