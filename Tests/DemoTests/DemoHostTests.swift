// SPDX-License-Identifier: Apache-2.0

import Demo
import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@Suite("sample hosts")
struct DemoHostTests {
    @Test("two builds are the same, byte for byte and second for second", arguments: DemoHost.allCases)
    func deterministic(host: DemoHost) throws {
        let first = try Built(host)
        let second = try Built(host)
        #expect(try first.entries() == second.entries())
        #expect(first.leftovers == second.leftovers)
        #expect(try first.entries().count > 100)
    }

    @Test("nothing on a host is newer than its clock", arguments: DemoHost.allCases)
    func times(host: DemoHost) throws {
        let built = try Built(host)
        let root = try Directory(path: FilePath(built.path))
        for name in try built.entries().keys {
            #expect(try root.status(RelativePath(name)).modified <= host.clock, "\(name)")
        }
        #expect(try root.status().modified <= host.clock)
    }

    @Test("a build never touches what is there", arguments: DemoHost.allCases)
    func exclusive(host: DemoHost) throws {
        let directory = try TemporaryDirectory("demo")
        try directory.makeDirectory("taken")
        try directory.makeLink("link", to: "nowhere")
        for name in ["taken", "link"] {
            let path = FilePath(directory.path).appending(name)
            #expect(throws: DiskError(.create, path.string, .fileExists)) { try host.build(at: path) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path + "/taken").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == ["link", "taken"])
    }

    @Test("a folder for a demonstration is new and closed to others")
    func folder() throws {
        let directory = try TemporaryDirectory("demo")
        let first = try Demo.makeFolder(in: FilePath(directory.path))
        let second = try Demo.makeFolder(in: FilePath(directory.path))
        #expect(first != second)
        let status = try directory.open().status(RelativePath(first.lastComponent?.string ?? ""))
        #expect(status.mode == 0o040700)
    }

    @Test("what nobody needs is there, and no two leftovers share a path", arguments: DemoHost.allCases)
    func leftovers(host: DemoHost) throws {
        let built = try Built(host)
        let paths = built.leftovers.flatMap(\.paths)
        #expect(paths.allSatisfy { built.exists($0) })
        #expect(Set(paths).count == paths.count)
        #expect(built.leftovers.allSatisfy { !$0.story.isEmpty && !$0.story.hasSuffix(".") })
    }

    @Test("every record of a host is JSON", arguments: DemoHost.allCases)
    func records(host: DemoHost) throws {
        let built = try Built(host)
        let files = try built.entries().keys.filter { name in
            name.hasSuffix("/json") || name.hasSuffix(".json") || name.contains("imagedb/content/sha256/")
        }
        #expect(files.count > 10)
        for file in files { #expect(try !built.json(file).isEmpty, "\(file)") }
    }
}

@Suite("the origin host")
struct OriginHostTests {
    private let host: Built

    init() throws { host = try Built(.origin) }

    @Test("every image has its layer, and aufs lists the image's ancestors, the nearest first")
    func layers() throws {
        for id in try host.names("graph") where id != "_tmp" {
            var ancestors: [String] = []
            var next = try host.json("graph/\(id)/json")["parent"] as? String
            while let parent = next {
                ancestors.append(parent)
                next = try host.json("graph/\(parent)/json")["parent"] as? String
            }
            #expect(try lines("aufs/layers/\(id)") == ancestors)
            #expect(host.exists(RelativePath("aufs/diff/\(id)")) && host.exists(RelativePath("aufs/mnt/\(id)")))
        }
    }

    @Test("every container has both layers on its image, and only volumes that are there; one of them runs")
    func containers() throws {
        var running = 0
        for id in try host.names("containers") {
            let record = try host.json("containers/\(id)/config.json")
            let image = record["Image"] as? String ?? ""
            #expect(host.exists(RelativePath("graph/\(image)")))
            let below = try lines("aufs/layers/\(id)")
            #expect(below.prefix(2) == ["\(id)-init", image])
            #expect(try lines("aufs/layers/\(id)-init") == Array(below.dropFirst()))
            for path in (record["Volumes"] as? [String: String] ?? [:]).values where path != "/srv/registry" {
                #expect(path.hasPrefix("/var/lib/docker/vfs/dir/"))
                #expect(host.exists(RelativePath("vfs/dir/\(path.suffix(64))")))
            }
            if (record["State"] as? [String: Any])?["Running"] as? Bool == true { running += 1 }
        }
        #expect(running == 1)
        #expect(try host.names("containers").count == 6)
    }

    @Test("volumes: two in use, four left behind with a few hundred kilobytes, one bind mount of a host directory")
    func volumes() throws {
        let data = try host.names("vfs/dir")
        let records = try host.names("volumes")
        #expect(data.count == 6)
        #expect(records.count == 6)
        let binds = try records.filter { try host.json("volumes/\($0)/config.json")["IsBindMount"] as? Bool == true }
        #expect(binds.count == 1 && data.isDisjoint(with: binds))
        let left = host.leftovers.flatMap(\.paths).filter { $0.text.hasPrefix("vfs/dir/") }
        #expect(left.count == 4)
        var bytes: UInt64 = 0
        let root = try Directory(path: FilePath(host.path))
        for name in try host.entries().keys where left.contains(where: { $0.contains(RelativePath(name)) }) {
            let status = try root.status(RelativePath(name))
            if status.kind == .file { bytes += status.sizeBytes }
        }
        #expect((200_000..<1_000_000).contains(bytes))
    }

    private func lines(_ path: String) throws -> [String] {
        try host.text(path).split(separator: "\n").map(String.init)
    }
}

@Suite("the overlay2 host")
struct Overlay2HostTests {
    private let host: Built

    init() throws { host = try Built(.overlay2) }

    @Test("every link leads to its layer, which names it, except the one that dangles")
    func links() throws {
        var dangling = 0
        for link in try host.names("overlay2/l") {
            #expect(link.utf8.count == 26)
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: host.path + "/overlay2/l/" + link)
            #expect(target.hasPrefix("../") && target.hasSuffix("/diff"))
            let layer = target.dropFirst(3).dropLast(5)
            if host.exists(RelativePath("overlay2/\(layer)")) {
                #expect(try host.text("overlay2/\(layer)/link") == link)
            } else {
                dangling += 1
            }
        }
        #expect(dangling == 1)
    }

    @Test("the layers below a layer are those that its links name")
    func lower() throws {
        let layers = try host.names("overlay2").filter { host.exists(RelativePath("overlay2/\($0)/lower")) }
        #expect(layers.count > 10)
        for layer in layers {
            for link in try host.text("overlay2/\(layer)/lower").split(separator: ":") {
                #expect(host.exists(RelativePath("overlay2/\(link)")))
            }
        }
    }
}
