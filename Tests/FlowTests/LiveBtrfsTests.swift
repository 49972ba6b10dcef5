// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Bilge beside a real dockerd with the storage driver btrfs, on a real btrfs: subvolumes are devices of their own.
@Suite(
    "Live btrfs", .serialized,
    .enabled(
        if: LiveEngine.obstacle == nil && LoopMount.btrfsObstacle == nil,
        "\(LiveEngine.obstacle ?? LoopMount.btrfsObstacle ?? "")"))
struct LiveBtrfsTests {
    private func request(_ engine: LiveEngine, offline: Bool) -> Request {
        Request(
            dataRoot: engine.root, host: "unix://" + engine.socket, offline: offline, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid())
    }

    /// Images of both builders, a container in two states, a volume, and what a killed import left.
    private func prepare(_ engine: LiveEngine) throws {
        try engine.start()
        try engine.importBase("base:1")
        let context = engine.directory.path + "/ctx"
        try FileManager.default.createDirectory(atPath: context, withIntermediateDirectories: true)
        try Data("FROM base:1\nRUN echo hello > /hello\nRUN touch /two\n".utf8)
            .write(to: URL(fileURLWithPath: context + "/Dockerfile"))
        try engine.docker("build", "--network", "none", "-t", "classic:1", context)
        try engine.docker("build", "--network", "none", "--progress", "plain", "-t", "built:1", context, buildKit: true)
        try engine.docker(
            "run", "--network", "none", "--name", "done", "-v", "named:/data", "base:1", "touch", "/data/x")
        try engine.docker("create", "--network", "none", "--name", "waiting", "built:1", "cat", "/hello")
        try engine.killDuringImport()
        try engine.start()
    }

    /// What was left is found, and nothing else is an orphan; returns its directory.
    ///
    /// Nothing tells that the write-set belongs to it: the time of a subvolume is that of the files in it.
    private func expectLeftover(_ survey: Survey) throws -> RelativePath {
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        let orphans = survey.items.filter { $0.standing == .orphan }
        #expect(Set(orphans.map(\.item.thing)) == [.layer, .scratch], "\(orphans.map(\.item.paths))")
        #expect(orphans.count == 2)
        let item = try #require(orphans.first { $0.item.thing == .layer }).item
        #expect(item.path.parent == RelativePath("btrfs/subvolumes"))
        for entry in survey.items where entry.item.path.text.hasPrefix("btrfs/") && entry.item.path != item.path {
            #expect([.inUse, .reclaimable].contains(entry.standing), "\(entry)")
        }
        return item.path
    }

    @Test("every subvolume is counted and judged, the leftover is found, and no subvolume is moved")
    func liveAndOffline() async throws {
        let mount = try LoopMount("btrfs")
        let engine = try LiveEngine(driver: "btrfs", in: mount.path)
        defer { engine.stop() }
        try prepare(engine)
        try engine.docker("run", "-d", "--network", "none", "--name", "live", "base:1", "sleep", "1000")

        let online = try await survey(request(engine, offline: false))
        #expect(online.engine.state == .running && online.root.owner == "engine")
        #expect(online.root.filesystem == "btrfs" && online.hiddenStores.isEmpty)
        let left = try expectLeftover(online)
        let things = Set(online.items.filter { $0.item.path.text.hasPrefix("btrfs/subvolumes/") }.map(\.item.thing))
        #expect(things.isSuperset(of: [.layer, .initLayer, .rwLayer, .buildCache]))

        // A scan that stayed on the root's device would count kilobytes here.
        try run(["sync", "-f", mount.path])
        let counted = usage(of: online.items, in: online).values.reduce(0) { $0 + $1.allocatedBytes }
        let du = try #require(Int64(try run(["du", "-s", "--block-size=1", engine.root]).prefix { $0 != "\t" }))
        #expect(abs(counted - du) < du / 20, "counted \(counted), du \(du)")
        #expect(counted > 10_000_000)

        let policy = Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: [])
        let plan = try plan(online, policy)
        #expect(plan.steps.flatMap(\.paths).map { $0.parent?.text } == ["image/btrfs/layerdb/tmp"])
        #expect(plan.kept.flatMap(\.why).contains { $0.hasPrefix("it is a subvolume") }, "\(plan.kept)")
        try engine.docker("rm", "-f", "live")
        #expect(try engine.docker("start", "-a", "waiting") == "hello\n")

        engine.stop()
        let offline = try await survey(request(engine, offline: true))
        #expect(try expectLeftover(offline) == left)
        #expect(offline.catalog.shownCaches().contains { $0.directory?.text.hasPrefix("btrfs/subvolumes/") == true })
        #expect(!FileManager.default.fileExists(atPath: engine.root + "/.bilge"))
    }

    @Test("what was mounted for it is unmounted, and its loop device is free")
    func leavesNothing() throws {
        let mount = try LoopMount("btrfs")
        #expect(try !mount.loops().isEmpty)
        try mount.unmount()
        #expect(try mount.loops().isEmpty)
    }
}
