// SPDX-License-Identifier: Apache-2.0

import Model
import Yams

/// What is wrong in a policy file, and in which line.
struct PolicyFileError: Error, Hashable, Sendable {
    /// From 1.
    var line: Int
    var reason: String
}

/// Policies in YAML: a mapping of kinds, each a mapping of the words that are flags of `prune`.
///
/// Nothing is guessed: an unknown key, a word that says nothing about its kind, a key that stands twice, a value of
/// another shape, an alias, a second document are errors with their lines.
enum PolicyYAML {
    static func policy(_ text: String) throws(PolicyFileError) -> Policy {
        let root = try document(text)
        guard let pairs = root.mapping, !pairs.isEmpty else {
            throw error(root, "a policy is a mapping of kinds: \(kinds)")
        }
        var policy = Policy()
        for (key, value) in pairs {
            let word = try word(key)
            if word == "free" {
                policy.free = try understood(value) { () throws(PolicyError) in try FreeTarget(scalar(value)) }
            } else if let kind = Policy.Kind(rawValue: word) {
                policy.rules[kind] = try rules(of: kind, key, value)
            } else {
                throw error(key, "unknown key \(word); there are \(kinds), free")
            }
        }
        guard !policy.rules.isEmpty else { throw error(root, "it names no kind, so it would prune nothing: \(kinds)") }
        return policy
    }

    private static let kinds = Policy.Kind.allCases.map(\.rawValue).joined(separator: ", ")

    private static func rules(
        of kind: Policy.Kind, _ key: Node, _ node: Node
    ) throws(PolicyFileError) -> Policy.Rules {
        var rules = Policy.Rules()
        let known = Policy.Word.allCases.filter { $0.kinds.contains(kind) }
        // `images:` alone means the kind with its default.
        if node.scalar?.string.isEmpty != true || node.scalar?.style != .plain {
            guard let pairs = node.mapping else { throw error(node, "\(kind.rawValue) wants words, each with a value") }
            for (key, value) in pairs {
                let text = try self.word(key)
                guard let word = Policy.Word(rawValue: text), known.contains(word) else {
                    let words = known.map(\.rawValue).joined(separator: ", ")
                    throw error(key, "unknown key \(text) for \(kind.rawValue); there are \(words)")
                }
                for entry in try values(word, value) {
                    try understood(entry) { () throws(PolicyError) in
                        try rules.set(word, to: scalar(entry), for: kind)
                    }
                }
            }
        }
        if kind == .logs {
            guard let bytes = rules.toBytes else { throw error(key, "logs wants `to`: how much of each log stays") }
            guard bytes >= LogsTrim.leastBytes else { throw error(key, "128kB is the least that can stay of a log") }
        }
        return rules
    }

    /// The one value, or each of a list where the word takes one.
    private static func values(_ word: Policy.Word, _ node: Node) throws(PolicyFileError) -> [Node] {
        guard let list = node.sequence else { return [node] }
        guard word.isList else { throw error(node, "\(word.rawValue) has one value, not a list") }
        guard !list.isEmpty else { throw error(node, "\(word.rawValue) has an empty list") }
        return Array(list)
    }

    private static func word(_ node: Node) throws(PolicyFileError) -> String {
        guard let text = node.scalar?.string, node.scalar?.anchor == nil else { throw error(node, "a key is one word") }
        return text
    }

    /// What was written, as it was written: `3`, `30d`, `20%`, `true`.
    private static func scalar(_ node: Node) throws(PolicyError) -> String {
        guard let scalar = node.scalar, scalar.anchor == nil else { throw PolicyError("this wants one value") }
        guard !scalar.string.isEmpty else { throw PolicyError("a value is missing") }
        return scalar.string
    }

    /// The value of `body`; what it does not understand goes out with the line of the node.
    private static func understood<Value>(
        _ node: Node, _ body: () throws(PolicyError) -> Value
    ) throws(PolicyFileError) -> Value {
        do { return try body() } catch { throw Self.error(node, error.description) }
    }

    private static func error(_ node: Node, _ reason: String) -> PolicyFileError {
        PolicyFileError(line: node.mark?.line ?? 1, reason: reason)
    }

    private static func document(_ text: String) throws(PolicyFileError) -> Node {
        // A byte order mark would become a part of the first key; and where there are no anchors, there are no aliases.
        do {
            guard let root = try compose(yaml: text, .basic, .default, .utf8) else {
                throw PolicyFileError(line: 1, reason: "it is empty: a policy names \(kinds)")
            }
            return root
        } catch let error as PolicyFileError {
            throw error
        } catch let error as YamlError {
            throw PolicyFileError(error)
        } catch {
            throw PolicyFileError(line: 1, reason: "\(error)")
        }
    }
}

extension PolicyFileError {
    fileprivate init(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(line: mark.line, reason: "this is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            self.init(
                line: context.mark.line, reason: "stands twice: \(duplicates.sorted().joined(separator: ", "))")
        case .reader(let problem, _, _, _): self.init(line: 1, reason: "this is not YAML: \(problem)")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            self.init(line: 1, reason: "this is not YAML")
        @unknown default: self.init(line: 1, reason: "this is not YAML")
        }
    }
}
