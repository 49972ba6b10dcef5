// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

@Suite struct BuildKitReaderTests {
    static let step = "0fnobuk1eq0pn5f12oev7a1hw"
    static let stepDirectory = "j8o2k49gy5n0ux2us19vg7frf"
    static let local = "5xovxdyox185vk5hq6djojb7p"
    static let child = "jg3ngyy7ottt0yeu0zd0gv6pk"
    static let killed = "65b54cvj7rfrqpawtjsq5ih99"
    static let chain = String(repeating: "a5", count: 32)
    static let layer = String(repeating: "b6", count: 32)

    static let snapshots: [String: BoltImage.Value] = [
        step: .bucket(["committed": .text(stepDirectory), "size": .text("3893")]),
        stepDirectory: .bucket(["iscommitted": .text(""), "parent": .text("sha256:" + chain)]),
        local: .bucket(["parent": .text(""), "size": .text("72")]),
        child: .bucket(["parent": .text(step), "chainid": .text("sha256:" + layer)]),
        "sha256:" + chain: .bucket([:]),
    ]
    static let records: [String: BoltImage.Value] = [
        "_external": .bucket([:]),
        "_main": .bucket([
            step: .bucket([
                "cache.createdAt": .text("{\"value\":1795457848358425247}"),
                "cache.description": .text("{\"value\":\"mount / from exec /bin/sh -c seq 1 9 \\u003e /x\\u001b[2J\"}"),
                "cache.equalMutable": .text(""), "cache.parent": .text("{\"value\":\"\(local)\"}"),
                "cache.lastUsedAt": .text("{\"value\":1795457849000000000}"),
                "snapshot.size": .text("{\"value\":3893}"),
            ]),
            local: .bucket([
                "cache.recordType": .text("{\"value\":\"source.local\"}"),
                "cache.snapshot": .text("{\"value\":\"\(local)\",\"index\":\"x\"}"),
            ]),
        ]),
    ]
    static let leases: [String: BoltImage.Value] = [
        "v1": .bucket([
            "version": .bytes([6]),
            "buildkit": .bucket([
                "leases": .bucket([
                    killed: .bucket(["snapshots": .bucket(["default": .bucket([killed: .text("")])])]),
                    step: .bucket(["snapshots": .bucket(["default": .bucket([step: .text("")])])]),
                    "temporary": .bucket(["createdat": .text("")]),
                ])
            ]),
        ])
    ]

    /// A root with BuildKit's databases, and what a driver's reader would have found in it.
    static func root() throws -> (directory: TemporaryDirectory, driver: Findings) {
        let directory = try TemporaryDirectory("buildkit")
        var image = BoltImage()
        try image.write(snapshots, to: "buildkit/snapshots.db", in: directory)
        try image.write(records, to: "buildkit/metadata_v2.db", in: directory)
        try image.write(leases, to: "buildkit/containerdmeta.db", in: directory)
        try image.write([:], to: "buildkit/cache.db", in: directory)
        var driver = Findings()
        for id in [stepDirectory, local, child, killed] {
            driver.add(Item(.layer, [RelativePath("overlay2/\(id)")]))
            driver.add(Item(.layer, [RelativePath("vfs/dir/\(id)")]))
        }
        for id in [chain, layer] {
            driver.add(Item(.layerRecord, [RelativePath("image/overlay2/layerdb/sha256/\(id)")]))
        }
        return (directory, driver)
    }

    static func findings(_ directory: TemporaryDirectory, _ driver: Findings) throws -> Findings {
        defer { withExtendedLifetime(directory) {} }
        let reader = BuildKitReader()
        let root = try directory.open()
        var items = driver
        items.merge(reader.items(in: root))
        var all = reader.claims(in: root, among: items)
        for item in items.items.values { all.add(item) }
        return all
    }

    @Test("what BuildKit knows is claimed in every driver, what only a lease names is not")
    func directories() throws {
        let (directory, driver) = try Self.root()
        let found = try Self.findings(directory, driver)
        #expect(found.problems.isEmpty)
        for folder in ["overlay2", "vfs/dir"] {
            for id in [Self.stepDirectory, Self.local, Self.child] {
                let claims = found.claims.filter { $0.target.text == "\(folder)/\(id)" && $0.force == .knows }
                #expect(!claims.isEmpty, "\(folder)/\(id)")
                #expect(claims.allSatisfy { $0.thing == (id == Self.child ? nil : .buildCache) })
            }
            let claims = found.claims.filter { $0.target.text == "\(folder)/\(Self.killed)" }
            #expect(claims.map(\.force) == [.mentions])
            #expect(claims.map(\.thing) == [nil])
        }
        let step = found.claims.filter { $0.target.text == "overlay2/\(Self.stepDirectory)" }
        #expect(step.contains { $0.claimant == .buildCache(Self.step) && $0.source == "buildkit/metadata_v2.db" })
        #expect(step.contains { $0.claimant == .buildCache(Self.step) && $0.source == "buildkit/snapshots.db" })
    }

