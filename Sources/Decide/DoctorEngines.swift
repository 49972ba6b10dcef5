// SPDX-License-Identifier: Apache-2.0

import Model

/// `1 record`, `2 records`.
enum Counted {
    static func text(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

/// A released engine whose own cleaning is wrong, with the report of it.
private struct EngineBug {
    /// Nothing before it has the bug; `nil` for all.
    var since: [Int]?
    /// The first version without it; `nil` if there is none yet.
    var until: [Int]?
    /// Only with this image store.
    var imageStore: String?
    var severity: Diagnosis.Severity
    var code: String
    var says: String
    var fix: String
    var issue: String
}

private let bugs = [
    EngineBug(
        until: [20, 10, 19], severity: .danger, code: "engine-volume-prune",
        says: "after a restart with live-restore, `docker volume prune` removes volumes of running containers",
        fix: "upgrade to 20.10.19 or later; until then never `docker volume prune` or `docker system prune --volumes`",
        // Fixed according to the release notes of 20.10.19: github.com/docker/docs/pull/15869.
        issue: "https://github.com/moby/moby/issues/41686"),
    EngineBug(
        since: [20, 10, 19], until: [20, 10, 26], severity: .advice, code: "engine-volume-count",
        says: "with live-restore the engine loses count of who mounts a volume, and never lets it be removed",
        fix: "upgrade; until then a restart of the container and of the engine sets the count right",
        // Fix for this branch: github.com/moby/moby/pull/45840.
        issue: "https://github.com/moby/moby/issues/44422"),
    EngineBug(
        imageStore: "containerd", severity: .danger, code: "engine-prune-breaks-pull",
        says: "`docker image prune` takes away what pulls that are under way have already fetched, and these fail",
        fix: "no `docker image prune` and no `docker system prune` while anything is pulled or built",
        issue: "https://github.com/moby/moby/issues/53321"),
    EngineBug(
        since: [29], severity: .advice, code: "engine-prune-filter",
        says: "`docker image prune --filter label!=…` silently removes nothing",
        fix: "look at the answer of `docker image prune`; remove images by id instead",
        issue: "https://github.com/moby/moby/issues/52334"),
]

/// Bugs of the engine that answered. An engine that was not asked has none that anybody could know of.
func engineBugs(_ patient: Patient) -> [Diagnosis] {
    guard let version = patient.engineVersion, let numbers = numbers(of: version) else { return [] }
    return bugs.filter { bug in
        if let since = bug.since, numbers.lexicographicallyPrecedes(since) { return false }
        if let until = bug.until, !numbers.lexicographicallyPrecedes(until) { return false }
        return bug.imageStore == nil || bug.imageStore == patient.imageStore
    }.map { bug in
        Diagnosis(bug.code, bug.severity, "Docker \(version)", bug.says, fix: bug.fix, source: bug.issue)
    }
}

/// `20.10.24+dfsg1` → 20, 10, 24; `nil` for what is no version, such as a build from source.
private func numbers(of version: String) -> [Int]? {
    let numeric = version.prefix { $0.isASCII && ($0.isWholeNumber || $0 == ".") }
    let parts = numeric.split(separator: ".").compactMap { Int($0) }
    return parts.count >= 2 ? parts : nil
}
