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
    /// Someone will be told when things last changed.
    var showsTimes = true
    /// Roots of containerd outside this one.
    var stores: [ContainerdStore] = []

    /// - Parameters:
    ///   - engine: what the engine answered just now; nothing if it does not own the root.
    ///   - moved: things in the trash that are judged as if they were still at their places, with when they had last
    ///     changed before they were moved.
    func look(engine answer: Findings, moved: [(item: Item, changed: Timestamp?)] = []) -> Look {
        // Before the layers are listed: one that is finished in between has a record by then.
        let unpacking = engineStarted.flatMap { unpackingSince(in: root, engineStarted: $0) }
        var findings = observe(root, at: path, stores: stores, now: now, moved: moved.map(\.item))
        findings.merge(answer)
        let paths = showsTimes ? Array(findings.items.keys) : []
        var (look, modified) = together(
            {
                // Handed over: what is referred to twice is copied when it changes.
                var taken = Findings()
                swap(&taken, &findings)
                return judge(taken, moved, unpackingSince: unpacking)
            }, { showsTimes ? self.modified(paths) : [:] })
        guard showsTimes else { return look }
        for index in look.items.indices { look.items[index].item.modified = modified[look.items[index].item.path] }
        return look
    }

    private func judge(
        _ found: consuming Findings, _ moved: [(item: Item, changed: Timestamp?)], unpackingSince: Timestamp?
    ) -> Look {
        var findings = found
        var reach = Reach(findings, all: concurrently)
        let (seen, coverage) = witness(candidates(findings, reach))
        reach.add(seen.claims)
        findings.merge(seen)
        var changed = dated(candidates(findings, reach))
        for (item, before) in moved { changed[item.path] = before }
        var circumstances = Circumstances(
            now: now, graceSeconds: graceSeconds, engine: engine, activeDriver: activeDriver,
            engineStarted: engineStarted, changed: changed)
        circumstances.unpackingSince = unpackingSince
        circumstances.remapped = remapped
        circumstances.activeRemapped = activeRemapped
        let hidden = HiddenStores(findings, circumstances)
        var judged = classify(findings, reach, circumstances, hidden: hidden, all: concurrently)
        findings.problems = findings.problems.counting(beside: judged)
        giveNames(to: &judged, findings.catalog, keep: keep)
        return Look(
            findings: findings, reach: reach, items: judged, changed: changed, coverage: coverage,
            hiddenStores: hidden.stores)
    }

    /// What the kernel says of the items of each root.
    private func witness(_ items: [Item]) -> (findings: Findings, coverage: WitnessCoverage) {
        var own = Findings()
        for item in items where !item.path.isAbsolute { own.add(item) }
        var (findings, coverage) = KernelWitness(root: root, rootPath: path, proc: sources.proc).look(among: own)
        for store in stores {
            guard let directory = store.directory else { continue }
            var inner = Findings()
            for item in store.inside(items) { inner.add(item) }
            guard !inner.items.isEmpty else { continue }
            let seen = KernelWitness(root: directory, rootPath: store.base.text, proc: sources.proc).look(among: inner)
            findings.merge(store.outside(seen.findings))
            coverage.uses += seen.coverage.uses
        }
        return (findings, coverage)
    }

    /// When each item last changed, in whichever root it lies.
    private func dated(_ items: [Item]) -> [RelativePath: Timestamp] {
        var changed = changes(of: items.filter { !$0.path.isAbsolute }, in: root)
        for store in stores {
            guard let directory = store.directory else { continue }
            for (path, time) in changes(of: store.inside(items), in: directory) { changed[store.outside(path)] = time }
        }
        return changed
    }

    /// The `mtime` of what is at each path, in whichever root it lies, for showing.
    private func modified(_ paths: [RelativePath]) -> [RelativePath: Timestamp] {
        var modified = modifications(of: paths.filter { !$0.isAbsolute }, in: root)
        for store in stores {
            guard let directory = store.directory else { continue }
            let inner = paths.filter { store.base.contains($0) }.map { store.inside($0) }
            for (path, time) in modifications(of: inner, in: directory) { modified[store.outside(path)] = time }
        }
        return modified
    }
}