    @Test(
        "a directory of which the driver has lost a part is claimed too",
        arguments: [
            (StorageDriver.aufs, ["aufs/mnt", "aufs/layers"]), (.aufs, ["aufs/layers"]),
            (.devicemapper, ["devicemapper/metadata"]), (.devicemapper, ["devicemapper/metadata", "devicemapper/mnt"]),
        ])
    func parts(_ driver: StorageDriver, _ folders: [String]) throws {
        var (directory, items) = try Self.root()
        for id in [Self.stepDirectory, Self.child] {
            items.add(Item(.layer, folders.map { RelativePath("\($0)/\(id)") }))
        }
        let claims = try Self.findings(directory, items).claims.filter { $0.target.components[0] == driver.rawValue }
        let (below, above) = (
            RelativePath("\(folders[0])/\(Self.stepDirectory)"), RelativePath("\(folders[0])/\(Self.child)")
        )
        #expect(Set(claims.filter { $0.force == .knows }.map(\.target)) == [below, above])
        let needs = claims.filter { $0.force == .needs }
        #expect(needs.map(\.target) == [below] && needs.map(\.claimant) == [.item(above)])
    }

    @Test("a snapshot needs what it was made on: a directory of the same driver, or a layer of the engine")
    func parents() throws {
        let (directory, driver) = try Self.root()
        let needs = try Self.findings(directory, driver).claims.filter { $0.force == .needs && $0.claimant != .layout }
        let expected: Set = [
            Claim(
                target: RelativePath("overlay2/\(Self.stepDirectory)"),
                claimant: .item(RelativePath("overlay2/\(Self.child)")), force: .needs, thing: nil,
                source: "buildkit/snapshots.db"),
            Claim(
                target: RelativePath("vfs/dir/\(Self.stepDirectory)"),
                claimant: .item(RelativePath("vfs/dir/\(Self.child)")), force: .needs, thing: nil,
                source: "buildkit/snapshots.db"),
            Claim(
                target: RelativePath("image/overlay2/layerdb/sha256/\(Self.chain)"),
                claimant: .item(RelativePath("overlay2/\(Self.stepDirectory)")), force: .needs, thing: nil,
                source: "buildkit/snapshots.db"),
        ]
        #expect(Set(needs) == expected)
    }

    @Test("layers of the engine that BuildKit holds are known")
    func chains() throws {
        let (directory, driver) = try Self.root()
        let found = try Self.findings(directory, driver)
        for id in [Self.chain, Self.layer] {
            let path = RelativePath("image/overlay2/layerdb/sha256/\(id)")
            #expect(found.claims.contains { $0.target == path && $0.force == .knows })
        }
    }

