// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// What a policy would do, in sentences.
struct PolicyAnswer: Report {
    var path: String
    var policy: Policy

    func lines(_ style: Style) -> [String] {
        var lines = ["\(Shown.raw(path)) is understood."]
        for kind in Policy.Kind.allCases {
            guard let rules = policy.rules[kind] else { continue }
            lines += ["", style(kind.rawValue.uppercased(), .bold)]
            lines += rules.sentences(kind, hasTarget: policy.free != nil).map { "  " + Shown.raw($0) }
        }
        let others = Policy.Kind.allCases.filter { policy.rules[$0] == nil }.map(\.rawValue)
        if !others.isEmpty { lines += ["", "Left alone: \(others.joined(separator: ", "))."] }
        if let free = policy.free {
            lines += [
                "",
                "Stops as soon as \(free.text) of the file system would be free; what is easiest to have again goes first.",
            ]
        }
        return lines + ["", "On this host:   bilge prune --policy \(RootOptions.quoted(path)) -n"]
    }

    func write(json out: (String) -> Void) throws {
        writeJSON(
            [
                ("schema", .value(.integer(1))), ("path", .value(.string(path))),
                ("policy", .value(.encoded(try JSONText.encode(policy)))),
            ], to: out)
    }
}

extension Policy.Rules {
    /// One sentence for each rule; all of them must let a thing go.
    func sentences(_ kind: Policy.Kind, hasTarget: Bool) -> [String] {
        var lines = [start(kind, speaksOfTagged || hasTarget)]
        if let keepLast { lines.append("The newest \(keepLast) of each repository stay.") }
        if let unusedForSeconds { lines.append("What was used within \(Seconds(unusedForSeconds)) stays.") }
        if let builtBefore { lines.append("What was built since \(builtBefore.text) stays.") }
        if let pulledBefore { lines.append("What came to this host since \(pulledBefore.text) stays.") }
        var keys: [String] = []
        for filter in filters where !keys.contains(filter.key) { keys.append(filter.key) }
        for key in keys {
            let choices = filters.filter { $0.key == key }.map(\.text).joined(separator: " or ")
            lines.append("Only what meets \(choices).")
        }
        if !keep.isEmpty { lines.append("Never: \(keep.joined(separator: ", ")).") }
        if irreplaceable { lines.append("Also what could not be had again.") }
        if named { lines.append("Also volumes that a person named.") }
        return lines
    }

    private func start(_ kind: Policy.Kind, _ isAboutTags: Bool) -> String {
        switch kind {
        case .images:
            isAboutTags
                ? "Images that nothing uses, with tags and without."
                : "Images without a tag that nothing is built on."
        case .containers: "Containers that do not run."
        case .volumes: "Volumes without a chosen name that no container in any state uses."
        case .cache: all ? "Build cache that no build uses." : "Build cache that no build uses and no image shares."
        case .logs: "Logs: the newest \(ByteCount(toBytes ?? 0).text) of each stay."
        }
    }
}
