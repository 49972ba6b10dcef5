// SPDX-License-Identifier: Apache-2.0

package import Act
import Decide
package import Disk
import Engine
import Logging
package import Model
import Observe
import SystemPackage

/// Does what a plan says: moves what nobody needs into the trash, each thing checked again before and after its move.
///
/// - Parameters:
///   - isUnattended: nobody saw the list. On a root that an engine owns, only what was seen as an orphan an hour ago or
///     earlier is then taken (`safety.md`, grace).
///   - shouldStop: asked between steps; a step that was begun is finished.
/// - Throws: `FlowError`, with `refused` if nothing may be written here, and with what was done until then.
package func carryOut(
    _ approved: consuming ApprovedPlan, _ survey: Survey, _ request: Request, isUnattended: Bool = false,
    shouldStop: @escaping () -> Bool = { false }, progress: @escaping (Receipt.Line) -> Void = { _ in }
) async throws -> Receipt {
    let lease = try permission(toWrite: survey)
    defer { withExtendedLifetime(lease) {} }
    var plan = approved.plan
    var young: [Receipt.Line] = []
    if isUnattended, survey.engine.state == .running, plan.steps.contains(where: \.isOrphan) {
        young = try holdBackFirstSightings(&plan, survey)
    }
    let carrying = Carrying(
        survey: survey, request: request, approver: approved.approver, all: plan.policy.retention.takesInternal,
        shouldStop: shouldStop, progress: progress)
    do {
        var receipt = try await carrying.whole(plan)
        receipt.steps += young
        return receipt
    } catch {
        throw flowError(error)
    }
}

/// The ways to carry out the steps of a plan.
private struct Carrying {
    let survey: Survey
    let request: Request
    let approver: String
    /// Also what the builder keeps for itself.
    let all: Bool
    let shouldStop: () -> Bool
    let progress: (Receipt.Line) -> Void

    private var hands: EngineHands? {
        survey.engine.state == .running ? engineHands(request, of: survey.opened, survey, all: all) : nil
    }

    /// A full disk may have no room for a trash: what needs none goes first then, and may make some.
    func whole(_ plan: Plan) async throws(ActError) -> Receipt {
        let first = plan.steps.filter(\.isInPlace)
        if !first.isEmpty, first.count == plan.steps.count { return try await inPlace(plan, first) }
        do { return try await throughTrash(plan) } catch {
            guard error.isNoSpace, error.receipt == nil, !first.isEmpty else { throw error }
            var receipt = try await inPlace(plan, first)
            var rest = plan
            rest.steps.removeAll(where: \.isInPlace)
            do {
                let held = try await throughTrash(rest)
                receipt.run = held.run
                receipt.steps += held.steps
                receipt.troubles += held.troubles
                return receipt
            } catch {
                var failure = error
                failure.receipt = failure.receipt ?? receipt
                throw failure
            }
        }
    }

    private func inPlace(_ plan: Plan, _ steps: [Plan.Step]) async throws(ActError) -> Receipt {
        var plan = plan
        plan.steps = steps
        return try await executeInPlace(
            ApprovedPlan(plan, approver: approver), in: survey.directory, check: logCheck(survey),
            removals: hands?.removals, clock: systemClock, shouldStop: shouldStop, progress: progress, logger: logger)
    }

    private func throughTrash(_ plan: Plan) async throws(ActError) -> Receipt {
        try await execute(
            ApprovedPlan(plan, approver: approver), in: survey.directory, checks: Rechecks(survey, request).checks,
            volumes: survey.engine.state == .running ? volumeEngine(request, of: survey.opened) : nil, hands: hands,
            logs: logCheck(survey), clock: systemClock, shouldStop: shouldStop, progress: progress, logger: logger)
    }
}

extension Plan.Step {
    /// Nothing of it is held, and nothing of it is written down before.
    fileprivate var isInPlace: Bool {
        switch action {
        case .trimLog, .removeCache: true
        case .quarantine, .removeImage, .untagImage, .removeContainer, .removeVolume: false
        }
    }
}

/// Keeps the steps of `plan` that are still right after a while, and says of each of the others what became of it.
///
/// A stale plan only shrinks: a step survives if today's plan has it too, with the same entries and the same objects.
package func stillRight(_ plan: Plan, today: Plan) -> (plan: Plan, gone: [Receipt.Line]) {
    var plan = plan
    var gone: [Receipt.Line] = []
    plan.steps = plan.steps.filter { step in
        let same = today.steps.first { $0.id == step.id && $0.kind == step.kind && $0.action == step.action }
        let isSame =
            same.map { same in
                same.paths == step.paths && Set(same.names) == Set(step.names)
                    && same.identities.count == step.identities.count
                    && zip(same.identities, step.identities).allSatisfy { $0.isSameObject(as: $1) }
            } ?? false
        if !isSame {
            let kept = today.kept.first { $0.id == step.id && $0.kind == step.kind }
            let reason = kept?.why.joined(separator: "; ") ?? "no longer as it was when the plan was made"
            gone.append(Receipt.Line(step, .skipped, reason: reason))
        }
        return isSame
    }
    return (plan.counted(), gone)
}

/// Puts back what a run took; the latest run if none is named.
package func undo(run: String?, _ request: Request) async throws -> Receipt {
    let root = try await openRoot(request)
    let witness = KernelWitness(root: root.directory, rootPath: root.path, proc: request.proc)
    try refuseBlindness(witness.claims(among: Findings()).problems)
    do {
        return try await Act.undo(
            run: run, in: root.directory, volumes: request.offline ? nil : volumeEngine(request, of: root),
            hands: request.offline ? nil : engineHands(request, of: root), clock: systemClock, logger: logger)
    } catch {
        throw flowError(error)
    }
}

