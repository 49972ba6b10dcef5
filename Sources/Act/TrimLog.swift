// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
import SystemPackage

/// Who is asked whether the log of a step may be trimmed now; `nil` if it may.
///
/// Asked before anything is written and again right before the blocks go.
package struct LogCheck {
    package var obstacle: (Plan.Step, SmallFile) async throws -> String?

    package init(obstacle: @escaping (Plan.Step, SmallFile) async throws -> String?) { self.obstacle = obstacle }
}

/// True if this log has had its front taken off.
package func isTrimmed(_ log: SmallFile, at path: RelativePath) throws(DiskError) -> Bool {
    guard let format = LogFormat(path) else { return false }
    return try format.isTrimmed(log)
}

/// Bytes that would be taken off a log; 0 if none.
package func trimmableBytes(sizeBytes: Int64, keepsBytes: Int64) -> Int64 {
    sizeBytes <= keepsBytes ? 0 : (sizeBytes - keepsBytes + LogFormat.unit - 1) / LogFormat.unit * LogFormat.unit
}

/// Trims one log. Whatever fails at whatever moment, every line that was to stay is there, whole and in order.
struct LogTrimming {
    var root: Directory
    var disk: any DiskMutations
    var check: LogCheck

    /// Returns the step with the bytes that it really freed, and what became of it.
    func trim(_ step: Plan.Step) async -> Receipt.Line {
        do {
            let (before, cut) = try await trimmed(step)
            var step = step
            step.freesBytes = cut.collapses
            let rest = ByteCount(before - cut.keepsFrom)
            return Receipt.Line(step, .done, reason: "the newest \(rest.text) of \(ByteCount(before).text) stayed")
        } catch let obstacle as LogObstacle {
            return Receipt.Line(step, .skipped, reason: obstacle.reason)
        } catch {
            return Receipt.Line(step, .failed, reason: "\(error)")
        }
    }

    /// - Throws: `LogObstacle` if nothing was changed.
    private func trimmed(_ step: Plan.Step) async throws -> (before: Int64, cut: LogCut) {
        guard let path = step.paths.first, step.paths.count == 1, step.identities.count == 1,
            let keep = step.keepsBytes, let format = LogFormat(path)
        else { throw LogObstacle("the plan does not say which file to trim, and to what") }
        let log = try open(path, step.identities[0])
        let size = Int64(clamping: try log.status().sizeBytes)
        if let reason = try await check.obstacle(step, log.reader) { throw LogObstacle(reason) }
        guard let cut = try format.cut(log.reader, size: size, to: keep) else {
            throw LogObstacle("nothing to trim: it has \(ByteCount(size).text), and its last lines stay")
        }
        let original = try log.reader.read(at: Int(cut.fillsAt), count: cut.filler.count)
        guard original.count == cut.filler.count else { throw LogObstacle("somebody else is making it shorter") }
        do {
            try disk.overwrite(cut.filler, at: cut.fillsAt, of: log)
            // What stays is on the disk before the blocks go: then that is one short step, and a power cut before it
            // finds the old log, and after it the new one.
            try disk.sync(log)
            try await lookAgain(step, log, size)
            try disk.collapse(cut.collapses, of: log)
        } catch {
            try restore(original, cut, size, log)
            throw error
        }
        try disk.sync(log)
        return (size, cut)
    }

    private func open(_ path: RelativePath, _ identity: Identity) throws -> WritableFile {
        let log: WritableFile
        do { log = try root.writableFile(path) } catch { throw LogObstacle(error) }
        let status = try log.status()
        guard status.identity.isSameObject(as: identity) else {
            throw LogObstacle("it is another file than when the plan was made")
        }
        guard status.links == 1 else { throw LogObstacle("it has a second name elsewhere") }
        guard try log.lock() else { throw LogObstacle("another run of bilge is trimming it") }
        let fileSystem = try root.directory(path.parent ?? .root).fileSystem()
        guard log.canCollapse(on: fileSystem) else {
            throw LogObstacle("its file system (\(fileSystem.name)) cannot take the front off a file")
        }
        return log
    }

    /// Right before the blocks go: is it still the log that it was?
    private func lookAgain(_ step: Plan.Step, _ log: WritableFile, _ size: Int64) async throws {
        if let reason = try await check.obstacle(step, log.reader) { throw LogObstacle(reason) }
        let named = try root.status(step.paths[0])
        let now = try log.status()
        guard named.identity.isSameObject(as: now.identity) else {
            throw LogObstacle("the engine rotated it meanwhile")
        }
        guard Int64(clamping: now.sizeBytes) >= size else { throw LogObstacle("somebody else is making it shorter") }
    }

    /// Puts the line back that the cut went through, if the blocks did not go.
    ///
    /// Whether they did is read from the file, not from what the kernel said: it is as long as it was, and the line is
    /// still where it was written over, up to wherever the writing came. If it cannot be put back, one line is lost that
    /// was to go, and the log can be read.
    private func restore(_ original: [UInt8], _ cut: LogCut, _ size: Int64, _ log: WritableFile) throws {
        let now = try log.reader.read(at: Int(cut.fillsAt), count: cut.filler.count)
        let written = zip(now, cut.filler).prefix { $0 == $1 }.count
        guard Int64(clamping: try log.status().sizeBytes) >= size, now.count == original.count, now != original,
            now[written...] == original[written...]
        else { return }
        try disk.overwrite(original, at: cut.fillsAt, of: log)
        try disk.sync(log)
    }
}
