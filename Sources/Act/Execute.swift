// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
package import Model

/// Does what a plan says, step by step, each checked again before and after, and says what became of each.
///
/// What was left by a run that was cut off is settled first. A stop that was asked for comes after the step at hand.
/// `untagImage` is not done here; such steps are `skipped`.
///
/// - Parameters:
///   - checks: who needs a step's entries now; see `Checks`.
///   - volumes: the engine, for `removeVolume`; without it such steps are skipped.
///   - hands: the engine, for images, containers and build cache; without it such steps are skipped.
///   - logs: whether a log may be trimmed, for `trimLog`; without it such steps are skipped.
/// - Throws: `locked`; `refused` for a plan of another root; `noSpace` if nothing could be written down; and
///   `invariantBroken`, with the receipt so far, if entries can be moved neither in nor back.
package func execute(
    _ approved: consuming ApprovedPlan, in root: Directory, disk: any DiskMutations = HostDisk(), checks: Checks,
    volumes: VolumeEngine? = nil, hands: EngineHands? = nil, logs: LogCheck? = nil, clock: () -> Timestamp,
    shouldStop: () -> Bool = { false },
    progress: @escaping (Receipt.Line) -> Void = { _ in }, logger: Logger
) async throws(ActError) -> Receipt {
    let plan = try approved.plan(for: root)
    let trash = try Trash.forChanges(in: root, disk: disk)
    let execution = Execution(
        plan, approver: approved.approver, trash, checks, (volumes, hands, logs), logger, progress)
    return try await trash.closing(logger) { () throws(ActError) in
        let recovery = try await trash.recover(checks: checks, hands: hands)
        logger.recovered(recovery)
        try recovery.refuseBroken()
        return try await execution.run(clock, shouldStop)
    }
}

extension ApprovedPlan {
    /// The plan, if it was made for this root.
    ///
    /// - Throws: `refused` for one of another root.
    func plan(for root: Directory) throws(ActError) -> Plan {
        let status = try acting(root.status(.root))
        guard plan.root.inode == status.inode, plan.root.device == status.device else {
            throw ActError(
                .refused, "the plan was made for another root than \(root.path)",
                advice: "make a new plan for this root")
        }
        return plan
    }
}

/// One plan being executed.
final class Execution {
    let plan: Plan
    let approver: String
    let trash: Trash
    let checks: Checks
    let volumes: VolumeEngine?
    let hands: EngineHands?
    let logs: LogCheck?
    let logger: Logger
    let progress: (Receipt.Line) -> Void

    /// The folder of the run in the trash, once there is one.
    var run = ""
    var lines: [Int: Receipt.Line] = [:]
    var troubles: [String] = []
    /// Moved, but not looked at since.
    var pending: [(index: Int, item: ItemFolder, intent: Intent)] = []
    /// Why no further step is begun.
    var end: String?

    /// Items that are looked at after their moves in one go, unless a person gave them their name.
    static let batch = 64

    init(
        _ plan: Plan, approver: String, _ trash: Trash, _ checks: Checks,
        _ asked: (volumes: VolumeEngine?, hands: EngineHands?, logs: LogCheck?), _ logger: Logger,
        _ progress: @escaping (Receipt.Line) -> Void
    ) {
        self.plan = plan
        self.approver = approver
        self.trash = trash
        self.checks = checks
        volumes = asked.volumes
        hands = asked.hands
        logs = asked.logs
        self.logger = logger
        self.progress = progress
    }

    func run(_ clock: () -> Timestamp, _ shouldStop: () -> Bool) async throws(ActError) -> Receipt {
        for (index, step) in plan.steps.enumerated() {
            if end == nil, shouldStop() { end = "stopped" }
            if end != nil { break }
            switch step.action {
            case .quarantine, .removeVolume: try await take(step, index, clock)
            case .trimLog: await trim(step, index, clock())
            case .removeImage: try await holdImage(step, index, clock())
            case .removeContainer, .removeCache: try await remove(step, index, clock())
            case .untagImage: note(index, .skipped, "not done by this command: \(step.action.rawValue)")
            }
        }
        try await lookAgain(clock())
        for index in plan.steps.indices where lines[index] == nil {
            note(index, .skipped, "not begun: \(end ?? "stopped")")
        }
        return receipt
    }

    private var receipt: Receipt {
        var held = run
        do {
            // Whatever became of the steps: a run that holds something is one that `undo` must be told of.
            if try run.isEmpty || trash.sequences(of: run).isEmpty { held = "" }
        } catch {
            logger.notice("run folder not listed", metadata: ["error": "\(error)"])
        }
        return Receipt(
            plan: plan.plan, run: held, steps: plan.steps.indices.compactMap { lines[$0] }, troubles: troubles)
    }

    func note(_ index: Int, _ outcome: Receipt.Outcome, _ reason: String = "", isHeld: Bool = false) {
        let line = Receipt.Line(plan.steps[index], outcome, reason: reason, isHeld: isHeld)
        lines[index] = line
        logger.info("step", metadata: ["id": "\(line.step.id)", "outcome": "\(outcome)", "reason": "\(reason)"])
        progress(line)
    }
}

extension Execution {
    private func trim(_ step: Plan.Step, _ index: Int, _ time: Timestamp) async {
        guard let logs else { return note(index, .skipped, "nobody was asked whether it may be trimmed") }
        let line = await LogTrimming(root: trash.root, disk: trash.disk, check: logs).trim(step)
        note(index, line.outcome, line.reason)
        guard line.outcome == .done else { return }
        troubles += trash.record(
            [AuditLine(trimmed: line.step, at: time, why: [line.reason], approver: approver)], logger)
    }

