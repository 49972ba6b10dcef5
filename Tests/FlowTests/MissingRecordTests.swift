// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import Observe
import SystemPackage
import TestSupport
import Testing

/// What is gone as a whole says nothing about what it held: nothing becomes an orphan by it.
@Suite("Missing records")
struct MissingRecordTests {
    static let places = [
        "containers", "image", "image/overlay2", "image/overlay2/layerdb", "image/overlay2/layerdb/sha256",
        "image/overlay2/layerdb/mounts",
    ]

    @Test("a place of records that is missing makes nothing an orphan", arguments: places)
    func place(path: String) throws {
        for name in ["overlay2", "20.10-overlay2-healthy", "20.10-overlay2-orphans"] where Self.isHere(name) {
            let root = try DamagedRoot(name)
            let whole = root.removable()
            try #require(root.exists(path))
            rename(root.full(path), root.full("moved-away"))
            #expect(root.removable().orphans.subtracting(whole.orphans) == [], "\(name) without \(path)")
        }
    }

    @Test(
        "without containers/, and with layers that are gone or cannot be listed, nobody can tell that there were no containers",
        arguments: ["aufs", "vfs/dir"])
    func containersAndLayers(path: String) throws {
        let root = try DamagedRoot("origin")
        try #require(root.exists("containers") && root.exists(path))
        rename(root.full(path), root.full("moved-away-too"))
        if path == "aufs" { symlink("/nowhere/aufs", root.full(path)) }
        let whole = root.removable()
        rename(root.full("containers"), root.full("moved-away"))
        #expect(root.removable().all.subtracting(whole.all) == [])
    }

    @Test("without graph/ nothing of the old drivers is an orphan")
    func graph() throws {
        let root = try DamagedRoot("origin")
        let whole = root.removable()
        rename(root.full("graph"), root.full("moved-away"))
        #expect(root.removable().orphans.subtracting(whole.orphans) == [])
    }

    @Test("after an upgrade, whatever tells of graph/ is enough")
    func graphOfOld() throws {
        let root = try DamagedRoot("origin")
        for name in ["image", "image/aufs", "image/aufs/layerdb", "image/aufs/layerdb/sha256"] {
            mkdir(root.full(name), 0o700)
        }
        let whole = root.removable()
        rename(root.full("graph"), root.full("moved-away"))
        for name in ["repositories-aufs", "linkgraph.db"] {
            #expect(root.removable().orphans.subtracting(whole.orphans) == [], "with \(name)")
            rename(root.full(name), root.full("moved-\(name)"))
        }
        #expect(root.removable().orphans.subtracting(whole.orphans) == [], "with containers of that time")
    }

    @Test("without graph/, what is left of a driver stays, however little that is")
    func graphAndLayers() throws {
        let root = try DamagedRoot("origin")
        rename(root.full("aufs/diff"), root.full("moved-away-too"))
        mkdir(root.full("aufs/diff"), 0o700)
        mkdir(root.full("aufs/diff/" + String(repeating: "a1", count: 32) + "-removing"), 0o700)
        let whole = root.removable()
        rename(root.full("graph"), root.full("moved-away"))
        #expect(root.removable().orphans.subtracting(whole.orphans) == [])
    }

