// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct WhyNot: Command {
    static let configuration = CommandConfiguration(
        commandName: "why-not",
        abstract: "The rule that protects a thing from pruning.",
        discussion: Bilge.help(
            """
            Without a rule: what keeps it even if everything of its kind might go. With rules: what these rules say
            about it. Reads only.
            """,
            examples: [
                ("bilge why-not shop/api:4.10", "what keeps this image"),
                ("bilge why-not shop/api:4.10 --keep-last 3", "what that policy says about it"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Policy") var rules: PolicyOptions
    @Argument(help: ArgumentHelp("A path, an id, or a name.", valueName: "ref")) var thing: String

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        let survey = try await console.survey(request)
        var lines: [WhyNotAnswer.Line] = []
        for entry in try survey.resolve(thing, root) {
            let kind = entry.item.thing.policyKind
            var policy = Plan.Policy(
                kinds: [kind?.rawValue ?? "orphans"], graceSeconds: request.graceSeconds, named: false,
                keep: request.keep)
            policy.retention = try rules.policy(for: rules.file == nil ? kind.map { [$0] } ?? [] : nil)
            policy.named = policy.retention.rules[.volumes]?.named ?? false
            if rules.words.isEmpty, kind == .images || kind == .cache {
                policy.retention.rules[kind ?? .images]?.all = true
            }
            lines.append(WhyNotAnswer.Line(entry, try Flow.plan(survey, policy)))
        }
        try console.show(WhyNotAnswer(place: Place(survey), found: lines, isWhole: output.noTrunc), output)
        return survey.status
    }
}

extension Thing {
    /// What a policy calls things of that class; `nil` if none decides about them.
    var policyKind: Policy.Kind? {
        switch self {
        case .image: .images
        case .container: .containers
        case .anonymousVolume, .namedVolume: .volumes
        case .buildCache: .cache
        case .layer, .initLayer, .rwLayer, .removingLayer, .buildScratch, .danglingLink, .layerRecord, .mountRecord,
            .containerLeftover, .log, .bindRecord, .scratch, .plugin, .removingPlugin, .snapshot, .blob, .ingest,
            .lease,
            .metadata, .otherDriver, .foreign:
            nil
        }
    }
}

/// What keeps each thing that was named, or that nothing does.
struct WhyNotAnswer: Report {
    struct Line: Sendable {
        var entry: Judged
        /// Nothing keeps it: why a plan takes it.
        var goes: [String]?
        var stays: [String]

        init(_ entry: Judged, _ plan: Plan) {
            self.entry = entry
            let path = entry.item.path
            let step = plan.steps.first { step in
                step.paths.contains(path) || (step.id == entry.item.id && step.kind == entry.item.thing.kind)
            }
            goes = step?.why
            let kept = plan.kept.first { $0.id == entry.item.id && $0.kind == entry.item.thing.kind }
            let reason = entry.evidence.first { $0.says != .denied }?.by ?? "nobody prunes it"
            stays = kept?.why ?? ["\(entry.standing.rawValue): \(reason)"]
        }
    }

    var place: Place
    var found: [Line]
    var isWhole = false

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style)
        for line in found {
            let item = line.entry.item
            let name = item.names.isEmpty ? "" : " " + item.names.joined(separator: ", ")
            let head = style(Shown.raw(item.thing.kind + name), .bold)
            lines += ["", head + "   " + Shown.short(item.path, whole: isWhole)]
            if let goes = line.goes {
                lines.append("  Nothing protects it: it would go.")
                for reason in goes { lines.append("  " + Shown.raw(reason)) }
            } else {
                lines.append("  Kept: " + line.stays.map { Shown.raw($0) }.joined(separator: "; "))
            }
        }
        return lines
    }

    func write(json out: (String) -> Void) throws {
        let lines = try found.map { line in
            JSONValue.encoded(
                try JSONText.encode(
                    LineJSON(
                        kind: line.entry.item.thing.kind, id: line.entry.item.id, names: line.entry.item.names,
                        isKept: line.goes == nil, why: line.goes ?? line.stays)))
        }
        writeJSON([("schema", .value(.integer(1))), ("things", .list(lines))], to: out)
    }

    private struct LineJSON: Encodable {
        var kind: String
        var id: String
        var names: [String]
        var isKept: Bool
        var why: [String]
    }
}
