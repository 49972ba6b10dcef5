// SPDX-License-Identifier: Apache-2.0

package import Model

/// What is known about a container's log when somebody wants its front taken off.
package struct LogSituation: Hashable, Sendable {
    package var record: LogRecord
    /// The container runs, as its record says.
    package var isRunning: Bool
    package var sizeBytes: Int64
    /// Its front was taken off before.
    package var isTrimmed: Bool
    /// One for each time that somebody has it open for writing: true if what is written goes to the end of the file,
    /// wherever that is by then.
    package var writersAppend: [Bool]
    package var engine: EngineState
    /// `20.10.24+dfsg1`; `nil` if nobody said.
    package var engineVersion: String?

    package init(
        record: LogRecord, isRunning: Bool, sizeBytes: Int64, isTrimmed: Bool, writersAppend: [Bool],
        engine: EngineState, engineVersion: String?
    ) {
        self.record = record
        self.isRunning = isRunning
        self.sizeBytes = sizeBytes
        self.isTrimmed = isTrimmed
        self.writersAppend = writersAppend
        self.engine = engine
        self.engineVersion = engineVersion
    }
}

/// Returns why the front of a log cannot be taken off without anybody losing a line; `nil` if it can.
///
/// A log that nobody writes to is only a file. One that is written to is the engine's, and three things about engines
/// matter, all of moby `daemon/logger/loggerutils/logfile.go`:
///
/// - The file is opened with `O_APPEND` when the container starts, but without it after a rotation (`rotate`). Then the
///   next line would be written at the old position, behind a hole.
/// - Since 23.0 readers go by the engine's own count of what it wrote (`logPos`), not by the file: in a file that became
///   shorter, `docker logs --tail` looks for the end for ever, and `--follow` waits until the file has grown again.
/// - The engine rotates by its own count as well. To trim in that very moment would tear the file that is being
///   compressed; so what is capped is trimmed only while it is far from its cap, and that is known only the first time.
package func obstacleToTrimming(_ log: LogSituation) -> String? {
    guard log.record.path != nil else { return "its log driver \(log.record.driver) keeps no file that bilge can trim" }
    if log.writersAppend.isEmpty {
        guard log.isRunning, log.engine == .running else { return nil }
        return "its container runs, but nobody has its log open: it may have been started this moment"
    }
    guard log.engine == .running else { return "somebody writes to it, and no engine says who" }
    guard let version = log.engineVersion.flatMap(majorVersion) else {
        return "its container runs, and the engine's version is not known"
    }
    guard version < 22 else {
        return "its container runs, and this engine remembers how long the log was: `docker logs` would hang until the "
            + "container is started again; stop it first, or cap it"
    }
    guard log.writersAppend.allSatisfy({ $0 }) else {
        return "the engine has rotated it, and goes on writing at a fixed place"
    }
    guard let cap = log.record.cap else { return nil }
    guard let bytes = cap.fileBytes, log.sizeBytes < bytes / 2, !log.isTrimmed else {
        return "the engine rotates it by itself, and might do so in the same moment"
    }
    return nil
}

/// `20` of `20.10.24+dfsg1`, `1` of `1.13.1`, `17` of `17.12.1-ce`.
private func majorVersion(_ text: String) -> Int? { text.split(separator: ".").first.flatMap { Int($0) } }