/// What the trash of a root holds. Changes nothing.
package func trash(_ request: Request) async throws -> [HeldRun] {
    let root = try await openRoot(request)
    do { return try Trash.forReading(in: root.directory)?.list() ?? [] } catch { throw FlowError(error) }
}

/// What the audit log says about the trash of a root; empty if there is no trash. Changes nothing.
package func history(_ request: Request) async throws -> AuditHistory {
    let root = try await openRoot(request)
    do {
        return try Trash.forReading(in: root.directory)?.history() ?? AuditHistory([])
    } catch { throw FlowError(error) }
}

/// What an earlier command left half done, one sentence each; the next writing command settles it. Changes nothing.
package func unfinished(_ survey: Survey) throws -> [String] {
    do { return try Trash.forReading(in: survey.directory)?.pendingRecovery() ?? [] } catch { throw FlowError(error) }
}

/// Finishes what an earlier command left half done, for one that has nothing else to do. Returns what was done and what was
/// left, one sentence each.
package func settle(_ survey: Survey, _ request: Request) async throws -> [String] {
    let lease: OfflineLease?
    // Where nothing may be written now, whoever may write next settles it.
    do { lease = try permission(toWrite: survey) } catch  where error.code == .refused { return [] }
    defer { withExtendedLifetime(lease) {} }
    do {
        let recovery = try await Act.settle(
            in: survey.directory, checks: Rechecks(survey, request).checks,
            hands: survey.engine.state == .running ? engineHands(request, of: survey.opened, survey) : nil,
            logger: logger)
        return recovery.did + recovery.kept + recovery.troubles
    } catch {
        throw flowError(error)
    }
}

/// Frees what is held, for good.
package func emptyTrash(
    runs: [String], olderThanSeconds: Int64, _ request: Request, pace: RemovalPace = .fast,
    shouldStop: () -> Bool = { false }, progress: (Usage) -> Void = { _ in }
) async throws -> Emptied {
    let survey = try await survey(request)
    try refuseBlindness(survey.problems)
    if !Directory.canConfineRemovals {
        logger.notice("this kernel has no Landlock: what is deleted is confined to the trash by bilge alone")
    }
    let rechecks = Rechecks(survey, request)
    do {
        return try await empty(
            EmptyingOrder(runs: runs, olderThanSeconds: olderThanSeconds), in: survey.directory,
            disk: HostDisk(pace: pace), checks: rechecks.checks,
            hands: survey.engine.state == .running ? engineHands(request, of: survey.opened, survey) : nil,
            witness: rechecks.users(of:), now: systemClock(), shouldStop: shouldStop, progress: progress, logger: logger
        )
    } catch {
        throw flowError(error)
    }
}

private let logger = Logger(label: "bilge")

private func flowError(_ error: any Error) -> any Error { (error as? ActError).map(FlowError.init) ?? error }

/// The same root that a survey finds, with no more questions to the engine than which root it works on.
private func openRoot(_ request: Request) async throws -> DataRoot {
    let isAsked = request.dataRoot == nil && !request.offline
    let engineRoot = isAsked ? try await engineRoot(request) : nil
    let found = try findDataRoot(flag: request.dataRoot, engineRoot: engineRoot, sources: request.rootSources)
    return try openDataRoot(found.path, caller: request.caller, proc: request.proc)
}

/// Takes the steps that nobody has seen as orphans before out of `plan`, and writes down that they were seen now.
private func holdBackFirstSightings(_ plan: inout Plan, _ survey: Survey) throws -> [Receipt.Line] {
    do {
        let moment = try moment(survey.place.sources.proc)
        let trash = try Trash.forChanges(in: survey.directory)
        var sightings = try Sightings.load(from: trash)
        var held: [Receipt.Line] = []
        let steps = plan.steps
        plan.steps = steps.filter { step in
            // What the engine knows is not taken for an orphan.
            guard step.isOrphan else { return true }
            let isSecond = zip(step.paths, step.identities).allSatisfy { sightings.isSecond($0, $1, at: moment) }
            if !isSecond {
                held.append(Receipt.Line(step, .skipped, reason: "seen for the first time: taken an hour from now"))
            }
            return isSecond
        }
        var seen: [(RelativePath, Identity)] = []
        for step in steps where step.isOrphan { seen += Array(zip(step.paths, step.identities)) }
        sightings.record(seen, at: moment)
        try sightings.save(to: trash)
        return held
    } catch {
        throw flowError(error)
    }
}

extension Plan.Step {
    /// Taken because nobody knows it, not because a policy says so.
    fileprivate var isOrphan: Bool {
        switch action {
        case .quarantine: true
        case .removeVolume, .removeImage, .untagImage, .removeContainer, .removeCache, .trimLog: false
        }
    }
}

private func moment(_ proc: String) throws -> Moment {
    let proc = try ProcFS(path: FilePath(proc))
    guard let boot = try proc.fileIfPresent(RelativePath("sys/kernel/random/boot_id")),
        let uptime = try proc.uptimeSeconds()
    else { throw FlowError(.failed, "cannot tell how long this host has been up") }
    return Moment(
        boot: EntryName.escaped(boot.filter { $0 != UInt8(ascii: "\n") }), sinceBoot: Int64(uptime * 1e9),
        wall: systemClock())
}
