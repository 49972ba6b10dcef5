// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// The answer of `explain`: what something is, who needs it, and what to do about it.
struct ExplainAnswer: Report {
    /// One thing that was asked for.
    struct Subject: Sendable {
        var entry: Judged
        var usage: Usage?
        var names: [String]
        /// From what counts by itself down to the item; empty if nothing needs it.
        var chain: [Claim]
        /// Things in it that are there for themselves and are not counted here, such as a container's log.
        var inside: [RelativePath] = []
        /// Images that are made of it, by name.
        var images: [String]
        /// What records say of it: its build step, the device that it is.
        var facts: [String] = []
        /// About the store that it is in, if the engine does not show that one.
        var hidden: [String] = []
        var advice: [String]
    }

    var place: Place
    var subjects: [Subject]
    var problems: [Problem]
    var isWhole = false
    var now: Timestamp

    var ids: [String] { subjects.map(\.entry.item.path.text) }

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style)
        for subject in subjects { lines += [""] + paragraph(subject, style) }
        return lines + problemLines(problems, style, all: false)
    }

    private func paragraph(_ subject: Subject, _ style: Style) -> [String] {
        let item = subject.entry.item
        var facts: [String] = []
        if let usage = subject.usage {
            facts = [
                ByteCount(usage.allocatedBytes).text,
                usage.inodes == 1 ? "1 entry" : Shown.count(usage.inodes) + " entries",
            ]
        }
        if let modified = item.modified { facts.append("changed " + Age.words(of: modified, at: now)) }
        var table = Table([.left(""), .left("")])
        table.hasHeading = false
        func add(_ title: String, _ texts: [String]) {
            for (index, text) in texts.enumerated() { table.add(["  " + (index == 0 ? title : ""), text]) }
        }
        add("What", [item.explanation])
        add("Name", subject.names)
        add("Moves with", item.paths.dropFirst().map { Shown.text($0) })
        add("Holds", held(subject.inside))
        add("Images", subject.images)
        add("Recorded", subject.facts)
        add("Hidden", subject.hidden)
        add(
            "Needed by",
            subject.chain.isEmpty ? [subject.entry.standing.needer] : chainTexts(subject.chain, whole: isWhole))
        add("Evidence", subject.entry.evidence.map { "\($0.says.word): " + $0.text(whole: isWhole) })
        add("Standing", [subject.entry.standing.words + (subject.entry.isProtected ? ", protected" : "")])
        add("Do", subject.advice)
        let heading = Shown.text(item.path) + (facts.isEmpty ? "" : "   " + facts.joined(separator: ", "))
        return [style(heading, .bold)] + table.lines(style)
    }

    private func held(_ inside: [RelativePath]) -> [String] {
        guard inside.count > 3 else { return inside.map { Shown.short($0, whole: isWhole) } }
        return ["\(Shown.count(inside.count, "thing")) of their own, not counted here"]
    }

    func write(json out: (String) -> Void) {
        let items = subjects.map { subject in
            JSONValue.members(
                JSONValue.members(of: subject.entry, subject.usage, subject.names, in: place) + [
                    ("what", .string(subject.entry.item.explanation)), ("images", .strings(subject.images)),
                    ("recorded", .strings(subject.facts)), ("hidden", .strings(subject.hidden)),
                    ("chain", .array(subject.chain.map(JSONValue.init))), ("advice", .strings(subject.advice)),
                ])
        }
        writeJSON(place.members + [("items", .list(items)), ("problems", .problems(problems))], to: out)
    }
}

extension Standing {
    /// Who needs a thing to which no chain leads.
    fileprivate var needer: String {
        switch self {
        case .inUse: "somebody: see the evidence"
        case .reclaimable, .orphan: "nobody"
        case .unknown: "nobody can tell"
        }
    }
}

/// The answer of `why`: one line for each link from what counts by itself down to the thing.
struct WhyAnswer: Report {
    var place: Place
    var subjects: [(entry: Judged, chain: [Claim])]
    var isWhole = false

    var ids: [String] { subjects.flatMap { $0.chain.map(\.target.text) } }

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style)
        for (entry, chain) in subjects {
            lines += ["", style(Shown.text(entry.item.path) + ": " + entry.standing.words, .bold)]
            if chain.isEmpty {
                lines +=
                    ["  needed by \(entry.standing.needer)"] + evidenceLines(entry.evidence, indent: 2, whole: isWhole)
            } else {
                lines += chainTexts(chain, whole: isWhole).map { "  " + $0 }
            }
        }
        return lines
    }

    func write(json out: (String) -> Void) {
        let items = subjects.map { subject in
            JSONValue.object(
                ("path", .string(Shown.decoded(subject.entry.item.path.text) ?? subject.entry.item.path.text)),
                ("standing", .string(subject.entry.standing.rawValue)),
                ("chain", .array(subject.chain.map(JSONValue.init))))
        }
        writeJSON(place.members + [("items", .list(items))], to: out)
    }
}

extension JSONValue {
    /// One link of a chain.
    fileprivate init(_ claim: Claim) {
        self = .object(
            ("claimant", .string(claim.claimant.description)),
            ("target", .string(Shown.decoded(claim.target.text) ?? claim.target.text)),
            ("source", .string(claim.source)))
    }
}

/// `tag shop/api:4.10 → image/…   (repositories.json)`: one text for each link.
func chainTexts(_ chain: [Claim], whole: Bool) -> [String] {
    chain.enumerated().map { index, claim in
        let indent = String(repeating: "  ", count: index)
        let claimant: String =
            switch claim.claimant {
            case .item(let path): Shown.short(path, whole: whole)
            case .tag, .container, .process, .mount, .buildCache, .engine, .containerd, .layout, .bilge:
                Shown.raw(claim.claimant.description)
            }
        return
            "\(indent)\(claimant) needs \(Shown.short(claim.target, whole: whole))   (\(Shown.short(RelativePath(claim.source), whole: whole)))"
    }
}
