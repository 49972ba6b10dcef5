// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A real dockerd on a data root of its own, without network, for tests that must see the real thing.
///
/// It needs root and Debian's `docker.io`. Everything it makes lies in one temporary folder; `stop` also takes the mounts
/// that a killed engine leaves behind.
package final class LiveEngine: @unchecked Sendable {
    package let directory: TemporaryDirectory
    package let root: String
    private let driver: String
    package var socket: String { directory.path + "/s" }
    private var process: Process?

    /// Why a live engine cannot run here; `nil` if it can.
    package static let obstacle: String? = {
        if geteuid() != 0 { return "a live engine needs root" }
        for program in ["/usr/sbin/dockerd", "/usr/bin/docker", "/bin/busybox"] where access(program, X_OK) != 0 {
            return "a live engine needs \(program)"
        }
        do {
            let engine = try LiveEngine()
            defer { engine.stop() }
            try engine.start()
            return nil
        } catch {
            return "dockerd does not start here: \(error)"
        }
    }()

    /// - Parameter folder: holds the data root; a folder of its own unless one is given.
    package init(driver: String = "overlay2", in folder: String? = nil) throws {
        directory = try TemporaryDirectory("live")
        root = (folder ?? directory.path) + "/r"
        self.driver = driver
    }

    deinit { stop() }

    /// Starts the engine, also again after it was killed, and waits until it answers.
    package func start(_ options: [String] = []) throws {
        // A killed engine leaves pid files; its containerd may linger as a zombie, which the next engine waits for.
        try? FileManager.default.removeItem(atPath: directory.path + "/x")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/dockerd")
        process.arguments =
            [
                "--data-root", root, "--exec-root", directory.path + "/x", "-H", "unix://" + socket, "-p",
                directory.path + "/pid", "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver",
                driver,
            ] + options
        let log = directory.path + "/log"
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.process = process
        for _ in 0..<300 where process.isRunning {
            if (try? docker("version")) != nil { return }
            usleep(100_000)
        }
        throw CommandFailed(description: "dockerd did not come up:\n" + tail(of: log))
    }

    /// Runs the Docker CLI against it and returns what it printed.
    @discardableResult
    package func docker(_ arguments: String..., buildKit: Bool = false) throws -> String {
        var environment = ProcessInfo.processInfo.environment
        environment["DOCKER_BUILDKIT"] = buildKit ? "1" : "0"
        environment["DOCKER_CONFIG"] = directory.path
        return try run(["/usr/bin/docker", "-H", "unix://" + socket] + arguments, environment: environment)
    }

    /// Imports an image with a shell.
    package func importBase(_ tag: String) throws {
        try makeBase()
        try run([
            "sh", "-c", "tar -C '\(directory.path)/base' -c . | /usr/bin/docker -H 'unix://\(socket)' import - \(tag)",
        ])
    }

    /// Begins an import, kills the engine in the middle of it, and leaves it dead.
    package func killDuringImport() throws {
        try makeBase()
        let before = try layers()
        let script = """
            tar -C '\(directory.path)/base' -cf '\(directory.path)/base.tar' .
            (head -c 600000 '\(directory.path)/base.tar'; sleep 20) | /usr/bin/docker -H 'unix://\(socket)' import - slow:1
            """
        let importing = Process()
        importing.executableURL = URL(fileURLWithPath: "/bin/sh")
        importing.arguments = ["-c", script]
        importing.standardOutput = FileHandle.nullDevice
        importing.standardError = FileHandle.nullDevice
        try importing.run()
        for _ in 0..<100 {
            usleep(50_000)
            // The layer's directory comes first, the unpacking after it.
            if try layers() != before { break }
        }
        usleep(500_000)
        kill()
        try run(["sh", "-c", "pkill -P \(importing.processIdentifier); kill \(importing.processIdentifier); true"])
        importing.waitUntilExit()
        guard try layers().subtracting(before).count == 1 else {
            throw CommandFailed(description: "the import left no layer behind")
        }
    }

    package func layers() throws -> Set<String> {
        let folder = driver == "btrfs" ? "/btrfs/subvolumes" : "/" + driver
        return Set(try FileManager.default.contentsOfDirectory(atPath: root + folder))
    }

    /// Ends the engine as a power failure would.
    package func kill() {
        guard let process else { return }
        let children = (try? run(["pgrep", "-P", "\(process.processIdentifier)"], expecting: nil)) ?? ""
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        for child in children.split(whereSeparator: \.isWhitespace).compactMap({ Int32($0) }) {
            Glibc.kill(child, SIGKILL)
        }
        self.process = nil
    }

    /// Ends the engine in an orderly way and takes away what it mounted.
    package func stop() {
        if let process {
            process.terminate()
            process.waitUntilExit()
            self.process = nil
        }
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        let ours = mounts.split(separator: "\n").map { $0.split(separator: " ")[1] }.filter {
            $0.hasPrefix(directory.path) || $0.hasPrefix(root)
        }
        for mount in ours.sorted(by: >) { _ = try? run(["umount", "-l", String(mount)], expecting: nil) }
    }

    private func makeBase() throws {
        guard !FileManager.default.fileExists(atPath: directory.path + "/base") else { return }
        try run([
            "sh", "-c",
            """
            mkdir -p '\(directory.path)/base/bin' '\(directory.path)/base/tmp' '\(directory.path)/base/proc'
            cp /bin/busybox '\(directory.path)/base/bin/'
            for name in sh cat echo ls touch sleep; do ln -sf busybox '\(directory.path)/base/bin/'$name; done
            """,
        ])
    }

    private func tail(of file: String) -> String {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(5).joined(separator: "\n")
    }
}