    @Test("a directory can be explained by its build step, without what a terminal would obey")
    func catalog() throws {
        let (directory, driver) = try Self.root()
        let caches = try Self.findings(directory, driver).catalog.caches.sorted { $0.id < $1.id }
        #expect(
            caches == [
                CacheRecord(
                    id: Self.step, directory: RelativePath("overlay2/\(Self.stepDirectory)"),
                    description: "mount / from exec /bin/sh -c seq 1 9 > /x [2J", recordType: "regular",
                    created: Timestamp(nanoseconds: 1_795_457_848_358_425_247),
                    lastUsed: Timestamp(nanoseconds: 1_795_457_849_000_000_000), sizeBytes: 3893,
                    parents: [Self.local], isCommitted: true),
                CacheRecord(
                    id: Self.local, directory: RelativePath("overlay2/\(Self.local)"), description: "",
                    recordType: "source.local", created: nil, lastUsed: nil, sizeBytes: 72, parents: []),
            ])
    }

    @Test(
        "a database that is missing, empty, cut off or no database freezes the layers",
        arguments: ["snapshots.db", "metadata_v2.db", "containerdmeta.db"])
    func damage(_ name: String) throws {
        let (directory, driver) = try Self.root()
        let path = directory.path + "/buildkit/" + name
        let healthy = try Data(contentsOf: URL(fileURLWithPath: path))
        for length in [0, 1, 100, 4096, 8191, 12_288, healthy.count - 1] {
            try healthy.prefix(length).write(to: URL(fileURLWithPath: path))
            let problems = try Self.findings(directory, driver).problems
            #expect(problems.contains { $0.areas == [.layers] && $0.path == "buildkit/\(name)" }, "\(length)")
        }
        try FileManager.default.removeItem(atPath: path)
        let problems = try Self.findings(directory, driver).problems
        #expect(problems.map(\.path) == ["buildkit/\(name)"])
        #expect(problems.map(\.areas) == [[.layers]])
        try directory.makeLink("buildkit/" + name, to: "cache.db")
        #expect(try Self.findings(directory, driver).problems.contains { $0.areas == [.layers] })
    }

    @Test("a damaged cache.db is told, and hides nothing else")
    func cache() throws {
        let (directory, driver) = try Self.root()
        try directory.write("buildkit/cache.db", "rubbish")
        let problems = try Self.findings(directory, driver).problems
        #expect(problems.map(\.areas) == [[.item(RelativePath("buildkit/cache.db"))]])
    }

    @Test(
        "a name that BuildKit never writes freezes the layers",
        arguments: ["../../x", "5XOVXDYOX185VK5HQ6DJOJB7P", "sha256:12", "5xovx\u{7}yox185vk5hq6djojb7p"])
    func strange(_ name: String) throws {
        for content in [
            [name: BoltImage.Value.bucket(["parent": .text("")])],
            [Self.local: .bucket(["parent": .text(name)])], [Self.local: .bucket(["committed": .text(name)])],
            [Self.local: .bucket(["chainid": .text(name)])], [Self.local: .bucket(["parent": .bucket([:])])],
            [Self.local: .text("")],
        ] {
            let (directory, driver) = try Self.root()
            var image = BoltImage()
            try image.write(content, to: "buildkit/snapshots.db", in: directory)
            let problems = try Self.findings(directory, driver).problems
            #expect(problems.map(\.areas) == [[.layers]], "\(content)")
        }
    }

    @Test("a record whose JSON is broken freezes the layers")
    func brokenJSON() throws {
        for (field, value) in [
            ("cache.snapshot", "{\"value\":"), ("cache.snapshot", "{\"value\":\"x\"}"), ("cache.createdAt", "{}"),
            ("snapshot.size", "{\"value\":\"9\"}"), ("snapshot.size", "{\"value\":9"), ("snapshot.size", "9}"),
            ("cache.description", "{\"value\":\"}"), ("cache.description", "{\"value\":\"a\"b\"}"),
            ("cache.description", "{\"value\":\"\u{1}\"}"), ("cache.description", "{\"value\":9}"),
        ] {
            let (directory, driver) = try Self.root()
            var image = BoltImage()
            try image.write(
                ["_main": .bucket([Self.local: .bucket([field: .text(value)])])], to: "buildkit/metadata_v2.db",
                in: directory)
            #expect(try Self.findings(directory, driver).problems.map(\.areas) == [[.layers]], "\(field) \(value)")
        }
    }

    @Test("a root without BuildKit has no problem, one with BuildKit's directories but no database has")
    func absent() throws {
        let directory = try TemporaryDirectory()
        var driver = Findings()
        driver.add(Item(.layer, [RelativePath("overlay2/\(Self.local)")]))
        #expect(try Self.findings(directory, driver).problems.isEmpty)
        try directory.makeDirectory("buildkit/executor")
        #expect(try Self.findings(directory, Findings()).problems.isEmpty)
        #expect(try Self.findings(directory, driver).problems.allSatisfy { $0.areas == [.layers] })
        #expect(try !Self.findings(directory, driver).problems.isEmpty)
    }

    @Test("the containerd image store's BuildKit needs no snapshots.db, and its records are listed")
    func containerdStore() throws {
        let directory = try TemporaryDirectory()
        var image = BoltImage()
        try image.write([:], to: "buildkit/cache.db", in: directory)
        try image.write(Self.records, to: "buildkit/containerd-overlayfs/metadata_v2.db", in: directory)
        let found = try Self.findings(directory, Findings())
        #expect(found.problems.isEmpty)
        #expect(Set(found.catalog.caches.map(\.id)) == [Self.step, Self.local])
        #expect(found.catalog.caches.allSatisfy { $0.directory == nil })
        try directory.write("buildkit/containerd-overlayfs/metadata_v2.db", "rubbish")
        let area = Area.item(RelativePath("buildkit/containerd-overlayfs"))
        #expect(try Self.findings(directory, Findings()).problems.map(\.areas) == [[area]])
    }

    @Test("the databases of 18.06 to 19.03 are enough for those versions")
    func oldVersions() throws {
        let (directory, driver) = try Self.root()
        try FileManager.default.removeItem(atPath: directory.path + "/buildkit/containerdmeta.db")
        try FileManager.default.moveItem(
            atPath: directory.path + "/buildkit/metadata_v2.db", toPath: directory.path + "/buildkit/metadata.db")
        let found = try Self.findings(directory, driver)
        #expect(found.problems.isEmpty)
        #expect(found.catalog.caches.count == 2)
    }

    @Test("what a killed step left is one item with its files, and the rest is the engine's")
    func leftovers() throws {
        let (directory, driver) = try Self.root()
        try directory.write("buildkit/executor/\(Self.killed)/config.json")
        for name in [
            "hosts.\(Self.killed)", "resolv.conf.\(Self.killed)", "hosts.\(Self.child)", "resolv.conf", "hosts",
        ] {
            try directory.write("buildkit/executor/\(name)")
        }
        try directory.write("buildkit/cache.db.\(Self.child).bak")
        try directory.makeDirectory("buildkit/content/blobs")
        let found = try Self.findings(directory, driver)
        let scratch = found.items.values.filter { $0.thing == .buildScratch }.map { $0.paths.map(\.text) }
        #expect(
            Set(scratch) == [
                ["executor/\(Self.killed)", "executor/hosts.\(Self.killed)", "executor/resolv.conf.\(Self.killed)"]
                    .map { "buildkit/" + $0 },
                ["buildkit/executor/hosts.\(Self.child)"], ["buildkit/cache.db.\(Self.child).bak"],
            ])
        let metadata = found.items.values.filter { $0.thing == .metadata }.map(\.path)
        #expect(
            Set(metadata.map(\.text)) == [
                "buildkit/cache.db", "buildkit/containerdmeta.db", "buildkit/content", "buildkit/executor",
                "buildkit/executor/hosts", "buildkit/executor/resolv.conf", "buildkit/metadata_v2.db",
                "buildkit/snapshots.db",
            ])
        #expect(metadata.allSatisfy { path in found.claims.contains { $0.target == path && $0.claimant == .layout } })
        #expect(!found.claims.contains { $0.target.text.contains("executor/\(Self.killed)") })
    }

    @Test("every expectation of the golden roots about BuildKit's directories holds", arguments: roots)
    func golden(_ golden: GoldenRoot) throws {
        let (directory, path) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let root = try Directory(path: FilePath(path))
        var items = Findings()
        for folder in ["overlay2", "vfs/dir"] {
            for name in try root.namesIfPresent(of: RelativePath(folder)) ?? [] {
                items.add(Item(.layer, [RelativePath(folder) / name]))
            }
        }
        for driver in ["overlay2", "vfs"] {
            let folder = RelativePath("image/\(driver)/layerdb/sha256")
            for name in try root.namesIfPresent(of: folder) ?? [] { items.add(Item(.layerRecord, [folder / name])) }
        }
        items.merge(BuildKitReader().items(in: root))
        let found = BuildKitReader().claims(in: root, among: items)
        #expect(found.problems.isEmpty)
        let known = Set(found.claims.filter { $0.force != .mentions }.map(\.target.text))
        var judged = 0
        for (path, expected) in try golden.expectation().paths {
            if expected.allowed == ["orphan"] { #expect(!known.contains(path), "\(path)") }
            guard EntryName.isBuildKitID(RelativePath(path).name), items.items[RelativePath(path)] != nil else {
                continue
            }
            judged += 1
            if !expected.allowed.contains("orphan") { #expect(known.contains(path), "\(path)") }
        }
        #expect(judged > 0 || !path.contains("overlay2"))
        for item in items.items.values where item.path.text.hasPrefix("overlay2/") && EntryName.isBuildKitID(item.id) {
            let claim = found.catalog.caches.contains { $0.directory == item.path }
            #expect(claim || !known.contains(item.path.text), "\(item.path) has no record that describes it")
        }
    }

    static let roots = GoldenRoot.all.filter { $0.name.hasPrefix("20.10") || $0.name.hasPrefix("29.7") }
}
