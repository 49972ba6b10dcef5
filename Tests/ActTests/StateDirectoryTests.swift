// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Act

@Suite("the state directory")
struct StateDirectoryTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path + "/a/b/bilge" }

    init() throws { temporary = try TemporaryDirectory("state") }

    private func open() throws -> StateDirectory { try .forChanges(at: path, caller: geteuid()) }

    @Test("root, others, and whoever says so have a place of their own")
    func places() {
        #expect(StateDirectory.path(caller: 0, environment: ["HOME": "/root"]) == "/var/lib/bilge")
        #expect(StateDirectory.path(caller: 7, environment: ["HOME": "/home/a"]) == "/home/a/.local/state/bilge")
        let xdg = ["HOME": "/home/a", "XDG_STATE_HOME": "/s"]
        #expect(StateDirectory.path(caller: 7, environment: xdg) == "/s/bilge")
        #expect(StateDirectory.path(caller: 7, environment: ["XDG_STATE_HOME": "s"]) == nil)
        #expect(StateDirectory.path(caller: 0, environment: ["BILGE_STATE_DIRECTORY": "/x"]) == "/x")
    }

    @Test("it is made with all above it for its owner alone, and what was written is read again")
    func written() throws {
        #expect(try StateDirectory.forReading(at: path, caller: geteuid()) == nil)
        let state = try open()
        #expect(try state.folder.status().mode & 0o777 == 0o700)
        #expect(try state.read("x") == nil)
        try state.write("x", [1, 2, 3])
        try state.write("x", [4, 5])
        #expect(try state.read("x") == [4, 5])
        let again = try #require(try StateDirectory.forReading(at: path, caller: geteuid()))
        #expect(try again.read("x") == [4, 5] && again.names() == ["x"])
        #expect(throws: ActError.self) { try again.write("y", []) }
        try state.remove("x")
        #expect(try state.read("x") == nil && state.names() == [])
    }

    @Test("a file that is not whole counts as absent")
    func damaged() throws {
        let state = try open()
        try state.write("x", Array("hello".utf8))
        try Data("bilge 1 0123456789abcdef\nhello".utf8).write(to: URL(fileURLWithPath: path + "/x"))
        #expect(try state.read("x") == nil)
    }

    @Test("cut off anywhere, the old or the new file is there and whole")
    func cutOff() throws {
        for number in 0... {
            let path = temporary.path + "/cut-\(number)"
            try StateDirectory.forChanges(at: path, caller: geteuid()).write("x", [1])
            let disk = FaultyDisk(.death, at: number)
            do {
                try StateDirectory.forChanges(at: path, caller: geteuid(), disk: disk).write("x", [2])
            } catch {
                let state = try #require(try StateDirectory.forReading(at: path, caller: geteuid()))
                let found = try #require(try state.read("x"), "after change \(number)")
                #expect(found == [1] || found == [2])
                continue
            }
            #expect(number > 4, "the fault came too late to test anything")
            return
        }
    }

    @Test("one that others may write to, or that is a link, is refused")
    func refused() throws {
        _ = try open()
        chmod(path, 0o770)
        #expect(throws: ActError.self) { try open() }
        chmod(path, 0o700)
        #expect(throws: ActError.self) { try StateDirectory.forReading(at: path, caller: geteuid() + 1) }
        try temporary.makeLink("link", to: path)
        #expect(throws: ActError.self) {
            try StateDirectory.forChanges(at: temporary.path + "/link", caller: geteuid())
        }
        #expect(throws: ActError.self) { try StateDirectory.forChanges(at: "relative", caller: geteuid()) }
    }
}
