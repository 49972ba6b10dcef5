// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport
import Testing

/// What Docker 1.3 to 1.6 wrote down of bind mounts.
@Suite("Records of bind mounts")
struct BindRecordTests {
    private static let container = LegacyRoot.id("c1")
    private static let used = LegacyRoot.id("b1")
    private static let left = LegacyRoot.id("b2")

    @Test("the record of a mount that no container has is an orphan, the others are in use")
    func standings() throws {
        let root = try LegacyRoot()
        let standings = try root.standings()
        #expect(standings["volumes/" + Self.used] == .inUse)
        #expect(standings["volumes/" + Self.left] == .orphan)
    }

    @Test("no flipped bit in a container's record or in that of a mount makes anything an orphan")
    func flips() throws {
        let root = try LegacyRoot()
        let before = try root.orphans()
        for file in ["containers/\(Self.container)/config.json", "volumes/\(Self.used)/config.json"] {
            let text = try root.bytes(file)
            for index in text.indices {
                var damaged = text
                damaged[index] ^= 1 << UInt8(index % 7)
                try root.write(damaged, to: file)
                let now = try root.orphans()
                #expect(now.isSubset(of: before), "\(file), byte \(index): \(now.subtracting(before))")
            }
            try root.write(text, to: file)
        }
    }

    @Test("a container without a list of volumes may mount any of them; one whose list is null mounts none")
    func lists() throws {
        let root = try LegacyRoot()
        let file = "containers/\(Self.container)/config.json"
        let text = String(decoding: try root.bytes(file), as: UTF8.self)
        try root.write(text.replacing("\"Volumes\":{", with: "\"Volumas\":{").utf8, to: file)
        #expect(try !root.standings().values.contains(.orphan))
        try root.write(text.replacing(#"{"/etc/app":"/srv/config"}"#, with: "null").utf8, to: file)
        #expect(try root.standings()["volumes/" + Self.left] == .orphan)
    }

    @Test(
        "one changed letter in a mount of all volumes does not make them orphans",
        arguments: ["/volumes", "/vfs/dir", ""])
    func mountOfAll(folder: String) throws {
        let root = try LegacyRoot()
        let data = "vfs/dir/" + LegacyRoot.id("d1")
        try root.folder.write(data + "/x", "x")
        let file = "containers/\(Self.container)/config.json"
        let place = "/srv/docker" + folder
        let text = String(decoding: try root.bytes(file), as: UTF8.self)
        let mounted = text.replacing("/srv/config", with: place)
            .replacing(
                "{\"ID\"", with: "{\"HostnamePath\":\"/srv/docker/containers/\(Self.container)/hostname\",\"ID\"")
        try root.write(text.utf8, to: file)
        #expect(try root.standings()[data] == .orphan)
        for index in place.indices {
            var damaged = place
            damaged.replaceSubrange(index...index, with: "q")
            try root.write(mounted.replacing("\"\(place)\"", with: "\"\(damaged)\"").utf8, to: file)
            #expect(try root.standings()[data] == .unknown, "\(damaged)")
        }
    }

    /// A container with one bind mount, and the record of another that is gone.
    private struct LegacyRoot {
        let folder: TemporaryDirectory
        let directory: Directory

        static func id(_ digits: String) -> String { String(repeating: digits, count: 64 / digits.count) }

        init() throws {
            folder = try TemporaryDirectory("binds")
            try folder.makeDirectory("graph")
            try folder.write(
                "containers/\(container)/config.json",
                #"{"ID":"\#(container)","Name":"/web","Image":"","Driver":"aufs","State":{},"#
                    + #""Volumes":{"/etc/app":"/srv/config"}}"#)
            for (record, path) in [(used, "/srv/config"), (left, "/srv/gone")] {
                try folder.write(
                    "volumes/\(record)/config.json",
                    #"{"ID":"\#(record)","Path":"\#(path)","IsBindMount":true,"Writable":true}"#)
            }
            directory = try Directory(path: FilePath(folder.path))
        }

        func bytes(_ file: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file)))
        }

        func write(_ bytes: some Sequence<UInt8>, to file: String) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/" + file))
        }

        func standings() throws -> [String: Standing] {
            let findings = observe(directory, at: folder.path)
            let circumstances = Circumstances(
                now: Timestamp(seconds: 2_000_000_000), graceSeconds: 0, engine: .stopped)
            var standings: [String: Standing] = [:]
            for judged in classify(findings, Reach(findings), circumstances) {
                for path in judged.item.paths { standings[path.text] = judged.standing }
            }
            return standings
        }

        func orphans() throws -> Set<String> { Set(try standings().filter { $0.value == .orphan }.keys) }
    }
}
