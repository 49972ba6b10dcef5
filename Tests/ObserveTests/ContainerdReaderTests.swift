// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

@Suite struct ContainerdReaderTests {
    static let daemon = "containerd/daemon/"
    static let database = daemon + "io.containerd.metadata.v1.bolt/meta.db"
    static let hex = String(repeating: "0a", count: 32)

    static func findings(_ root: Directory) -> Findings {
        let reader = ContainerdReader(now: Timestamp(seconds: 1_900_000_000))
        let items = reader.items(in: root)
        var others = items
        others.merge(Overlay2(driver: .overlay2).items(in: root))
        var all = reader.claims(in: root, among: others)
        for item in items.items.values { all.add(item) }
        all.problems += items.problems
        return all
    }

    static func findings(_ directory: TemporaryDirectory) throws -> Findings {
        try withExtendedLifetime(directory) { try findings($0.open()) }
    }

    static func isHiddenStore(_ problem: Problem) -> Bool {
        problem.areas.contains(.layers) || problem.areas.contains(.storageDrivers)
    }

    static func root(
        namespace: String, images: [String: BoltImage.Value], hasOtherStore: Bool = true
    ) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory("containerd")
        if hasOtherStore { try directory.makeDirectory("overlay2/\(hex)/diff") }
        var image = BoltImage(storesFreelist: false)
        try image.write(
            ["v1": .bucket(["version": .bytes([8]), namespace: .bucket(["images": .bucket(images)])])], to: database,
            in: directory)
        return directory
    }

    @Test("snapshots, blobs and ingests are items, the rest is containerd's state")
    func items() throws {
        let directory = try Self.root(namespace: "moby", images: [:])
        let content = Self.daemon + "io.containerd.content.v1.content"
        try directory.write("\(content)/blobs/sha256/\(Self.hex)")
        try directory.write("\(content)/blobs/sha512/\(Self.hex)")
        try directory.write("\(content)/ingest/\(Self.hex)/data")
        try directory.makeDirectory(Self.daemon + "io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs")
        try directory.makeDirectory(Self.daemon + "io.containerd.snapshotter.v1.overlayfs/snapshots/new-123")
        try directory.makeDirectory(Self.daemon + "io.containerd.snapshotter.v1.btrfs")
        try directory.makeDirectory(Self.daemon + "tmpmounts")
        let found = try Self.findings(directory)
        let kinds = Dictionary(grouping: found.items.values, by: \.thing).mapValues { Set($0.map(\.path.text)) }
        #expect(
            kinds == [
                .blob: ["\(content)/blobs/sha256/\(Self.hex)", "\(content)/blobs/sha512/\(Self.hex)"],
                .ingest: ["\(content)/ingest/\(Self.hex)"],
                .snapshot: [
                    Self.daemon + "io.containerd.snapshotter.v1.overlayfs/snapshots/7",
                    Self.daemon + "io.containerd.snapshotter.v1.overlayfs/snapshots/new-123",
                ],
                .metadata: [
                    "containerd/daemon", content, Self.daemon + "io.containerd.metadata.v1.bolt",
                    Self.daemon + "io.containerd.snapshotter.v1.overlayfs",
                    Self.daemon + "io.containerd.snapshotter.v1.btrfs", Self.daemon + "tmpmounts",
                ],
            ])
        // There are snapshots, but not the list of them.
        #expect(found.problems.map(\.path) == [Self.daemon + "io.containerd.snapshotter.v1.overlayfs/metadata.db"])
        #expect(Set(found.claims.map(\.target.text)) == kinds[.metadata])
        #expect(found.claims.allSatisfy { $0.claimant == .layout })
    }

    @Test("a root without containerd has no items and no problems")
    func absent() throws {
        let found = try Self.findings(TemporaryDirectory())
        #expect(found.items.isEmpty && found.claims.isEmpty && found.problems.isEmpty)
    }

    @Test("images of Docker in containerd's database make this a root with a possibly hidden store")
    func hiddenStore() throws {
        let image: [String: BoltImage.Value] = ["docker.io/library/base:1": .bucket([:])]
        for namespace in ["moby", "moby-100000.100000"] {
            let found = try Self.findings(Self.root(namespace: namespace, images: image))
            #expect(found.problems.filter { $0.areas == [.storageDrivers] }.map(\.path) == [Self.database])
            let alone = try Self.findings(Self.root(namespace: namespace, images: image, hasOtherStore: false))
            #expect(!alone.problems.contains(where: Self.isHiddenStore))
        }
        for (namespace, images) in [("moby", [:]), ("k8s.io", image), ("moby_history", image), ("plugins.moby", image)]
        {
            let found = try Self.findings(Self.root(namespace: namespace, images: images))
            #expect(!found.problems.contains { $0.areas.contains(.storageDrivers) }, "\(namespace)")
        }
    }

    @Test("a database that cannot be read may hold images")
    func damage() throws {
        let directory = try Self.root(namespace: "moby", images: [:])
        let url = URL(fileURLWithPath: directory.path + "/" + Self.database)
        let healthy = try Data(contentsOf: url)
        for length in [0, 1, 4096, healthy.count - 1] {
            try healthy.prefix(length).write(to: url)
            #expect(try Self.findings(directory).problems.filter(Self.isHiddenStore).count == 1)
        }
        var image = BoltImage()
        for content in [
            ["v1": BoltImage.Value.text("x")], ["v1": .bucket(["moby": .text("x")])],
            ["v1": .bucket(["moby": .bucket(["images": .text("x")])])],
        ] {
            try image.write(content, to: Self.database, in: directory)
            let problems = try Self.findings(directory).problems
            #expect(problems.contains(where: Self.isHiddenStore), "\(problems)")
        }
    }

    @Test(
        "with a containerd of the system, what the image store left in the root tells of it",
        arguments: ["buildkit/containerd-overlayfs/workerid", "image/identity-cache.db", "rootfs/overlayfs/x/y"])
    func systemContainerd(_ path: String) throws {
        let directory = try TemporaryDirectory()
        try directory.write("buildkit/cache.db")
        try directory.write("image/overlay2/repositories.json")
        try directory.makeDirectory("overlay2/\(Self.hex)/diff")
        #expect(try Self.findings(directory).problems.isEmpty)
        try directory.write(path)
        #expect(try Self.findings(directory).problems.filter(Self.isHiddenStore).count == 1)
    }

    @Test(
        "each golden root's snapshots and blobs are items with a record, and only a switched root may be hidden",
        arguments: roots)
    func golden(_ golden: GoldenRoot) throws {
        let (directory, path) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let found = Self.findings(try Directory(path: FilePath(path)))
        for path in try golden.expectation().paths.keys where path.hasPrefix("containerd/") {
            let path = RelativePath(path)
            let item = try #require(found.items[path], "\(path)")
            #expect(item.thing == .ingest || found.claims.contains { $0.target == path && $0.force == .knows })
        }
        #expect(found.problems.contains(where: Self.isHiddenStore) == golden.name.contains("then-containerd"))
        #expect(!found.problems.contains { !$0.areas.isDisjoint(with: [.volumes, .everything, .containerd]) })
    }

    static let roots = GoldenRoot.all.filter { $0.name.hasPrefix("20.10") || $0.name.hasPrefix("29.7") }
}
