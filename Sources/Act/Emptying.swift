// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
package import Model

/// What emptying the trash freed, and what it left.
package struct Emptied: Sendable, Troubled {
    /// What the file system got back; a file with another name elsewhere frees nothing.
    package var freed = Usage()
    /// One for each item that was asked for: `done`, `skipped` with what speaks against it, or `failed`.
    package var items: [HeldItem.Line] = []
    /// What went wrong beside the items, one sentence each.
    package var troubles: [String] = []
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

/// Who uses entries that are held, one answer for each: a process that has it open, a mount; `nil` for nobody.
package typealias Witness = ([Identity]) throws -> [String?]

/// Deletes what is held in the trash, for good. It needs no free space to begin.
///
/// - Parameters:
///   - witness: asked about the entries of up to 64 items right before these are deleted. Moving took the path away
///     from everybody, but not an open file; and who has not got hold of them by then cannot any more.
///   - checks: for items that a killed run moved and did not look at again; without it they are kept.
///   - hands: the engine, for images that it holds; without it they are kept.
///   - progress: called after every item with what has been freed so far.
/// - Throws: `locked`; `refused` for a run that does not exist.
package func empty(
    _ order: EmptyingOrder, in root: Directory, disk: any DiskMutations = HostDisk(), checks: Checks? = nil,
    hands: EngineHands? = nil, witness: Witness, now: Timestamp, shouldStop: () -> Bool = { false },
    progress: (Usage) -> Void = { _ in },
    logger: Logger
) async throws(ActError) -> Emptied {
    guard let trash = try Trash.existing(in: root, disk: disk) else {
        if let run = order.runs.first { throw ActError.noSuchRun(run, held: []) }
        return Emptied()
    }
    return try await trash.closing(logger) { () throws(ActError) in
        let held = try acting(trash.runs())
        if let unknown = order.runs.first(where: { !held.contains($0) }) {
            throw ActError.noSuchRun(unknown, held: held)
        }
        logger.recovered(try await trash.recover(checks: checks, hands: hands))
        var emptied = Emptied()
        for run in try acting(trash.runs()) where order.runs.isEmpty || order.runs.contains(run) {
            try await trash.empty(run, order, hands, witness, now, shouldStop, progress, logger, &emptied)
        }
        return emptied
    }
}

extension Trash {
    fileprivate func empty(
        _ run: String, _ order: EmptyingOrder, _ hands: EngineHands?, _ witness: Witness, _ now: Timestamp,
        _ shouldStop: () -> Bool, _ progress: (Usage) -> Void, _ logger: Logger, _ emptied: inout Emptied
    ) async throws(ActError) {
        let checked = try acting(Checked(self.folder.directory(RelativePath(run))))
        var rest = try acting(sequences(of: run))[...]
        var audited: [AuditLine] = []
        while !rest.isEmpty, !shouldStop() {
            let batch = try acting(items(rest.prefix(64), of: run, order, now))
            rest = rest.dropFirst(64)
            let users = Users(of: batch.map(\.state), asking: witness)
            var endings: [(item: ItemFolder, step: Plan.Step, ending: Ending)] = []
            for (item, state) in batch where !shouldStop() {
                let ending = await purge(
                    item, state, users, hands, isNamed: !order.runs.isEmpty, checked, counting: &emptied.freed)
                endings.append((item, state.intent?.step ?? Plan.Step.unreadable(item), ending))
                progress(emptied.freed)
            }
            let deleted = endings.indices.filter { endings[$0].ending == .deleted }
            for (index, failure) in zip(deleted, dropDeleted(deleted.map { endings[$0].item })) {
                if let failure { endings[index].ending = .failed("\(failure)") }
            }
            for (item, step, ending) in endings {
                let (outcome, reason) = ending.line
                emptied.items.append(HeldItem.Line(run: run, sequence: item.sequence, step: step, outcome, reason))
                let event = outcome == .done ? AuditLine.Event.freed : .kept
                audited.append(AuditLine(event, step, of: item, at: now, why: reason.isEmpty ? [] : [reason]))
            }
        }
        emptied.troubles += record(audited, logger)
    }

    /// Those that are old enough. An item that does not say when it was moved is.
    private func items(
        _ sequences: ArraySlice<Int>, of run: String, _ order: EmptyingOrder, _ now: Timestamp
    ) throws(DiskError) -> [(item: ItemFolder, state: ItemState)] {
        var items: [(ItemFolder, ItemState)] = []
        for sequence in sequences {
            let item = try self.item(sequence, of: run)
            let state = state(of: item)
            let moved = state.intent.map { Timestamp(nanoseconds: $0.moved) }
            if let moved, now.seconds(since: moved) < Double(order.olderThanSeconds) { continue }
            items.append((item, state))
        }
        return items
    }

    private func purge(
        _ item: ItemFolder, _ state: ItemState, _ users: Users, _ hands: EngineHands?, isNamed: Bool,
        _ checked: Checked, counting freed: inout Usage
    ) async -> Ending {
        if case .withEngine(let intent) = state { return await release(item, intent, hands, counting: &freed) }
        do {
            switch state {
            case .empty, .withEngine: try drop(item)
            case .home(let intent): try forget(item, intent)
            case .purging:
                try delete(item, counting: &freed)
                return .deleted
            case .held(let intent):
                guard let time = checked.time(of: item) else {
                    return .skipped("it was moved by a run that was cut off, and not yet checked after the move")
                }
                if let objection = try writer(of: intent, in: item, since: time) ?? users.user(of: intent) {
                    return .skipped(objection)
                }
                try beginPurge(item)
                try delete(item, counting: &freed)
                return .deleted
            case .partly: return .skipped("it was moved in part, and could not be completed")
            case .lost(_, let here, let missing):
                // Whoever names the run has read what was lost; as long as something is held, it is kept.
                guard isNamed, here.isEmpty else { return .skipped(Trash.lost(item, missing)) }
                try drop(item)
            case .unclear(_, let reason):
                guard isNamed, try !item.directory.names().contains(where: { $0.hasPrefix("data.") }) else {
                    return .skipped("kept as it is: \(reason)")
                }
                try drop(item)
            }
            return .done
        } catch {
            return .failed("\(error)")
        }
    }

    /// Whether somebody still writes to what is held.
    private func writer(
        of intent: Intent, in item: ItemFolder, since checked: Timestamp
    ) throws(DiskError) -> String? {
        for index in intent.held.indices {
            let status = try item.directory.status(RelativePath("data.\(index)"))
            // The ctime of a file also changes when another name of it goes; its mtime only when it is written.
            let changed = status.kind == .directory ? status.changed : status.modified
            if changed > checked {
                return "it changed after it was moved: somebody still writes to it; "
                    + "`bilge undo \(item.run)` puts it back"
            }
        }
        return nil
    }

    /// From here on the item can only go: a deletion that is cut off is finished by the next run.
    private func beginPurge(_ item: ItemFolder) throws(DiskError) {
        try disk.rename("meta", in: item.directory, to: "meta.purging", in: item.directory)
        try disk.sync(item.directory)
    }

    /// Finishes a deletion that was cut off.
    func finishPurge(_ item: ItemFolder, counting freed: inout Usage) throws(DiskError) {
        try delete(item, counting: &freed)
        if let failure = dropDeleted([item])[0] { throw failure }
    }

    /// Deletes what `meta.purging` condemns. What cannot be deleted stays, with the mark.
    private func delete(_ item: ItemFolder, counting freed: inout Usage) throws(DiskError) {
        for name in try item.directory.names() where name.hasPrefix("data.") {
            try disk.removeTree(name, in: item.directory, counting: &freed)
        }
    }

    /// Drops items of one run whose data is deleted: their marks go only when that is durable. All at once, because what
    /// makes the first deletion durable makes most of the others so.
    ///
    /// - Returns: for each what went wrong, if anything did; then the mark has the next command finish it.
    private func dropDeleted(_ items: [ItemFolder]) -> [DiskError?] {
        var failures: [DiskError?] = items.map { _ in nil }
        for index in items.indices {
            do { try disk.sync(items[index].directory) } catch { failures[index] = error }
        }
        for index in items.indices where failures[index] == nil {
            do { try remove(items[index]) } catch { failures[index] = error }
        }
        guard let last = items.last, failures.contains(where: { $0 == nil }) else { return failures }
        do { try disk.sync(last.runFolder) } catch { return failures.map { $0 ?? error } }
        return failures
    }
}

/// What became of one item, before it is told.
enum Ending: Equatable {
    case done
    /// Its data is gone; its mark and its folder are still there.
    case deleted
    case skipped(String)
    case failed(String)

    var line: (outcome: Receipt.Outcome, reason: String) {
        switch self {
        case .done, .deleted: (.done, "")
        case .skipped(let reason): (.skipped, reason)
        case .failed(let reason): (.failed, reason)
        }
    }
}

extension ItemState {
    var intent: Intent? {
        switch self {
        case .empty: nil
        case .home(let intent), .held(let intent), .partly(let intent, _), .lost(let intent, _, _): intent
        case .withEngine(let intent): intent
        case .purging(let intent), .unclear(let intent, _): intent
        }
    }
}

/// What the witness said about the entries of a batch. Of whom it could not tell, somebody uses.
private struct Users {
    private var answers: [Identity: String] = [:]

    init(of states: [ItemState], asking witness: Witness) {
        var identities: [Identity] = []
        for case .held(let intent) in states { identities += intent.held.map(\.identity) }
        guard !identities.isEmpty else { return }
        do {
            let users = try witness(identities)
            for (index, identity) in identities.enumerated() {
                answers[identity] =
                    index < users.count ? users[index].map { "in use: \($0)" } : "the witness did not say"
            }
        } catch {
            for identity in identities { answers[identity] = "nobody could tell who uses it: \(error)" }
        }
    }

    func user(of intent: Intent) -> String? { intent.held.lazy.compactMap { answers[$0.identity] }.first }
}
