// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Glibc
import TestSupport
import Testing

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
        #expect(session.wait(for: "j k move"))
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
        #expect(session.wait(for: "j k move"))
        if signal == 0 { session.type(keys) } else { kill(session.process.processIdentifier, signal) }
        #expect(session.wait(for: "\u{1B}[?1049l"))
        session.process.waitUntilExit()
        #expect(session.modes == before)
        #expect(session.process.terminationStatus == (signal == 0 ? 5 : signal))
        #expect(try host.fingerprint() == files)
    }
}