    @Test("an image whose layer is gone, too, stays as long as a name, a container or an image may mean it")
    func image() throws {
        let root = try DamagedRoot("origin")
        for (number, folder) in ["aufs", "vfs/dir"].enumerated() {
            try #require(root.exists(folder))
            rename(root.full(folder), root.full("moved-away-\(number)"))
        }
        func change(_ file: String, _ pattern: Regex<(Substring, Substring)>) throws -> Int {
            let (whole, bytes) = (root.removable(), try root.bytes(file))
            let text = String(decoding: bytes, as: UTF8.self)
            let images = Set(text.matches(of: pattern).map(\.1)).filter { root.exists("graph/\($0)") }
            for image in images {
                let changed = text.replacing(image, with: image.dropLast() + (image.last == "0" ? "1" : "0"))
                try root.write(changed.utf8, to: file)
                #expect(root.removable().orphans.subtracting(whole.orphans) == [], "\(file), \(image)")
            }
            try root.write(bytes, to: file)
            return images.count
        }
        #expect(try change("repositories-aufs", /"([0-9a-f]{64})"/) > 0)
        try root.write(#"{"Repositories":{}}"#.utf8, to: "repositories-aufs")
        let files = try root.metadataFiles()
        let containers = files.filter { $0.hasPrefix("containers/") && $0.hasSuffix("/config.json") }
        #expect(try containers.map { try change($0, /"Image":\s*"([0-9a-f]{64})"/) }.reduce(0, +) > 0)
        let images = files.filter { $0.hasPrefix("graph/") && $0.hasSuffix("/json") }
        #expect(try images.map { try change($0, /"parent":\s*"([0-9a-f]{64})"/) }.reduce(0, +) > 0)
    }

    @Test(
        "where aufs has lost one of its three directories, what is left in the others is no orphan",
        arguments: ["aufs/diff", "aufs/mnt", "aufs/layers"])
    func aufsPart(path: String) throws {
        let root = try DamagedRoot("origin")
        let whole = root.removable()
        try #require(whole.orphans.contains { $0.text.hasPrefix("aufs/mnt/") } && root.exists(path))
        rename(root.full(path), root.full("moved-away"))
        let now = root.removable()
        #expect(now.problems > whole.problems)
        #expect(now.orphans.filter { $0.text.hasPrefix("aufs/") } == [])
    }

    @Test("a mount of all of vfs/dir keeps what is in it, whatever root its path was recorded under")
    func wholeFolder() throws {
        let root = try DamagedRoot("origin")
        func removable() -> [RelativePath] { root.removable().all.filter { $0.text.hasPrefix("vfs/dir/") } }
        try #require(!removable().isEmpty)
        let record = try #require(
            try root.metadataFiles().sorted().first { $0.hasPrefix("containers/") && $0.hasSuffix("/config.json") })
        let bytes = try Data(contentsOf: URL(fileURLWithPath: root.full(record)))
        var document = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        var mounts = document["Volumes"] as? [String: String] ?? [:]
        mounts["/all"] = "/mnt/old dis{/docker/vfs/dir"
        document["Volumes"] = mounts
        try JSONSerialization.data(withJSONObject: document).write(to: URL(fileURLWithPath: root.full(record)))
        #expect(removable() == [])
    }

    @Test("with vfs, records of layers that cannot be read hide no less than records that are gone")
    func unreadableRecordsOfVFS() throws {
        guard Self.isHere("20.10-vfs-healthy") else { return }
        let root = try DamagedRoot("20.10-vfs-healthy")
        for name in ["volumes/metadata.db", "image/vfs/layerdb/sha256"] {
            rename(root.full(name), root.full("moved-away-\(name.utf8.count)"))
        }
        let volume = "volumes/" + String(repeating: "a5", count: 32)
        mkdir(root.full(volume), 0o700)
        mkdir(root.full(volume + "/_data"), 0o755)
        let whole = root.removable()
        rename(root.full("image/vfs"), root.full("moved-away"))
        symlink("/nowhere/vfs", root.full("image/vfs"))
        #expect(root.removable().all.subtracting(whole.all) == [])
    }

    @Test("a volume stays whose folder became something else than a directory")
    func folderOfVolume() throws {
        let root = try DamagedRoot("origin")
        let data = root.removable().all.filter { $0.text.hasPrefix("vfs/dir/") && root.exists("volumes/\($0.name)") }
        try #require(!data.isEmpty)
        for path in data {
            rename(root.full("volumes/\(path.name)"), root.full("moved-away"))
            symlink("/nowhere", root.full("volumes/\(path.name)"))
            #expect(!root.removable().all.contains(path))
            unlink(root.full("volumes/\(path.name)"))
            rename(root.full("moved-away"), root.full("volumes/\(path.name)"))
        }
    }

