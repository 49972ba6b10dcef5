// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
package import Model

/// What emptying the trash freed, and what it left.
package struct Emptied: Sendable {
    /// What the file system got back; a file with another name elsewhere frees nothing.
    package var freed = Usage()
    /// One for each item that was asked for: `done`, `skipped` with what speaks against it, or `failed`.
    package var items: [HeldItem.Line] = []
}

/// Which items `empty` takes, by age and by run.
package struct EmptyingOrder: Sendable {
    /// Runs by name; empty for all of them. A run that is named is also freed of what was lost or cannot be read.
    package var runs: [String]
    /// Only what has been held for at least so long.
    package var olderThanSeconds: Int64

    package init(runs: [String] = [], olderThanSeconds: Int64) {
        self.runs = runs
        self.olderThanSeconds = olderThanSeconds
    }
}

/// Deletes what is held in the trash, for good. It needs no free space to begin.
///
/// - Parameters:
///   - witness: asked for each entry right before its deletion: who has it open, mounted or mapped, or `nil`. Moving
///     took the path away from everybody, but not an open file.
///   - checks: for items that a killed run moved and did not look at again; without it they are kept.
///   - progress: called after every item with what has been freed so far.
/// - Throws: `locked`; `refused` for a run that does not exist.
package func empty(
    _ order: EmptyingOrder, in root: Directory, disk: any DiskMutations = HostDisk(), checks: Checks? = nil,
    witness: (Identity) throws -> String?, now: Timestamp, shouldStop: () -> Bool = { false },
    progress: (Usage) -> Void = { _ in }, logger: Logger
) async throws(ActError) -> Emptied {
    guard let trash = try Trash.existing(in: root, disk: disk) else {
        if let run = order.runs.first { throw ActError.noSuchRun(run, held: []) }
        return Emptied()
    }
    defer { trash.leave(logger) }
    let held = try acting(trash.runs())
    if let unknown = order.runs.first(where: { !held.contains($0) }) {
        throw ActError.noSuchRun(unknown, held: held)
    }
    logger.recovered(try await trash.recover(checks: checks))
    var emptied = Emptied()
    for run in try acting(trash.runs()) where order.runs.isEmpty || order.runs.contains(run) {
        try trash.empty(run, order, witness, now, shouldStop, progress, logger, &emptied)
    }
    return emptied
}

extension Trash {
    fileprivate func empty(
        _ run: String, _ order: EmptyingOrder, _ witness: (Identity) throws -> String?, _ now: Timestamp,
        _ shouldStop: () -> Bool, _ progress: (Usage) -> Void, _ logger: Logger, _ emptied: inout Emptied
    ) throws(ActError) {
        let checked = try acting(Checked(folder.directory(RelativePath(run))))
        var audited: [AuditLine] = []
        for sequence in try acting(sequences(of: run)) {
            if shouldStop() { break }
            let item = try acting(self.item(sequence, of: run))
            let state = state(of: item)
            if let moved = state.intent?.moved, now.seconds(since: Timestamp(nanoseconds: moved)) < order.age {
                continue
            }
            let (outcome, reason) = purge(
                item, state, isNamed: !order.runs.isEmpty, checked, witness, counting: &emptied.freed)
            let step = state.intent?.step ?? Plan.Step.unreadable(item)
            emptied.items.append(HeldItem.Line(run: run, sequence: sequence, step: step, outcome, reason))
            audited.append(
                AuditLine(
                    outcome == .done ? .freed : .kept, step, of: item, at: now, why: reason.isEmpty ? [] : [reason]))
            progress(emptied.freed)
        }
        record(audited, logger)
        do { try removeRunIfEmpty(run) } catch { logger.notice("run folder left", metadata: ["error": "\(error)"]) }
    }

    private func purge(
        _ item: ItemFolder, _ state: ItemState, isNamed: Bool, _ checked: Checked,
        _ witness: (Identity) throws -> String?, counting freed: inout Usage
    ) -> (Receipt.Outcome, String) {
        do {
            switch state {
            case .empty, .home: try drop(item)
            case .purging: try finishPurge(item, counting: &freed)
            case .held(let intent):
                guard let time = checked.time(of: item) else {
                    return (.skipped, "it was moved by a run that was cut off, and not yet checked after the move")
                }
                if let objection = try objection(to: intent, of: item, since: time, witness) {
                    return (.skipped, objection)
                }
                try beginPurge(item)
                try finishPurge(item, counting: &freed)
            case .partly: return (.skipped, "it was moved in part, and could not be completed")
            case .lost(_, let here, let missing):
                // Whoever names the run has read what was lost; as long as something is held, it is kept.
                guard isNamed, here.isEmpty else { return (.skipped, Trash.lost(item, missing)) }
                try drop(item)
            case .unclear(_, let reason):
                guard isNamed, try !item.directory.names().contains(where: { $0.hasPrefix("data.") }) else {
                    return (.skipped, "kept as it is: \(reason)")
                }
                try drop(item)
            }
            return (.done, "")
        } catch {
            return (.failed, "\(error)")
        }
    }

    /// Whether somebody still writes to what is held, or has it open.
    private func objection(
        to intent: Intent, of item: ItemFolder, since checked: Timestamp, _ witness: (Identity) throws -> String?
    ) throws -> String? {
        for index in intent.held.indices {
            let status = try item.directory.status(RelativePath("data.\(index)"))
            // The ctime of a file also changes when another name of it goes; its mtime only when it is written.
            let changed = status.kind == .directory ? status.changed : status.modified
            if changed > checked {
                return "it changed after it was moved: somebody still writes to it; "
                    + "`bilge undo \(item.run)` puts it back"
            }
            if let user = try witness(status.identity) { return "in use: \(user)" }
        }
        return nil
    }

    /// From here on the item can only go: a deletion that is cut off is finished by the next run.
    private func beginPurge(_ item: ItemFolder) throws(DiskError) {
        try disk.rename("meta", in: item.directory, to: "meta.purging", in: item.directory)
        try disk.sync(item.directory)
    }

    /// Deletes what `meta.purging` condemns. What cannot be deleted stays, with the mark.
    func finishPurge(_ item: ItemFolder, counting freed: inout Usage) throws(DiskError) {
        for name in try item.directory.names() where name.hasPrefix("data.") {
            try disk.removeTree(name, in: item.directory, counting: &freed)
        }
        try disk.sync(item.directory)
        try drop(item)
    }
}

extension ItemState {
    var intent: Intent? {
        switch self {
        case .empty: nil
        case .home(let intent), .held(let intent), .partly(let intent, _), .lost(let intent, _, _): intent
        case .purging(let intent), .unclear(let intent, _): intent
        }
    }
}

extension EmptyingOrder {
    fileprivate var age: Double { Double(olderThanSeconds) }
}
