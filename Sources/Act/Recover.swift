// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
import Model
import SystemPackage

/// What a run that was cut off had left, and what became of it.
package struct Recovery: Sendable, Troubled {
    /// What was done, one sentence each.
    package var did: [String] = []
    /// What was left as it is, and why.
    package var kept: [String] = []
    /// Entries that are neither at their places nor in the trash, or that are needed and cannot be put back.
    package var broken: [String] = []
    /// What went wrong beside the items, one sentence each.
    package var troubles: [String] = []

    /// Nothing had been left.
    package var isEmpty: Bool { did.isEmpty && kept.isEmpty && broken.isEmpty }
}

/// Finishes what a run that was cut off had begun, for a command that has nothing else to do.
///
/// - Throws: `locked`; `invariantBroken` for entries that cannot be found, or that are needed and cannot be put back.
package func settle(
    in root: Directory, disk: any DiskMutations = HostDisk(), checks: Checks, hands: EngineHands?, logger: Logger
) async throws(ActError) -> Recovery {
    guard let trash = try Trash.existing(in: root, disk: disk) else { return Recovery() }
    return try await trash.closing(logger) { () throws(ActError) in
        let recovery = try await trash.recover(checks: checks, hands: hands)
        logger.recovered(recovery)
        try recovery.refuseBroken()
        return recovery
    }
}

extension Recovery {
    /// - Throws: `invariantBroken` if anything is.
    func refuseBroken() throws(ActError) {
        guard !broken.isEmpty else { return }
        throw ActError(
            .invariantBroken, broken.joined(separator: "; "),
            advice: "nothing was changed now; look for these entries, then `bilge undo RUN` for what is held, or "
                + "`bilge trash empty RUN` to forget what is gone")
    }
}

extension Trash {
    /// What `recover` would do, one sentence each; changes nothing, for commands that only read.
    package func pendingRecovery() throws(ActError) -> [String] {
        var sentences: [String] = []
        for run in try acting(runs()) {
            let checked = try acting(Checked(folder.directory(RelativePath(run))))
            for sequence in try acting(sequences(of: run)) {
                let item = try acting(self.item(sequence, of: run))
                let place = "\(run)/\(item.name)"
                switch state(of: item) {
                case .empty, .home: sentences.append("\(place): nothing was moved, or all is back")
                case .held:
                    if checked.time(of: item) == nil {
                        sentences.append("\(place): held, but not yet checked after the move")
                    }
                // Only the engine could say more.
                case .withEngine: break
                case .partly: sentences.append("\(place): moved in part")
                case .lost(_, _, let missing): sentences.append(Trash.lost(item, missing))
                case .purging: sentences.append("\(place): its deletion was begun")
                case .unclear(_, let reason): sentences.append("\(place): kept as it is: \(reason)")
                }
            }
        }
        return sentences
    }

    /// Finishes what a run that was cut off had begun. Running it again changes nothing more.
    ///
    /// What was moved but not looked at after the move is looked at now if `checks` is given, and put back if anybody
    /// needs it or it cannot be completed.
    package func recover(checks: Checks?, hands: EngineHands? = nil) async throws(ActError) -> Recovery {
        var recovery = Recovery()
        for run in try acting(runs()) {
            do { try await recover(run, checks, hands, &recovery) } catch {
                recovery.kept.append("\(run): \(error)")
            }
        }
        return recovery
    }

    private func recover(
        _ run: String, _ checks: Checks?, _ hands: EngineHands?, _ recovery: inout Recovery
    ) async throws(DiskError) {
        let runFolder = try folder.directory(RelativePath(run))
        var checked = try Checked(runFolder)
        var unchecked: [(ItemFolder, Intent)] = []
        // A mark speaks for every item before it, so there is none behind an item that is not clear.
        var isClear = true
        for sequence in try sequences(of: run) {
            let item = try self.item(sequence, of: run)
            do {
                if case .withEngine(let intent) = state(of: item) {
                    let settled = try await settle(item, intent, hands)
                    recovery.did += [settled.did].compactMap(\.self)
                    recovery.kept += [settled.kept].compactMap(\.self)
                    continue
                }
                let troubles = recovery.kept.count + recovery.broken.count
                let settled = recovery.did.count
                if let intent = try settle(item, &recovery) {
                    // What was completed just now is not covered by the marks of before.
                    if recovery.did.count > settled { checked = try Checked(runFolder) }
                    if checked.time(of: item) == nil { unchecked.append((item, intent)) }
                }
                if recovery.kept.count + recovery.broken.count > troubles { isClear = false }
            } catch {
                isClear = false
                recovery.kept.append("\(run)/\(item.name): \(error)")
            }
            if unchecked.count == 64 {
                isClear = await check(unchecked, checks, isClear, &recovery)
                unchecked = []
            }
        }
        _ = await check(unchecked, checks, isClear, &recovery)
        try removeRunIfEmpty(run)
    }

