// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
package import Model
import SystemPackage

/// Puts back what a run took, last item first: the latest run if none is named.
///
/// An item goes back whole or not at all. What cannot go back stays in the trash, and its line says why: the name is in
/// use again, or the directory it was in is gone. Nothing is ever restored under another name.
///
/// - Throws: `locked`; `refused` for a run that does not exist; `invariantBroken`.
/// - Returns: a line for each item, `done` or `failed`; no lines if nothing is held.
package func undo(
    run: String?, in root: Directory, disk: any DiskMutations = HostDisk(), volumes: VolumeEngine? = nil,
    hands: EngineHands? = nil, clock: () -> Timestamp, logger: Logger
) async throws(ActError) -> Receipt {
    guard let trash = try Trash.existing(in: root, disk: disk) else {
        if let run { throw ActError.noSuchRun(run, held: []) }
        return Receipt(plan: "", run: "", steps: [])
    }
    return try await trash.closing(logger) { () throws(ActError) in
        // Items that were cut off while they went back are in part at their places; the whole way back begins complete.
        let recovery = try await trash.recover(checks: nil, hands: hands)
        logger.recovered(recovery)
        let runs = try acting(trash.runs())
        let latest = try trash.latestToUndo(runs)
        guard let chosen = run ?? latest else { return Receipt(plan: "", run: "", steps: []) }
        guard runs.contains(chosen) else { throw ActError.noSuchRun(chosen, held: runs) }
        return try await trash.undo(chosen, volumes, hands, clock, logger)
    }
}

extension Trash {
    /// The latest run of which anything can be put back; else the latest.
    fileprivate func latestToUndo(_ runs: [String]) throws(ActError) -> String? {
        for run in runs.reversed() {
            for sequence in try acting(sequences(of: run)) {
                if state(of: try acting(item(sequence, of: run))).intent?.step.undo ?? true { return run }
            }
        }
        return runs.last
    }

    fileprivate func undo(
        _ run: String, _ volumes: VolumeEngine?, _ hands: EngineHands?, _ clock: () -> Timestamp, _ logger: Logger
    ) async throws(ActError) -> Receipt {
        var receipt = Receipt(plan: "", run: run, steps: [])
        var audited: [AuditLine] = []
        for sequence in try acting(sequences(of: run)).reversed() {
            let item = try acting(self.item(sequence, of: run))
            guard let (intent, obstacle) = try await undo(item, volumes, hands) else { continue }
            if let intent { receipt.plan = intent.plan }
            let step = intent?.step ?? Plan.Step.unreadable(item)
            // What was said before the question is no failure.
            let isFinal = intent.map { !$0.step.undo } ?? false
            let outcome: Receipt.Outcome = obstacle == nil ? .done : isFinal ? .skipped : .failed
            receipt.steps.append(
                Receipt.Line(step, outcome, reason: obstacle ?? "", isHeld: obstacle != nil && holdsData(item)))
            audited.append(
                AuditLine(
                    obstacle == nil ? .undone : .refused, step, of: item, at: clock(), why: obstacle.map { [$0] } ?? [])
            )
            logger.info(
                "undo", metadata: ["item": "\(run)/\(item.name)", "id": "\(step.id)", "obstacle": "\(obstacle ?? "-")"])
        }
        receipt.troubles = record(audited, logger)
        return receipt
    }

    /// Whether anything is in the trash of what an item held; also true if nobody can tell, and of what the engine holds.
    private func holdsData(_ item: ItemFolder) -> Bool {
        switch state(of: item) {
        case .empty, .home: false
        case .withEngine(let intent): intent.step.undo
        case .lost(_, let here, _): !here.isEmpty
        case .held, .partly, .purging, .unclear: true
        }
    }

