// SPDX-License-Identifier: Apache-2.0

extension Policy {
    /// The words of a policy, spelt alike as flags (`--keep-last 3`) and in a policy file (`keep-last: 3`).
    package enum Word: String, CaseIterable, Sendable {
        case keepLast = "keep-last"
        case unusedFor = "unused-for"
        case builtBefore = "built-before"
        case pulledBefore = "pulled-before"
        case filter, keep, all, irreplaceable, named, to

        /// The kinds that the word can be said about.
        package var kinds: Set<Kind> {
            switch self {
            case .keepLast, .builtBefore, .pulledBefore: [.images]
            case .unusedFor: [.images, .containers, .volumes, .cache]
            case .filter: [.images, .containers, .volumes, .cache]
            case .keep: Set(Kind.allCases)
            case .all: [.images, .cache]
            case .irreplaceable: [.images, .volumes]
            case .named: [.volumes]
            case .to: [.logs]
            }
        }

        /// `true` and `false` are its values.
        package var isFlag: Bool {
            switch self {
            case .all, .irreplaceable, .named: true
            case .keepLast, .unusedFor, .builtBefore, .pulledBefore, .filter, .keep, .to: false
            }
        }

        /// It may be given several times, or as a list.
        package var isList: Bool {
            switch self {
            case .filter, .keep: true
            case .keepLast, .unusedFor, .builtBefore, .pulledBefore, .all, .irreplaceable, .named, .to: false
            }
        }
    }
}

extension Policy.Rules {
    /// Adds one word with its value, as it was typed. A word that is no list replaces what it said before.
    ///
    /// - Throws: a sentence about the word or the value, for whoever typed it.
    package mutating func set(
        _ word: Policy.Word, to text: String, for kind: Policy.Kind
    ) throws(PolicyError) {
        guard word.kinds.contains(kind) else {
            throw PolicyError("\(word.rawValue) says nothing about \(kind.rawValue)")
        }
        switch word {
        case .keepLast:
            guard let count = Int(text), count >= 1 else {
                throw PolicyError("keep-last is a number of images of each repository, 1 or more, not \(text)")
            }
            keepLast = count
        case .unusedFor: unusedForSeconds = try Self.seconds(text)
        case .builtBefore: builtBefore = try Cutoff(text)
        case .pulledBefore: pulledBefore = try Cutoff(text)
        case .filter:
            let filter = try Filter(text)
            guard filter.kinds.contains(kind) else {
                throw PolicyError("the filter \(text) says nothing about \(kind.rawValue)")
            }
            filters.append(filter)
        case .keep:
            guard !text.isEmpty else { throw PolicyError("keep needs a pattern of whole names") }
            keep.append(text)
        case .all: all = try Self.isTrue(text, word)
        case .irreplaceable: irreplaceable = try Self.isTrue(text, word)
        case .named: named = try Self.isTrue(text, word)
        case .to:
            guard let size = ByteCount(parsing: text) else {
                throw PolicyError("\(text) is no size: write 500kB, 10MB or 1GiB")
            }
            guard size.bytes >= Self.leastLogBytes else {
                throw PolicyError("128kB is the least that can stay of a log")
            }
            toBytes = size.bytes
        }
    }

    /// Twice what a log is cut by, and room for the longest line that an engine writes.
    package static let leastLogBytes: Int64 = 128_000

    /// The words that make these rules again, in a fixed order.
    package var words: [(word: Policy.Word, value: String)] {
        var words: [(Policy.Word, String)] = []
        if let keepLast { words.append((.keepLast, "\(keepLast)")) }
        if let unusedForSeconds { words.append((.unusedFor, Age.typed(seconds: unusedForSeconds))) }
        if let builtBefore { words.append((.builtBefore, builtBefore.text)) }
        if let pulledBefore { words.append((.pulledBefore, pulledBefore.text)) }
        words += filters.map { (.filter, $0.text) } + keep.map { (.keep, $0) }
        if all { words.append((.all, "true")) }
        if irreplaceable { words.append((.irreplaceable, "true")) }
        if named { words.append((.named, "true")) }
        if let toBytes {
            let short = ByteCount(toBytes).compactText
            words.append((.to, ByteCount(parsing: short)?.bytes == toBytes ? short : "\(toBytes)B"))
        }
        return words
    }

    private static func seconds(_ text: String) throws(PolicyError) -> Int64 {
        guard let seconds = Age.seconds(parsing: text) else {
            throw PolicyError("\(text) is no length of time: write 45s, 90m, 24h, 30d, 2w, 6mo, 1y or 1d12h")
        }
        return seconds
    }

    private static func isTrue(_ text: String, _ word: Policy.Word) throws(PolicyError) -> Bool {
        switch text {
        case "true": return true
        case "false": return false
        default: throw PolicyError("\(word.rawValue) is true or false, not \(text)")  // It is what somebody typed.
        }
    }
}
