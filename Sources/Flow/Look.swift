// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Model
import Observe

/// One complete look at a root: everything that every reader, the engine and the kernel say, and what follows from it.
///
/// A survey is one look; each step of a plan is held against another one right before and right after it.
struct Look: Sendable {
    var findings: Findings
    var reach: Reach
    var items: [Judged]
    /// When each thing that nobody claims last changed.
    var changed: [RelativePath: Timestamp]
    var coverage: WitnessCoverage
    var hiddenStores: [HiddenStore] = []
}

/// What a look is taken at.
struct Place: Sendable {
    var root: Directory
    /// Absolute, escaped.
    var path: String
    var sources: RootSources
    var now: Timestamp
    var graceSeconds: Int64
    var engine: EngineState
    var activeDriver: String?
    /// Roots of remapped users in the root, and the one that the engine works on.
    var remapped: [String] = []
    var activeRemapped: String?
    var engineStarted: Timestamp?
    var keep: [Glob]

    /// - Parameters:
    ///   - engine: what the engine answered just now; nothing if it does not own the root.
    ///   - moved: things in the trash that are judged as if they were still at their places, with when they had last
    ///     changed before they were moved.
    func look(engine answer: Findings, moved: [(item: Item, changed: Timestamp?)] = []) -> Look {
        var findings = observe(root, at: path, moved: moved.map(\.item))
        findings.merge(answer)
        var reach = Reach(findings)
        var unclaimed = Findings()
        for item in candidates(findings, reach) { unclaimed.add(item) }
        let witness = KernelWitness(root: root, rootPath: path, proc: sources.proc).look(among: unclaimed)
        findings.merge(witness.findings)
        reach = Reach(findings)
        var changed = changes(of: candidates(findings, reach), in: root)
        for (item, before) in moved { changed[item.path] = before }
        var circumstances = Circumstances(
            now: now, graceSeconds: graceSeconds, engine: engine, activeDriver: activeDriver,
            engineStarted: engineStarted, changed: changed)
        circumstances.remapped = remapped
        circumstances.activeRemapped = activeRemapped
        let judged = named(classify(findings, reach, circumstances), findings.catalog, keep: keep)
        return Look(
            findings: findings, reach: reach, items: judged, changed: changed, coverage: witness.coverage,
            hiddenStores: HiddenStores(findings, circumstances).stores)
    }
}
