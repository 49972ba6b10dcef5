// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
package import Model
import Observe
import SystemPackage

/// Returns the steps that bring logs down to `keepBytes` each, the largest first, and what is left as it is and why.
///
/// - Parameter ids: of the containers that were named; `nil` for all, of which those with less are not worth a word.
/// - Throws: `DiskError` if the kernel cannot say who writes to them.
package func planLogTrims(
    _ survey: Survey, to keepBytes: Int64, only ids: Set<String>? = nil
) throws -> (steps: [Plan.Step], kept: [Plan.Kept]) {
    let wanted = logs(survey).filter { ids?.contains($0.container.id) ?? true }
    let isProtected = Set(survey.items.filter(\.isProtected).map(\.item.path))
    let large = wanted.filter { ($0.current?.sizeBytes ?? 0) > keepBytes }
    let openings = try openings(of: large.compactMap(\.current?.status), survey)
    var steps: [Plan.Step] = []
    var kept: [Plan.Kept] = []
    for log in wanted {
        let reason: String?
        if isProtected.contains(log.container.path) {
            reason = "the keep list protects it"
        } else if let index = large.firstIndex(where: { $0.container.id == log.container.id }) {
            reason = try obstacle(to: log, openings[index], survey)
        } else if log.record.path == nil || log.current == nil {
            reason = ids == nil ? nil : missing(log)
        } else {
            reason = enough(log, keepBytes, isNamed: ids != nil)
        }
        if let reason {
            kept.append(Plan.Kept(kind: "log", id: log.container.id, names: [log.container.name], why: [reason]))
        } else if let current = log.current, current.sizeBytes > keepBytes {
            steps.append(step(log, current, to: keepBytes))
        }
    }
    return (steps, kept)
}

/// Why a log that is no longer than it may be stays as it is; `nil` if that is not worth a word.
private func enough(_ log: ContainerLog, _ keepBytes: Int64, isNamed: Bool) -> String? {
    let current = log.current?.sizeBytes ?? 0
    let rotated = log.sizeBytes - current
    guard current + rotated > keepBytes else { return isNamed ? "it has \(ByteCount(current).text) already" : nil }
    return
        "its newest file has \(ByteCount(current).text) already, and rotated ones, \(ByteCount(rotated).text), are the "
        + "engine's: max-size and max-file say how many"
}

/// The same as a plan of its own.
package func logTrimPlan(_ survey: Survey, to keepBytes: Int64, only ids: Set<String>? = nil) throws -> Plan {
    let (steps, kept) = try planLogTrims(survey, to: keepBytes, only: ids)
    let status = try survey.directory.status(.root)
    let root = Plan.Root(path: survey.root.path, device: status.device, inode: status.inode)
    return Plan(
        plan: planName(root, steps), created: survey.place.now.rfc3339,
        policy: Plan.Policy(
            kinds: ["logs"], graceSeconds: survey.place.graceSeconds, named: false,
            keep: survey.place.keep.map(\.pattern)),
        root: root, steps: steps, kept: kept,
        totals: Plan.Totals(
            freesNowBytes: steps.reduce(0) { $0 + $1.freesBytes }, freesWhenTrashEmptiesBytes: 0))
}

/// Who is asked whether a log of this survey may be trimmed: the kernel, each time anew.
func logCheck(_ survey: Survey) -> LogCheck {
    let containers = survey.catalog.containers
    return LogCheck { step, file in
        guard let container = containers.first(where: { $0.log?.path != nil && $0.log?.path == step.paths.first }),
            let record = container.log
        else { return "no container's record names this log" }
        let status = try file.status()
        let log = ContainerLog(
            container: container, record: record, files: [ContainerLog.File(step.paths[0], status)], problem: "")
        return try obstacle(to: log, openings(of: [status], survey)[0], survey, file)
    }
}

private func step(_ log: ContainerLog, _ current: ContainerLog.File, to keepBytes: Int64) -> Plan.Step {
    let cap = log.record.cap == nil ? ["no max-size caps it"] : []
    var step = Plan.Step(
        action: .trimLog, kind: "log", id: log.container.id, names: [log.container.name], paths: [current.path],
        identities: [current.identity],
        freesBytes: min(
            trimmableBytes(sizeBytes: current.sizeBytes, keepsBytes: keepBytes), max(0, current.allocatedBytes)),
        inodes: 0, undo: false,
        why: ["has \(ByteCount(current.sizeBytes).text), the newest \(ByteCount(keepBytes).text) stay"] + cap)
    step.keepsBytes = keepBytes
    return step
}

private func missing(_ log: ContainerLog) -> String {
    guard log.problem.isEmpty else { return log.problem }
    guard log.record.path != nil else { return "its log driver \(log.record.driver) keeps no file that bilge can trim" }
    return "it has written nothing yet"
}

/// Who has each file open for writing, this very process left out.
private func openings(of files: [FileStatus], _ survey: Survey) throws -> [[Opening]] {
    guard !files.isEmpty else { return [] }
    let proc = try ProcFS(path: FilePath(survey.place.sources.proc))
    let own = ProcessID.own.pid
    return try proc.openings(of: files).map { $0.filter { $0.mayWrite && $0.pid != own } }
}

private func obstacle(
    to log: ContainerLog, _ writers: [Opening], _ survey: Survey, _ file: SmallFile? = nil
) throws -> String? {
    guard let current = log.current else { return missing(log) }
    let fileSystem = try survey.directory.directory(current.path.parent ?? .root).fileSystem()
    guard fileSystem.movesBlocks else { return "its file system (\(fileSystem.name)) cannot take the front off a file" }
    let reader = try file ?? survey.directory.file(current.path)
    return obstacleToTrimming(
        LogSituation(
            record: log.record, isRunning: log.container.isRunning, sizeBytes: current.sizeBytes,
            isTrimmed: try isTrimmed(reader, at: current.path), writersAppend: writers.map(\.appends),
            engine: survey.engine.state, engineVersion: survey.engine.version))
}

extension ContainerRecord {
    /// True if its record says that it has a process, in whatever state that is.
    fileprivate var isRunning: Bool { ["running", "paused", "restarting"].contains(state) }
}
