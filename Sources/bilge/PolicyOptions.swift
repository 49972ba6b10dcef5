// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// The words of a policy on the command line. They are parsed where the words of a policy file are: `Model/PolicyWords`.
struct PolicyOptions: ParsableArguments {
    @Option(
        name: .customLong("policy"),
        help: ArgumentHelp("The rules are those of a file, such as /etc/bilge/policy.yaml.", valueName: "file"),
        completion: .file())
    var file: String?

    @Option(help: ArgumentHelp("Images: the newest N of each repository stay.", valueName: "n"))
    var keepLast: String?

    @Option(help: ArgumentHelp("What was used within that time stays: 30d, 6mo.", valueName: "age"))
    var unusedFor: String?

    @Option(help: ArgumentHelp("Images: only those built before: 90d, 2026-01-31.", valueName: "age|date"))
    var builtBefore: String?

    @Option(help: ArgumentHelp("Images: only those here since before: 90d, 2026-01-31.", valueName: "age|date"))
    var pulledBefore: String?

    @Option(
        help: ArgumentHelp(
            "Only what matches: reference=, label=, label!=, project=, size>=, dangling=, until=.",
            valueName: "condition"))
    var filter: [String] = []

    @Option(
        help: ArgumentHelp("Stop when so much is free, the easiest to have again first: 20%, 50GB.", valueName: "space")
    )
    var free: String?

    @Option(help: ArgumentHelp("Logs: how much of each stays, the newest lines.", valueName: "size"))
    var to: String?

    @Flag(name: .shortAndLong, help: "Images that have tags, too; all build cache.")
    var all = false

    @Flag(help: "What could not be had again may go, too.")
    var irreplaceable = false

    @Flag(help: "Volumes that a person named may go, too.")
    var named = false

    /// Each word that was given, with its values as they were typed.
    private var given: [(word: Policy.Word, values: [String])] {
        var given: [(word: Policy.Word, values: [String])] = []
        func add(_ word: Policy.Word, _ value: String?) {
            if let value { given.append((word, [value])) }
        }
        add(.keepLast, keepLast)
        add(.unusedFor, unusedFor)
        add(.builtBefore, builtBefore)
        add(.pulledBefore, pulledBefore)
        if !filter.isEmpty { given.append((.filter, filter)) }
        add(.to, to)
        add(.all, all ? "true" : nil)
        add(.irreplaceable, irreplaceable ? "true" : nil)
        add(.named, named ? "true" : nil)
        return given
    }

    /// The rules of each kind. A word that is said about none of them is a mistake.
    ///
    /// - Parameter kinds: those that were named; of a file, `nil` for all that it names.
    func policy(for kinds: [Policy.Kind]?) throws -> Policy {
        if let file { return try policy(in: file, kinds) }
        let kinds = kinds ?? []
        do {
            var policy = Policy(free: try free.map { try FreeTarget($0) })
            for kind in kinds { policy.rules[kind] = Policy.Rules() }
            for (word, values) in given {
                for value in values { try set(word, value, kinds, &policy) }
            }
            if policy.rules[.logs] != nil, to == nil { throw PolicyError("logs want --to: how much of each log stays") }
            return policy
        } catch let error as PolicyError {
            throw Failure(.usage, error.description)
        }
    }

    private func policy(in file: String, _ kinds: [Policy.Kind]?) throws -> Policy {
        guard given.isEmpty, free == nil else {
            throw Failure(
                .usage, "rules are in a policy file or on the command line, not in both",
                advice: "--keep and --grace may stand beside --policy")
        }
        var policy = try PolicyFile.read(file)
        if let kinds {
            if let missing = kinds.first(where: { policy.rules[$0] == nil }) {
                throw Failure(.usage, "\(Shown.raw(file)) says nothing about \(missing.rawValue)")
            }
            policy.rules = policy.rules.filter { kinds.contains($0.key) }
        }
        return policy
    }

    private func set(_ word: Policy.Word, _ value: String, _ kinds: [Policy.Kind], _ policy: inout Policy) throws {
        var meant = kinds.filter(word.kinds.contains)
        if word == .filter {
            let filter = try Filter(value)
            meant = meant.filter(filter.kinds.contains)
        }
        guard !meant.isEmpty else {
            let known = Policy.Kind.allCases.filter(word.kinds.contains).map(\.rawValue).joined(separator: ", ")
            let option = "--\(word.rawValue)" + (word.isFlag ? "" : " " + value)
            throw PolicyError("\(option) says nothing about what is to be pruned; it is for \(known)")
        }
        for kind in meant {
            var rules = policy.rules[kind] ?? Policy.Rules()
            try rules.set(word, to: value, for: kind)
            policy.rules[kind] = rules
        }
    }

    /// As one would type them again.
    var words: [String] {
        var words: [String] = []
        for (word, values) in given {
            for value in values {
                words.append("--" + word.rawValue)
                if !word.isFlag { words.append(RootOptions.quoted(value)) }
            }
        }
        if let free { words += ["--free", RootOptions.quoted(free)] }
        if let file { words += ["--policy", RootOptions.quoted(file)] }
        return words
    }
}
