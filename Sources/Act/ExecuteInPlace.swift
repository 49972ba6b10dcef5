// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Logging
package import Model
import SystemPackage

/// Does steps of which nothing is held, each for itself, and says what became of each: takes the oldest lines off the front of
/// logs, and has the engine remove build cache.
///
/// It needs no trash and no free space: a full disk is when somebody calls for it. If there is a trash, its audit log gets
/// a line for each log.
///
/// - Parameter removals: the engine, for build cache; without it such steps are skipped.
/// - Throws: `refused` for a plan of another root.
package func executeInPlace(
    _ approved: consuming ApprovedPlan, in root: Directory, disk: any DiskMutations = HostDisk(), check: LogCheck,
    removals: RemovalEngine? = nil, clock: () -> Timestamp, shouldStop: () -> Bool = { false },
    progress: (Receipt.Line) -> Void = { _ in }, logger: Logger
) async throws(ActError) -> Receipt {
    let plan = try approved.plan(for: root)
    var lines: [Receipt.Line] = []
    var audited: [AuditLine] = []
    for step in plan.steps {
        let line: Receipt.Line
        if shouldStop() {
            line = Receipt.Line(step, .skipped, reason: "not begun: stopped")
        } else if step.action == .trimLog {
            line = await LogTrimming(root: root, disk: disk, check: check).trim(step)
        } else {
            line = await removing(step, removals)
        }
        lines.append(line)
        if line.outcome == .done, step.action == .trimLog {
            audited.append(AuditLine(trimmed: line.step, at: clock(), why: [line.reason], approver: approved.approver))
        }
        progress(line)
    }
    var troubles: [String] = []
    if !audited.isEmpty {
        do {
            if let trash = try Trash.existing(in: root, disk: disk) { troubles = trash.record(audited, logger) }
        } catch {
            logger.error("audit log not written", metadata: ["error": "\(error)", "lines": "\(audited.count)"])
            troubles = ["the audit log could not be written, so it lacks what was done now: \(error.message)"]
        }
    }
    return Receipt(plan: plan.plan, run: "", steps: lines, troubles: troubles)
}

/// Has the engine remove build cache, of which nothing is written down.
private func removing(_ step: Plan.Step, _ removals: RemovalEngine?) async -> Receipt.Line {
    guard step.action == .removeCache, let removals else {
        return Receipt.Line(step, .skipped, reason: "only the engine can remove it, and was not asked")
    }
    do {
        switch try await removals.remove(step) {
        case .removed: return Receipt.Line(step, .done)
        case .gone: return Receipt.Line(step, .skipped, reason: "gone already")
        case .refused(let reason): return Receipt.Line(step, .skipped, reason: reason)
        }
    } catch {
        return Receipt.Line(step, .failed, reason: "the engine did not say whether it removed it: \(error)")
    }
}
