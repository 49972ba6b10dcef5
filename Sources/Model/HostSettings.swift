// SPDX-License-Identifier: Apache-2.0

/// How an engine and its containers are set up, as far as it matters for the disk.
package struct HostSettings: Hashable, Sendable {
    /// The daemon's settings, if there are any that belong to the root.
    package struct Daemon: Hashable, Sendable {
        package var logDriver: String?
        package var logOptions: [String: String] = [:]
        package var liveRestore: Bool?
        /// `builder.gc.enabled`; `nil` if it does not say.
        package var collectsCache: Bool?
        /// It says how much the build cache may keep, by any of the engine's words for that.
        package var limitsCache = false

        package init() {}

        /// True if new containers' logs cannot grow without end. Source: docs.docker.com, "Configure logging drivers".
        package var capsLogs: Bool {
            let driver = logDriver ?? "json-file"
            // Only json-file and local keep files below the root.
            guard driver == "json-file" else { return true }
            return LogRecord(driver: driver, options: logOptions, recordedPath: "", folder: .root).cap != nil
        }
    }

    /// The log of one container.
    package struct Log: Hashable, Sendable {
        package var container: ContainerRecord
        package var record: LogRecord
        /// Apparent bytes of its log file and of those it was rotated into.
        package var bytes: Int64

        package init(container: ContainerRecord, record: LogRecord, bytes: Int64) {
            self.container = container
            self.record = record
            self.bytes = bytes
        }

        /// False for a file below the root that the engine never begins anew.
        package var isCapped: Bool { record.path == nil || record.cap != nil }
    }

    /// Where the daemon's settings are or would be; escaped.
    package var file: String
    /// `nil` if they belong to another root, or cannot be read.
    package var daemon: Daemon?
    /// Why there is no `daemon`.
    package var note: String?
    package var logs: [Log] = []
    /// containerd's own directory, if it is on another file system than the root; escaped.
    package var otherDisk: String?

    package init(file: String) { self.file = file }
}