    /// Returns what was in the way, if anything was; `nil` for an item that held nothing.
    private func undo(
        _ item: ItemFolder, _ volumes: VolumeEngine?, _ hands: EngineHands?
    ) async throws(ActError) -> (Intent?, obstacle: String?)? {
        switch state(of: item) {
        case .empty:
            try acting(drop(item))
            return nil
        case .home(let intent):
            try acting(forget(item, intent))
            return nil
        case .held(let intent), .partly(let intent, _):
            return (intent, try await putBackWhole(item, intent, volumes))
        case .lost(let intent, _, let missing):
            do { try returnEntries(of: item, intent) } catch { return (intent, "\(error)") }
            return (intent, Trash.lost(item, missing))
        case .withEngine(let intent): return (intent, try await undo(item, intent, hands))
        case .purging(let intent): return (intent, "its deletion was begun")
        case .unclear(let intent, let reason): return (intent, "kept as it is: \(reason)")
        }
    }

    private func putBackWhole(
        _ item: ItemFolder, _ intent: Intent, _ volumes: VolumeEngine?
    ) async throws(ActError) -> String? {
        if intent.isVolumeOfEngine, let obstacle = await makeVolumeAgain(item, intent, volumes) { return obstacle }
        if let obstacle = obstacle(to: intent, in: item) { return obstacle }
        do {
            try putBack(item, intent)
            return nil
        } catch {
            return try await moveBackIn(item, because: error)
        }
    }

    /// Why an item cannot go back, as far as that can be seen before anything moves.
    private func obstacle(to intent: Intent, in item: ItemFolder) -> String? {
        let own = Set(intent.held.map(\.path))
        do {
            for (index, held) in intent.held.enumerated() {
                guard try item.directory.statusIfPresent(RelativePath("data.\(index)")) != nil else { continue }
                // Its directory is in the trash with it, and goes back before it.
                if let above = held.path.parent, own.contains(above) { continue }
                let parent = try parent(of: held, mayBeNew: intent.isVolumeOfEngine)
                guard try parent.statusIfPresent(RelativePath(String(held.path.name))) == nil else {
                    return "the name is in use again: \(held.path); move away what is there now, or take what you need "
                        + "from \(item.directory.path)/data.\(index)"
                }
            }
            return nil
        } catch  where error.isNoFolder || error.errno == .staleNFSFileHandle {
            return "the directory it was in is gone or another one (\(error)); it is held in \(item.directory.path)"
        } catch {
            return "\(error)"
        }
    }

    /// An item that could go back only in part is made whole in the trash again.
    private func moveBackIn(_ item: ItemFolder, because error: DiskError) async throws(ActError) -> String? {
        do {
            switch state(of: item) {
            case .home, .empty:
                // The next command removes the intent, but what the disk refused may also be to make the way back last.
                return "it is back at its place, but the disk refused to make that final: \(error)"
            case .partly(let intent, let here):
                try uncheck(item)
                try completeForward(item, intent, here: here)
            case .held, .lost, .withEngine, .purging, .unclear: break
            }
            return "\(error)"
        } catch let second {
            return "\(error); it is in part at its place and in part in \(item.directory.path): \(second)"
        }
    }

    /// Has the engine make a volume whose name it had removed, and frees the place of its data.
    private func makeVolumeAgain(_ item: ItemFolder, _ intent: Intent, _ volumes: VolumeEngine?) async -> String? {
        let data = intent.held[0].path
        guard let volume = data.parent, let above = volume.parent else { return "the plan names no volume" }
        do {
            // The engine never removed it: the data has its place.
            if let status = try root.statusIfPresent(volume), isSame(status, intent.held[0].parent) { return nil }
            let asked = RelativePath("recreating")
            if try item.directory.statusIfPresent(asked) == nil {
                guard try root.statusIfPresent(volume) == nil else {
                    return "the name is in use again: \(volume); its data is held in \(item.directory.path)"
                }
                guard let volumes, let description = intent.recreate else {
                    return "only the engine can make \(volume) again, and it was not asked"
                }
                try disk.create(asked.text, [], in: item.directory)
                try disk.sync(item.directory)
                try await volumes.create(intent.step, description)
            } else if try root.statusIfPresent(volume) == nil, let volumes, let description = intent.recreate {
                try await volumes.create(intent.step, description)
            }
            // What the engine made is empty, or this fails and nothing is lost.
            let parent = try root.directory(volume)
            if try parent.statusIfPresent(RelativePath("_data")) != nil {
                try disk.removeDirectory("_data", in: parent)
            }
            return nil
        } catch {
            return "the engine could not make \(volume) below \(above) again: \(error)"
        }
    }
}
