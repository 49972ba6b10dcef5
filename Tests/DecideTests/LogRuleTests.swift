// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Decide

@Suite("whether a log may be trimmed")
struct LogRuleTests {
    private let folder = RelativePath("containers/" + String(repeating: "c", count: 64))

    private func situation(
        driver: String = "json-file", _ options: [String: String] = [:], running: Bool = true, size: Int64 = 1_000_000,
        trimmed: Bool = false, writers: [Bool] = [true], engine: EngineState = .running, version: String? = "20.10.24"
    ) -> LogSituation {
        let path = "/var/lib/docker/\(folder.text)/\(folder.name)-json.log"
        return LogSituation(
            record: LogRecord(driver: driver, options: options, recordedPath: path, folder: folder),
            isRunning: running, sizeBytes: size, isTrimmed: trimmed, writersAppend: writers, engine: engine,
            engineVersion: version)
    }

    @Test(
        "a log without a cap, written to by an engine up to 20.10, may",
        arguments: ["20.10.24+dfsg1", "1.6.2", "17.12.1-ce"])
    func allowed(version: String) {
        #expect(obstacleToTrimming(situation(version: version)) == nil)
    }

    @Test("one that nobody writes to may, whatever the engine", arguments: ["28.5.2", "23.0.0", nil] as [String?])
    func stopped(version: String?) {
        #expect(obstacleToTrimming(situation(running: false, writers: [], version: version)) == nil)
        let capped = situation(["max-size": "10m"], running: false, trimmed: true, writers: [], version: version)
        #expect(obstacleToTrimming(capped) == nil)
        // What a killed engine left behind says "running", and no engine is there.
        #expect(obstacleToTrimming(situation(writers: [], engine: .stopped, version: nil)) == nil)
    }

    @Test(
        "since 23.0 readers remember the length, so while the container runs it may not",
        arguments: ["23.0.0", "28.5.2", "22.06.0-beta.0", "29.0.0"])
    func newer(version: String) {
        #expect(obstacleToTrimming(situation(version: version))?.contains("docker logs") == true)
    }

    @Test("an engine of no or an odd version, and a writer without any engine, are doubts")
    func doubts() {
        #expect(obstacleToTrimming(situation(version: nil)) != nil)
        #expect(obstacleToTrimming(situation(version: "dev")) != nil)
        #expect(obstacleToTrimming(situation(engine: .stopped)) != nil)
        #expect(obstacleToTrimming(situation(writers: [])) != nil)
    }

    @Test("a writer that does not append would leave a hole")
    func position() {
        #expect(obstacleToTrimming(situation(writers: [false]))?.contains("rotated") == true)
        #expect(obstacleToTrimming(situation(writers: [true, false])) != nil)
    }

    @Test("what the engine rotates may only while it is far from it, and only once")
    func capped() {
        #expect(obstacleToTrimming(situation(["max-size": "10m"], size: 4_900_000)) == nil)
        #expect(obstacleToTrimming(situation(["max-size": "10m"], size: 5_100_000)) != nil)
        #expect(obstacleToTrimming(situation(["max-size": "10m"], size: 1_000_000, trimmed: true)) != nil)
        #expect(obstacleToTrimming(situation(["max-size": "many"])) != nil)
        #expect(obstacleToTrimming(situation(["max-size": "-1"], size: 5_000_000_000, trimmed: true)) == nil)
        // The local driver always rotates, at 20 MiB unless told otherwise.
        #expect(obstacleToTrimming(situation(driver: "local", size: 9_000_000)) == nil)
        #expect(obstacleToTrimming(situation(driver: "local", size: 12_000_000)) != nil)
    }

    @Test("other drivers keep no file, and a recorded path that leads elsewhere is none")
    func places() {
        #expect(obstacleToTrimming(situation(driver: "journald")) != nil)
        for path in ["/etc/passwd", "/x/containers/other/\(folder.name)-json.log", "/x/\(folder.text)/hosts", ""] {
            let record = LogRecord(driver: "json-file", options: [:], recordedPath: path, folder: folder)
            #expect(record.path == nil, "\(path)")
        }
        let local = LogRecord(driver: "local", options: [:], recordedPath: "", folder: folder)
        #expect(local.path == RelativePath(folder.text + "/local-logs/container.log"))
        let oldest = LogRecord(
            driver: "", options: [:], recordedPath: "/var/lib/docker/\(folder.text)/\(folder.name)-json.log",
            folder: folder)
        #expect(oldest.driver == "json-file" && oldest.path?.name == "\(folder.name)-json.log")
    }

    @Test("caps are read as the engine reads them")
    func caps() {
        func cap(_ driver: String, _ options: [String: String]) -> LogCap? {
            LogRecord(driver: driver, options: options, recordedPath: "", folder: folder).cap
        }
        #expect(cap("json-file", [:]) == nil)
        #expect(cap("json-file", ["max-file": "3"]) == nil)
        #expect(cap("json-file", ["max-size": "10m"]) == LogCap(fileBytes: 10_000_000, files: 1))
        #expect(cap("json-file", ["max-size": "1g", "max-file": "3"])?.totalBytes == 3_000_000_000)
        #expect(cap("json-file", ["max-size": "512"]) == LogCap(fileBytes: 512, files: 1))
        #expect(cap("local", [:]) == LogCap(fileBytes: 20 << 20, files: 5))
        #expect(cap("journald", ["max-size": "10m"]) == nil)
    }
}