    @Test("a dead container may have lost its mount record, but not the place of all such records")
    func deadContainer() throws {
        let root = try DamagedRoot("overlay2")
        let whole = root.removable()
        for record in try root.metadataFiles() where record.hasSuffix("/config.v2.json") {
            var document = try #require(
                try JSONSerialization.jsonObject(with: Data(try root.bytes(record))) as? [String: Any])
            var state = document["State"] as? [String: Any] ?? [:]
            state["Dead"] = true
            document["State"] = state
            try root.write(try JSONSerialization.data(withJSONObject: document), to: record)
        }
        rename(root.full("image/overlay2/layerdb/mounts"), root.full("moved-away"))
        let now = root.removable()
        #expect(now.orphans.subtracting(whole.orphans) == [] && now.problems > whole.problems)
    }

    @Test("a container whose mount record is gone keeps its layers")
    func mountRecord() throws {
        let root = try DamagedRoot("overlay2")
        let whole = root.removable()
        let folder = root.full("image/overlay2/layerdb/mounts")
        let containers = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            root.exists("containers/\($0)/config.v2.json")
        }
        try #require(!containers.isEmpty)
        for container in containers {
            rename("\(folder)/\(container)", root.full("moved-away"))
            let now = root.removable()
            #expect(now.orphans.subtracting(whole.orphans) == [] && now.problems > whole.problems, "\(container)")
            rename(root.full("moved-away"), "\(folder)/\(container)")
        }
    }

    @Test("a container whose record cannot be read keeps all that it may use", arguments: ["origin", "overlay2"])
    func unreadableContainer(name: String) throws {
        let root = try DamagedRoot(name)
        let whole = root.removable()
        let records = try root.metadataFiles().filter {
            $0.hasSuffix("/config.json") || $0.hasSuffix("/config.v2.json")
        }
        .filter { $0.hasPrefix("containers/") }
        try #require(!records.isEmpty)
        for record in records {
            rename(root.full(record), root.full("moved-away"))
            mkdir(root.full(record), 0o700)
            #expect(root.removable().orphans.subtracting(whole.orphans) == [], "\(record) is a folder")
            rmdir(root.full(record))
            rename(root.full("moved-away"), root.full(record))
        }
    }

    @Test("a layer that others are built on is kept by their lists, whoever has lost its record")
    func lowers() throws {
        let root = try DamagedRoot("overlay2")
        let whole = root.removable()
        let folder = root.full("image/overlay2/layerdb/sha256")
        var tried = 0
        for chain in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let parent = try? String(contentsOfFile: "\(folder)/\(chain)/parent", encoding: .utf8)
            guard let below = parent?.dropFirst("sha256:".count), access("\(folder)/\(below)", F_OK) == 0 else {
                continue
            }
            rename("\(folder)/\(below)", root.full("moved-away"))
            #expect(root.removable().orphans.subtracting(whole.orphans) == [], "without the record of \(below)")
            rename(root.full("moved-away"), "\(folder)/\(below)")
            tried += 1
        }
        #expect(tried > 0)
    }

    @Test("a volume is in use by its record even if its data is gone, and by what is left of its id")
    func volumes() throws {
        let root = try DamagedRoot("origin")
        let whole = root.removable()
        rename(root.full("vfs/dir"), root.full("moved-away"))
        #expect(root.removable().orphans.subtracting(whole.orphans) == [])
        rename(root.full("moved-away"), root.full("vfs/dir"))
        var tried = 0
        for file in try root.metadataFiles() where file.hasSuffix("/config.json") && file.hasPrefix("containers/") {
            let bytes = try root.bytes(file)
            let text = String(decoding: bytes, as: UTF8.self)
            for changed in [
                text.replacing("vfs/dir/", with: "rfs/dir/"), text.replacing("\"Volumes\"", with: "\"Vomumes\""),
                text.replacing(try Regex("vfs/dir/[0-9a-f]"), with: "vfs/dir/x"),
            ] where changed != text {
                try root.write(changed.utf8, to: file)
                tried += 1
                #expect(root.removable().orphans.subtracting(whole.orphans) == [], "\(file)")
            }
            try root.write(bytes, to: file)
        }
        #expect(tried > 2)
    }

    @Test("a record that was just moved away as a whole is no damage")
    func moved() throws {
        let root = try DamagedRoot("overlay2")
        let name = "image/overlay2/layerdb/sha256/" + String(repeating: "a1", count: 32) + "-"
        let record = RelativePath(name + String(repeating: "b2", count: 32) + "-removing")
        let mount = RelativePath("image/overlay2/layerdb/mounts/" + String(repeating: "c3", count: 32))
        let directory = try Directory(path: FilePath(root.path))
        let before = observe(directory, at: root.path).problems
        let moved = [Item(.removingLayer, [record]), Item(.mountRecord, [mount])]
        #expect(observe(directory, at: root.path, moved: moved).problems == before)
    }

    private static func isHere(_ name: String) -> Bool { name == "overlay2" || GoldenRoot.named(name) != nil }
}

extension DamagedRoot {
    func exists(_ path: String) -> Bool { access(full(path), F_OK) == 0 }
}
