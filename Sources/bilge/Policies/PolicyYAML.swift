// SPDX-License-Identifier: Apache-2.0

import Model

/// Policies in YAML: a map of kinds, each a map of the words that are flags of `prune`.
///
/// Nothing is guessed: an unknown key, a word that says nothing about its kind, a value of another shape are errors with
/// their lines.
enum PolicyYAML {
    static func policy(_ text: String) throws(PolicyFileError) -> Policy {
        let root = try YAMLReader.read(text)
        guard case .map(let pairs) = root.value else {
            let isEmpty = root.value == .nothing
            throw error(root.line, (isEmpty ? "it is empty: " : "") + "a policy is a map of kinds: \(kinds)")
        }
        var policy = Policy()
        for pair in pairs {
            if pair.key == "free" {
                policy.free = try understood(pair.value) { text throws(PolicyError) in try FreeTarget(text) }
            } else if let kind = Policy.Kind(rawValue: pair.key) {
                policy.rules[kind] = try rules(of: kind, pair)
            } else {
                throw error(pair.line, "unknown key \(pair.key); there are \(kinds), free")
            }
        }
        guard !policy.rules.isEmpty else {
            throw error(root.line, "it names no kind, so it would prune nothing: \(kinds)")
        }
        return policy
    }

    private static let kinds = Policy.Kind.allCases.map(\.rawValue).joined(separator: ", ")

    private static func rules(of kind: Policy.Kind, _ pair: YAMLNode.Pair) throws(PolicyFileError) -> Policy.Rules {
        var rules = Policy.Rules()
        let known = Policy.Word.allCases.filter { $0.kinds.contains(kind) }
        // `images:` alone means the kind with its default.
        if pair.value.value != .nothing {
            guard case .map(let pairs) = pair.value.value else {
                throw error(pair.value.line, "\(kind.rawValue) wants words, each with a value, in lines of their own")
            }
            for pair in pairs {
                guard let word = Policy.Word(rawValue: pair.key), known.contains(word) else {
                    let words = known.map(\.rawValue).joined(separator: ", ")
                    throw error(pair.line, "unknown key \(pair.key) for \(kind.rawValue); there are \(words)")
                }
                for node in try values(word, pair.value) {
                    try understood(node) { text throws(PolicyError) in try rules.set(word, to: text, for: kind) }
                }
            }
        }
        if kind == .logs, rules.toBytes == nil {
            throw error(pair.line, "logs wants `to`: how much of each log stays")
        }
        return rules
    }

    /// The one value, or each of a list where the word takes one.
    private static func values(_ word: Policy.Word, _ node: YAMLNode) throws(PolicyFileError) -> [YAMLNode] {
        guard case .list(let list) = node.value else { return [node] }
        guard word.isList else { throw error(node.line, "\(word.rawValue) has one value, not a list") }
        guard !list.isEmpty else { throw error(node.line, "\(word.rawValue) has an empty list") }
        return list
    }

    /// What `body` makes of a value as it was written; what it does not understand goes out with the line.
    private static func understood<Value>(
        _ node: YAMLNode, _ body: (String) throws(PolicyError) -> Value
    ) throws(PolicyFileError) -> Value {
        switch node.value {
        case .scalar(let text) where !text.isEmpty:
            do { return try body(text) } catch { throw Self.error(node.line, error.description) }
        case .nothing, .scalar: throw error(node.line, "a value is missing")
        case .list, .map: throw error(node.line, "this wants one value")
        }
    }

    private static func error(_ line: Int, _ reason: String) -> PolicyFileError {
        PolicyFileError(line: line, reason: reason)
    }
}
