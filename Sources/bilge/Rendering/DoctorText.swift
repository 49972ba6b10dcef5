// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// The answer of `doctor`.
struct DoctorAnswer: Report {
    var place: Place
    var findings: [Diagnosis]
    var settings: HostSettings
    var isWhole = false

    var ids: [String] { findings.map { "\($0.code) \($0.subject)" } }

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style)
        if let note = settings.note { lines.append("note: " + Shown.raw(note)) }
        guard !findings.isEmpty else { return lines + ["", "Nothing is wrong, as far as can be seen."] }
        for severity in Diagnosis.Severity.allCases {
            let found = findings.filter { $0.severity == severity }
            guard !found.isEmpty else { continue }
            lines += ["", style(severity.heading, severity == .advice ? .bold : .red)]
            for finding in found {
                lines += [
                    "  \(shown(finding.subject)): \(Shown.raw(finding.says))", "    Fix: \(Shown.raw(finding.fix))",
                ]
                if finding.source != finding.subject {
                    lines.append("    See: \(shown(finding.source))")
                }
            }
        }
        return lines + ["", Shown.count(findings.count, "finding")]
    }

    /// A path with its ids cut short, or an address as it is.
    private func shown(_ place: String) -> String {
        place.contains("://") ? Shown.text(place) : Shown.short(RelativePath(place), whole: isWhole)
    }

    func write(json out: (String) -> Void) throws {
        let list = findings.map { finding in
            JSONValue.object(
                ("code", .string(finding.code)), ("severity", .string(finding.severity.rawValue)),
                ("subject", .string(finding.subject)), ("says", .string(finding.says)), ("fix", .string(finding.fix)),
                ("source", .string(finding.source)))
        }
        let about = JSONValue.object(
            ("file", .string(settings.file)), ("read", .bool(settings.daemon != nil)),
            ("note", settings.note.map { .string($0) }))
        writeJSON(place.members + [("settings", .value(about)), ("findings", .list(list))], to: out)
    }
}

extension Diagnosis.Severity {
    fileprivate var heading: String {
        switch self {
        case .damage: "DAMAGE: does not work any more"
        case .danger: "DANGER: may lose data, or fill the disk"
        case .advice: "ADVICE: good to know"
        }
    }
}
