// SPDX-License-Identifier: Apache-2.0

/// One `--filter`: a condition that a thing must meet to go.
///
/// Filters of different keys must all be met; of several with one key, one is enough. `label` counts as one key for each
/// name of a label, and what has any label of a `label!=` stays.
package struct Filter: Codable, Hashable, Sendable {
    package enum Condition: Hashable, Sendable {
        /// A pattern of whole names: `shop/*`, `shop/api:4.*`.
        case reference(String)
        /// The label is there, with that value if one is given.
        case label(String, value: String?)
        /// The label is not there, or not with that value.
        case notLabel(String, value: String?)
        /// A pattern of whole names of Compose projects.
        case project(String)
        case sizeAtLeast(Int64)
        /// Images: without a tag and nothing built on it.
        case dangling(Bool)
        /// Made before that; what "made" is depends on the kind, as with Docker.
        case until(Cutoff)
    }

    /// As it was typed.
    package let text: String
    package let condition: Condition

    /// - Throws: a sentence that says what can be written.
    package init(_ text: String) throws(PolicyError) {
        self.text = text
        condition = try Self.condition(text)
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// What has to be met once: filters with the same key are alternatives.
    package var key: String {
        switch condition {
        case .reference: "reference"
        case .label(let name, _): "label=\(name)"
        // Each is a condition of its own.
        case .notLabel: text
        case .project: "project"
        case .sizeAtLeast: "size>="
        case .dangling: "dangling"
        case .until: "until"
        }
    }

    /// The kinds that have what it asks for.
    package var kinds: Set<Policy.Kind> {
        switch condition {
        case .reference, .dangling: [.images]
        case .label, .notLabel, .project: [.images, .containers, .volumes]
        case .sizeAtLeast, .until: [.images, .containers, .volumes, .cache]
        }
    }

    private static let known = "reference=, label=, label!=, project=, size>=, dangling=, until="

    private static func condition(_ text: String) throws(PolicyError) -> Condition {
        // The longer spelling of a key first.
        for key in ["label!=", "label=", "size>=", "reference=", "project=", "dangling=", "until="]
        where text.hasPrefix(key) {
            let value = String(text.dropFirst(key.count))
            guard !value.isEmpty else { throw PolicyError("\(key) needs a value") }
            return try condition(key, value)
        }
        throw PolicyError("\(text) is no filter; there are \(known)")
    }

    private static func condition(_ key: String, _ value: String) throws(PolicyError) -> Condition {
        switch key {
        case "reference=": return .reference(value)
        case "project=": return .project(value)
        case "until=": return .until(try Cutoff(value))
        case "dangling=":
            switch value {
            case "true", "1": return .dangling(true)
            case "false", "0": return .dangling(false)
            default: throw PolicyError("dangling= is true or false, not \(value)")  // It is what somebody typed.
            }
        case "size>=":
            guard let size = ByteCount(parsing: value) else {
                throw PolicyError("\(value) is no size: write 500MB or 2GiB")
            }
            return .sizeAtLeast(size.bytes)
        default:  // `label=` and `label!=`.
            let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty else { throw PolicyError("\(key) needs the name of a label") }
            let wanted = parts.count > 1 ? parts[1] : nil
            return key == "label=" ? .label(parts[0], value: wanted) : .notLabel(parts[0], value: wanted)
        }
    }
}