    private func take(_ step: Plan.Step, _ index: Int, _ clock: () -> Timestamp) async throws(ActError) {
        let time = clock()
        var description: String?
        if step.action == .removeVolume {
            guard let volumes else { return note(index, .skipped, "only the engine can remove it, and was not asked") }
            do { description = try await volumes.describe(step) } catch {
                return note(index, .skipped, "the engine did not describe it: \(error)")
            }
        }
        do {
            if run.isEmpty { run = try trash.makeRun(time, plan: plan.plan) }
        } catch {
            return try failed(index, error)
        }
        let intent: Intent
        do {
            intent = try trash.intent(
                for: step, sequence: index + 1, run: run, plan: plan.plan, at: time, recreate: description)
        } catch {
            return note(index, .skipped, error.reason)
        }
        switch try await taking(intent, index) {
        case .skipped(let reason): note(index, .skipped, reason)
        case .failed(let error): try failed(index, error)
        case .taken(let item, let intent):
            pending.append((index, item, intent))
            let isNamed = step.kind == "volume" || step.action == .removeVolume
            if isNamed || pending.count == Execution.batch { try await lookAgain(clock()) }
            if step.action == .removeVolume, lines[index]?.outcome == .done, trash.isListed(intent) != nil {
                try await removeName(item, intent, index)
            }
        }
    }

    /// - Throws: `invariantBroken`, with the receipt so far, in which this step is held.
    private func taking(_ intent: Intent, _ index: Int) async throws(ActError) -> Trash.Taking {
        do { return try await trash.take(intent, recheck: checks.before) } catch {
            note(index, .failed, error.message, isHeld: true)
            var broken = error
            broken.receipt = receipt
            throw broken
        }
    }

    /// - Throws: `noSpace` if nothing has been moved in this run.
    func failed(_ index: Int, _ error: DiskError) throws(ActError) {
        if error.isNoSpace, pending.isEmpty, !lines.values.contains(where: { $0.outcome == .done }) {
            // A folder and a file for each item, and the run's folder, the log and their own metadata.
            let needed = Int64(plan.steps.count - index) * 8192 + 16384
            throw ActError(
                .noSpace(bytesNeeded: needed), "cannot write down what would be moved: \(error)",
                advice: trash.root.spaceNeeded(bytes: needed, inodes: 2 * plan.steps.count + 6)
                    + " first; `bilge trash empty` needs no space")
        }
        note(index, .failed, "\(error)")
        if error.endsRun { end = "\(error)" }
    }

    /// The question after the move. What anybody needs now, or cannot be asked about, goes back at once.
    private func lookAgain(_ time: Timestamp) async throws(ActError) {
        guard let last = pending.last else { return }
        let items = pending
        let answers = await checks.answers(after: items.map(\.intent.step))
        var broken: ActError?
        var audited: [AuditLine] = []
        func hold(_ index: Int, _ item: ItemFolder, _ step: Plan.Step, _ reason: String = "") {
            note(index, .done, reason, isHeld: true)
            audited.append(AuditLine(.held, step, of: item, at: time, why: step.why, approver: approver))
        }
        for ((index, item, intent), answer) in zip(items, answers).reversed() {
            guard let answer else {
                hold(index, item, intent.step)
                continue
            }
            do {
                guard try trash.putBackOrStop(item, intent, because: answer) else {
                    hold(index, item, intent.step, Self.removedMeanwhile)
                    continue
                }
                note(index, .skipped, "put back: \(answer)")
            } catch {
                broken = broken ?? error
                note(index, .failed, error.message, isHeld: true)
            }
            audited.append(AuditLine(.putBack, intent.step, of: item, at: time, why: [answer]))
        }
        pending = []
        if var broken {
            broken.receipt = receipt
            _ = trash.record(audited.reversed(), logger)
            throw broken
        }
        do {
            if audited.contains(where: { $0.event == .held }) { try trash.mark(last.item) }
            try trash.audit(audited.reversed())
        } catch {
            // All that was moved is held as it should be; but a run that cannot write its log does not go on, and does
            // not say that all is well: the next command checks what has no mark.
            end = "\(error)"
            for (index, item, _) in items where lines[index]?.outcome == .done {
                note(
                    index, .failed,
                    "it is held in \(item.directory.path), and `bilge undo \(run)` puts it back; but that nobody needs "
                        + "it could not be written down: \(error)", isHeld: true)
            }
        }
    }

    private static let removedMeanwhile = "its volume was removed meanwhile; the data is held"

    /// The last part of removing a volume that the engine lists.
    private func removeName(_ item: ItemFolder, _ intent: Intent, _ index: Int) async throws(ActError) {
        guard let volumes else { return }
        do {
            guard let refusal = try await volumes.remove(intent.step) else { return }
            do {
                guard try trash.putBackOrStop(item, intent, because: refusal) else {
                    return note(index, .done, Self.removedMeanwhile, isHeld: true)
                }
                note(index, .failed, "put back, because the engine refused: \(refusal)")
            } catch {
                note(index, .failed, error.message, isHeld: true)
                var broken = error
                broken.receipt = receipt
                throw broken
            }
        } catch let error as ActError {
            throw error
        } catch {
            // The answer got lost. Whether the engine did it is read from the disk; what it might still do must not
            // find the data at its place.
            guard trash.isListed(intent) != nil else { return }
            note(
                index, .failed,
                "the engine did not say whether it removed the name (\(error)); the data is held, and "
                    + "`bilge undo \(run)` puts it back", isHeld: true)
        }
    }
}