    /// Brings one item out of every state between two; returns its intent if it is held.
    private func settle(_ item: ItemFolder, _ recovery: inout Recovery) throws(DiskError) -> Intent? {
        let place = "\(item.run)/\(item.name)"
        switch state(of: item) {
        case .empty:
            try drop(item)
            recovery.did.append("\(place): dropped, nothing is in it")
        case .home(let intent):
            try forget(item, intent)
            recovery.did.append("\(place): dropped, nothing is in it")
        case .held(let intent):
            return intent
        case .partly(let intent, let here):
            guard here.contains(0) else {
                try putBack(item, intent)
                recovery.did.append("\(place): put back what had not been put back yet")
                return nil
            }
            try uncheck(item)
            try completeForward(item, intent, here: here)
            recovery.did.append("\(place): moved the rest of \(intent.step.kind) \(intent.step.id)")
            return intent
        case .lost(_, _, let missing):
            recovery.broken.append(Trash.lost(item, missing))
        // Settled with the engine, which this is not asked about.
        case .withEngine: break
        case .purging(let intent):
            var freed = Usage()
            try finishPurge(item, counting: &freed)
            recovery.did.append("\(place): finished deleting \(intent?.step.id ?? "what was in it")")
        case .unclear(_, let reason):
            recovery.kept.append("\(place): kept as it is: \(reason)")
        }
        return nil
    }

    /// Looks at items that were moved but not looked at since; marks them if nobody needs them and `isClear` so far.
    private func check(
        _ items: [(ItemFolder, Intent)], _ checks: Checks?, _ isClear: Bool, _ recovery: inout Recovery
    ) async -> Bool {
        guard let last = items.last else { return isClear }
        var isClear = isClear
        do {
            guard let checks else { throw NotChecked() }
            for (item, intent) in items { try syncMove(of: item, intent) }
            let answers = try await checks.after(items.map(\.1.step))
            guard answers.count == items.count else { throw NotChecked() }
            for ((item, intent), answer) in zip(items, answers).reversed() {
                guard let answer else { continue }
                do {
                    let isBack = try putBackOrStop(item, intent, because: answer)
                    recovery.did.append(
                        "\(item.run)/\(item.name): "
                            + (isBack ? "put back, because \(answer)" : "held, its volume was removed meanwhile"))
                } catch {
                    isClear = false
                    recovery.broken.append(error.message)
                }
            }
            if isClear { try mark(last.0) }
        } catch {
            isClear = false
            recovery.kept += items.map {
                "\($0.0.run)/\($0.0.name): held, but not yet checked after the move: \(error)"
            }
        }
        return isClear
    }

    private struct NotChecked: Error, CustomStringConvertible { let description = "nobody could be asked" }

    /// Makes the moves durable that a run may not have come to.
    private func syncMove(of item: ItemFolder, _ intent: Intent) throws(DiskError) {
        for held in intent.held {
            do { try disk.sync(parent(of: held)) } catch  where error.isNoFolder || error.errno == .staleNFSFileHandle {
            }
        }
        try disk.sync(item.directory)
    }

    /// Removes the intent of an item that is at its place, and for good: the run that moved it back may have died before
    /// that was durable.
    func forget(_ item: ItemFolder, _ intent: Intent) throws(DiskError) {
        try syncMove(of: item, intent)
        try drop(item)
    }

    /// Notes that every item of the run up to this one was looked at after its move, which is durable by now.
    func mark(_ item: ItemFolder) throws(DiskError) {
        let name = Checked.name(item.sequence)
        guard try item.runFolder.statusIfPresent(RelativePath(name)) == nil else { return }
        try withReserve(disk.create(name, [], in: item.runFolder))
    }

    /// Takes the marks away that cover this item, because it moves once more.
    func uncheck(_ item: ItemFolder) throws(DiskError) {
        for name in try item.runFolder.names() {
            if let sequence = Checked.sequence(name), sequence >= item.sequence {
                try disk.unlink(name, in: item.runFolder)
            }
        }
    }

    static func lost(_ item: ItemFolder, _ missing: [RelativePath]) -> String {
        "\(item.run)/\(item.name): neither at its place nor in \(item.directory.path): "
            + missing.map(\.text).joined(separator: ", ")
    }
}
