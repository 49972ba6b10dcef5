// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import Observe

extension Survey {
    /// Why nobody here can tell who uses the root, whatever else is known: then nothing may be written.
    package var blindness: String? { problems.blindness }
}

extension [Problem] {
    fileprivate var blindness: String? { lazy.map(\.reason).first { $0 == KernelWitness.blindness } }
}

/// Refuses what writes where nobody can tell who uses the root.
///
/// - Throws: `FlowError` with `refused`; nothing was changed.
func refuseBlindness(_ problems: [Problem]) throws(FlowError) {
    if let reason = problems.blindness { throw FlowError(.refused, "nothing was changed: \(reason)") }
}

/// Makes sure that nothing may be lost by writing below the root: an engine that answers and owns it, or nobody at all.
///
/// - Returns: what keeps an engine from starting while we write; `nil` if one runs, and is asked before and after each move.
/// - Throws: `FlowError` with `refused`; nothing was changed.
func permission(toWrite survey: Survey) throws(FlowError) -> OfflineLease? {
    if let obstacle = survey.root.writeObstacles.first {
        throw FlowError(.refused, "nothing may be written below \(survey.root.path): \(obstacle)")
    }
    try refuseBlindness(survey.problems)
    switch survey.engine.state {
    case .running: return nil
    case .unreachable:
        throw FlowError(
            .refused,
            "an engine may be using \(survey.root.path), but it could not be asked: \(survey.engine.reason ?? "")",
            advice: "start it, give its socket with --host, or stop it")
    case .stopped, .notAsked: break
    }
    let witness = KernelWitness(
        root: survey.directory, rootPath: survey.root.path, proc: survey.place.sources.proc)
    var items = Findings()
    for entry in survey.items { items.add(entry.item) }
    do {
        return try OfflineLease.take(of: survey.opened, witness: witness, among: items, sources: survey.place.sources)
    } catch {
        throw FlowError(
            .refused, "somebody may be using \(survey.root.path): " + error.reasons.joined(separator: "; "),
            advice: "stop it, or ask the engine instead of --offline")
    }
}
