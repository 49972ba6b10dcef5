// SPDX-License-Identifier: Apache-2.0

/// Where a container's output goes, as its records say.
package struct LogRecord: Hashable, Sendable {
    /// `json-file`, `local`, `journald`, …
    package var driver: String
    /// `max-size`, `max-file` and the like, as the user wrote them.
    package var options: [String: String]
    /// The file that the engine appends to, below the root; `nil` for a driver that keeps none, and for a file that lies
    /// elsewhere than any engine puts it.
    package var path: RelativePath?

    /// - Parameters:
    ///   - driver: `LogConfig.Type`; empty before Docker 1.6, which knew json-file only.
    ///   - recordedPath: `LogPath`: absolute, with the root's path of when it was written.
    ///   - folder: the container's own directory.
    package init(driver: String, options: [String: String], recordedPath: String, folder: RelativePath) {
        self.options = options
        self.driver = driver.isEmpty ? "json-file" : driver
        // Only the names that engines make, and only in this container's directory: whoever could write the record must
        // not lead us to another file. The path of a local log is recorded nowhere. Source: moby
        // `container/container.go`, `StartLogger`; `daemon/logger/jsonfilelog`.
        switch self.driver {
        case "json-file":
            let name = "\(folder.name)-json.log"
            path = recordedPath.hasSuffix("/containers/\(folder.name)/\(name)") ? folder / name : nil
        case "local": path = folder / "local-logs" / "container.log"
        default: path = nil  // The drivers are the engine's: plugins may add any.
        }
    }
}

/// What the engine keeps a container's log to: it begins a new file when the current one reached `fileBytes`, and keeps so
/// many files.
package struct LogCap: Hashable, Sendable {
    /// `nil` if the option is written in a way that is not understood.
    package var fileBytes: Int64?
    package var files: Int

    package init(fileBytes: Int64?, files: Int) {
        self.fileBytes = fileBytes
        self.files = files
    }

    /// Above this the engine keeps nothing, but for one line.
    package var totalBytes: Int64? { fileBytes.map { $0.multipliedReportingOverflow(by: Int64(files)).partialValue } }
}

extension LogRecord {
    /// The cap in force for this container; `nil` if its log may grow for ever, or is in no file.
    ///
    /// Source: moby `daemon/logger/jsonfilelog/jsonfilelog.go`, `New`; `daemon/logger/local/config.go`.
    package var cap: LogCap? {
        switch driver {
        case "json-file":
            guard let size = options["max-size"], size != "-1" else { return nil }
            return LogCap(fileBytes: Self.bytes(size), files: Self.files(options["max-file"], default: 1))
        case "local":
            let size = options["max-size"].map(Self.bytes) ?? 20 << 20
            return LogCap(fileBytes: size, files: Self.files(options["max-file"], default: 5))
        default: return nil  // The drivers are the engine's: plugins may add any.
        }
    }

    private static func files(_ text: String?, default usual: Int) -> Int { max(1, text.flatMap { Int($0) } ?? usual) }

    /// As go-units `FromHumanSize` reads it: decimal units, with or without the `b`.
    private static func bytes(_ text: String) -> Int64? {
        if let plain = ByteCount(parsing: text) { return plain.bytes }
        return ByteCount(parsing: text + "b")?.bytes
    }
}
