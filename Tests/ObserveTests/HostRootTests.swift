// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import TestSupport
import Testing

@testable import Observe

@Suite("A data root")
struct HostRootTests {
    private func sample(_ parts: [String] = ["containers", "graph", "aufs/diff", "volumes"]) throws
        -> TemporaryDirectory
    {
        let directory = try TemporaryDirectory("root")
        for part in parts { try directory.makeDirectory(part) }
        return directory
    }

    private func refusal(of path: String, caller: UInt32 = geteuid()) throws -> RootError {
        let error = #expect(throws: RootError.self) { try openDataRoot(path, caller: caller) }
        return try #require(error)
    }

    @Test("is opened with what is in it")
    func opened() throws {
        let directory = try sample()
        let root = try openDataRoot(directory.path, caller: geteuid())
        #expect(root.path == directory.path)
        #expect(root.eras == [.graph])
        #expect(root.drivers == [.aufs])
        #expect(root.status.owner == geteuid())
        #expect(root.notes.isEmpty)
        #expect(root.writeObstacles.isEmpty)
    }

    @Test("that does not exist is missing")
    func missing() throws {
        let error = try refusal(of: "/nonexistent/docker")
        #expect(error.code == .missing)
        #expect(error.message == "there is no directory /nonexistent/docker")
        #expect(!error.advice.isEmpty)
    }

    @Test("is no file")
    func file() throws {
        let directory = try sample(["x"])
        try directory.write("f", "text")
        #expect(try refusal(of: directory.path + "/f").code == .notDirectory)
        #expect(try refusal(of: directory.path + "/f/below").code == .notDirectory)
    }

    @Test("is not the whole host", arguments: ["/", "//", "/tmp/..", "/./", ""])
    func absurd(_ path: String) throws {
        #expect(try refusal(of: path).code == .absurd)
    }

    @Test("is not empty")
    func empty() throws {
        let directory = try sample(["x"])
        #expect(try refusal(of: directory.path + "/x").code == .empty)
    }

    @Test("has three signs of one")
    func signs() throws {
        let directory = try sample(["containers", "overlay2", "aufs", "photos", "other/photos"])
        let error = try refusal(of: directory.path)
        #expect(error.code == .notDataRoot)
        #expect(error.message.contains("only containers and aufs is there"))
        #expect(try refusal(of: directory.path + "/other").message.contains("none of its parts"))
    }

    @Test("is not podman's storage")
    func podman() throws {
        let directory = try sample(["overlay", "overlay-layers", "overlay-images", "volumes", "containers", "plugins"])
        try directory.write("storage.lock")
        #expect(try refusal(of: directory.path).code == .foreignStorage)
    }

    @Test("behind a symbolic link is resolved once and shown")
    func link() throws {
        let directory = try sample(["real/containers", "real/graph", "real/volumes"])
        try directory.makeLink("link", to: "real")
        try directory.makeLink("chain", to: directory.path + "/link")
        let root = try openDataRoot(directory.path + "/chain", caller: geteuid())
        #expect(root.path == directory.path + "/real")
        #expect(root.notes == ["\(directory.path)/chain is a symbolic link to \(directory.path)/real"])
    }

    @Test("behind a loop of links is refused")
    func loop() throws {
        let directory = try sample()
        try directory.makeLink("a", to: "b")
        try directory.makeLink("b", to: "a")
        #expect(try refusal(of: directory.path + "/a").code == .unreadable)
    }

    @Test("of remapped users is named")
    func remapped() throws {
        let directory = try sample(["165536.165536/containers"])
        let error = try refusal(of: directory.path)
        #expect(error.code == .notDataRoot)
        #expect(error.advice == "name one: \(directory.path)/165536.165536")
        for part in ["containers", "image", "volumes"] { try directory.makeDirectory(part) }
        let root = try openDataRoot(directory.path, caller: geteuid())
        #expect(root.notes == ["\(directory.path)/165536.165536 is a data root of its own (remapped users)"])
    }

    @Test("in a volume of another root is said to be")
    func nested() throws {
        let inner = "volumes/dind/_data"
        let directory = try sample(["\(inner)/containers", "\(inner)/image", "\(inner)/volumes"])
        let root = try openDataRoot("\(directory.path)/\(inner)", caller: geteuid())
        #expect(root.notes == ["it lies inside \(directory.path)/volumes/dind, a volume of another data root"])
    }

    @Test("that others may write to is only read")
    func writable() throws {
        let directory = try sample()
        try run(["chmod", "0777", directory.path])
        let root = try openDataRoot(directory.path, caller: geteuid())
        #expect(root.writeObstacles == ["others may write to it (mode 777)"])
    }

    @Test("of somebody else is refused", .enabled(if: geteuid() == 0, "needs root to give a directory away"))
    func somebodyElse() throws {
        let directory = try sample()
        try run(["chown", "1234", directory.path])
        let error = try refusal(of: directory.path)
        #expect(error.code == .wrongOwner)
        #expect(error.message == "\(directory.path) belongs to user 1234, neither root nor the caller (0)")
        _ = try openDataRoot(directory.path, caller: 1234)
    }

    @Test("with hostile names is shown without a single byte of them")
    func hostile() throws {
        let directory = try sample(["\u{1B}[31m/photos"])
        let error = try refusal(of: directory.path + "/\u{1B}[31m")
        #expect(error.message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(error.code == .notDataRoot)
    }

    @Test("written by a real engine is recognised", arguments: GoldenRoot.all.filter { $0.name.contains("vfs") })
    func golden(_ golden: GoldenRoot) throws {
        let (directory, path) = try golden.unpack()
        let root = try openDataRoot(path, caller: geteuid())
        #expect(root.drivers.contains(.vfs))
        #expect(root.eras == [golden.name.contains("docker-1") ? .graph : .contentAddressed])
        withExtendedLifetime(directory) {}
    }
}
