// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Glibc
import TestSupport
import Testing

/// The executable on a terminal of its own.
private final class TerminalSession {
    let master: Int32
    private let slave: Int32
    let process = Process()
    private(set) var output = ""

    static let executable = ProcessInfo.processInfo.environment["BILGE"]

    init(_ arguments: [String], rows: UInt16 = 24, columns: UInt16 = 80) throws {
        master = posix_openpt(O_RDWR | O_NOCTTY)
        guard master >= 0, grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else {
            throw CommandFailed(description: "no terminal to be had: \(errno)")
        }
        slave = open(name, O_RDWR | O_NOCTTY)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        process.executableURL = URL(fileURLWithPath: try #require(Self.executable))
        process.arguments = arguments
        let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
        process.standardInput = terminal
        process.standardOutput = terminal
        process.standardError = terminal
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        close(slave)
        close(master)
    }

    var modes: [UInt32] {
        var modes = termios()
        tcgetattr(slave, &modes)
        return [modes.c_iflag, modes.c_oflag, modes.c_lflag]
    }

    func type(_ text: String) { _ = text.withCString { write(master, $0, strlen($0)) } }

    /// Reads until `text` was printed; false after ten seconds without it.
    func wait(for text: String) -> Bool {
        let begin = output.endIndex
        for _ in 0..<100 {
            var poll = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&poll, 1, 100) > 0 {
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                let count = read(master, &buffer, buffer.count)
                if count > 0 { output += String(decoding: buffer.prefix(count), as: UTF8.self) }
            }
            if output[begin...].contains(text) { return true }
        }
        return false
    }
}

@Suite(
    "the list on a terminal", .serialized,
    .enabled(if: TerminalSession.executable != nil, "set BILGE to the executable to run these"))
struct TerminalTests {
    private func session(_ host: SampleHost, _ more: [String] = []) throws -> TerminalSession {
        try TerminalSession(["prune", "-i", "-g", host.path, "--offline", "--grace", "0s"] + more)
    }

    @Test("space unticks, enter goes on to the question, and only what was ticked is taken")
    func choosing() async throws {
        let host = try SampleHost(.overlay2)
        let session = try session(host)
        let before = session.modes
        #expect(session.wait(for: "q leave"))
        #expect(session.modes != before, "each key by itself")
        #expect(session.output.contains("4 of 4 ticked"))
        session.type(" ")
        #expect(session.wait(for: "3 of 4 ticked"))
        session.type("\r")
        #expect(session.wait(for: "[y/N]"))
        #expect(session.output.contains("\u{1B}[?1049l") && session.output.contains("not ticked"))
        #expect(session.modes == before)
        session.type("y\n")
        #expect(session.wait(for: "3 taken out"))
        session.process.waitUntilExit()
        #expect(session.process.terminationStatus == 0)
    }

    @Test(
        "however it is left, the terminal is as it was, and nothing was changed",
        arguments: [("q", 0), ("\u{3}", 0), ("\u{1B}", 0), ("", SIGTERM), ("", SIGHUP), ("", SIGINT)])
    func leaving(keys: String, signal: Int32) async throws {
        let host = try SampleHost(.overlay2)
        let files = try host.fingerprint()
        let session = try session(host)
        let before = session.modes
        #expect(session.wait(for: "q leave"))
        if signal == 0 { session.type(keys) } else { kill(session.process.processIdentifier, signal) }
        #expect(session.wait(for: "\u{1B}[?1049l"))
        session.process.waitUntilExit()
        #expect(session.modes == before)
        #expect(session.process.terminationStatus == (signal == 0 ? 5 : signal))
        #expect(try host.fingerprint() == files)
    }
}
