// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Foundation
import Glibc
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Flow
@testable import Observe

/// Bilge beside a real containerd: it lists what `ctr` lists, also while the daemon writes.
@Suite(
    "A live containerd", .serialized, .enabled(if: LiveContainerd.obstacle == nil, "\(LiveContainerd.obstacle ?? "")"))
struct LiveContainerdTests {
    static let container = String(repeating: "c", count: 64)

    /// A data root without anything of containerd's, and the look at both.
    private func survey(_ containerd: LiveContainerd, containers: [String] = []) async throws -> Survey {
        let root = try TemporaryDirectory("root")
        for folder in ["containers", "image", "volumes", "network"] { try root.makeDirectory(folder) }
        for id in containers {
            try root.write("containers/\(id)/config.v2.json", #"{"ID": "\#(id)", "Name": "/web", "Driver": "native"}"#)
        }
        var request = Request.offline(root.path)
        request.rootSources.containerdAddress = containerd.socket
        request.rootSources.usual = root.path
        defer { withExtendedLifetime(root) {} }
        return try await Flow.survey(request)
    }

    private func agree(_ survey: Survey, _ containerd: LiveContainerd) throws {
        let digests = survey.items.filter { $0.item.thing == .blob }.map { "sha256:" + $0.item.id }
        #expect(
            try Set(digests)
                == containerd.list("content", "ls").union(containerd.list("content", "ls", namespace: "other")))
        #expect(
            try Set(survey.catalog.snapshots.map(\.key))
                == containerd.list("snapshots", "--snapshotter", "native", "ls"))
        let leases = survey.items.filter { $0.item.thing == .lease }.map(\.item.id)
        #expect(try Set(leases) == containerd.list("leases", "ls"))
        #expect(try Set(survey.catalog.images.flatMap(\.tags)) == containerd.list("images", "ls"))
        #expect(survey.problems.filter { $0.areas.contains(.containerd) } == [])
    }

    @Test("its root is found by its socket, read, measured, and agrees with what ctr lists at each step")
    func agrees() async throws {
        let containerd = try LiveContainerd()
        defer { containerd.stop() }
        try containerd.importImage("example.org/live:1")
        let layer = try #require(containerd.list("snapshots", "--snapshotter", "native", "ls").first)
        try containerd.ctr("leases", "create", "--id", Self.container, "--expires", "0s")
        try containerd.ctr("leases", "create", "--id", String(repeating: "e", count: 64), "--expires", "0s")
        try containerd.ctr("leases", "create", "--id", "temporary", "--expires", "1h")
        try containerd.ctr("snapshots", "--snapshotter", "native", "prepare", "active", layer)
        try containerd.ctr("snapshots", "--snapshotter", "native", "commit", "committed", "active")

        let first = try await survey(containerd, containers: [Self.container])
        try agree(first, containerd)
        #expect(first.stores.map(\.path) == [containerd.root])
        func standing(_ survey: Survey, _ thing: Thing, _ id: String) -> Standing? {
            survey.items.first { $0.item.thing == thing && $0.item.id == id }?.standing
        }
        #expect(standing(first, .lease, Self.container) == .inUse)
        #expect(standing(first, .lease, String(repeating: "e", count: 64)) == .reclaimable)
        #expect(standing(first, .lease, "temporary") == .inUse)
        #expect(first.items.filter { $0.item.thing == .blob }.allSatisfy { $0.standing == .inUse })
        let committed = try #require(first.catalog.snapshots.first { $0.key == "committed" })
        // ctr labels what it prepares and commits as a root of the collection, `containerd.io/gc.root`.
        #expect(first.items.first { $0.item.path == committed.path }?.standing == .inUse)
        let usage = Flow.usage(of: first.items, in: first)
        #expect(
            first.items.filter { $0.item.thing == .blob }.allSatisfy { (usage[$0.item.path]?.allocatedBytes ?? 0) > 0 })

        // The very calls that `explain` prints.
        try containerd.ctr("leases", "rm", "--sync", String(repeating: "e", count: 64))
        let second = try await survey(containerd)
        try agree(second, containerd)
        #expect(second.catalog.snapshots.contains { $0.key == "committed" })
        #expect(standing(second, .lease, Self.container) == .reclaimable)
        try containerd.ctr("images", "rm", "example.org/live:1")
        let lease = try containerd.ctr("leases", "create").trimmingCharacters(in: .whitespacesAndNewlines)
        try containerd.ctr("leases", "rm", "--sync", lease)
        try agree(try await survey(containerd), containerd)
    }

    @Test("what another namespace holds is in use, whatever Docker's says")
    func shared() async throws {
        let containerd = try LiveContainerd()
        defer { containerd.stop() }
        try containerd.importImage("example.org/live:1")
        try containerd.importImage("example.org/other:1", namespace: "other")
        try containerd.ctr("images", "rm", "example.org/other:1", namespace: "other")
        let survey = try await survey(containerd)
        let blobs = try containerd.list("content", "ls", namespace: "other")
        for item in survey.items where item.item.thing == .blob && blobs.contains("sha256:" + item.item.id) {
            #expect(item.standing == .inUse)
        }
        #expect(survey.catalog.images.flatMap(\.tags) == ["example.org/live:1"])
    }

    @Test("no read is torn while the daemon writes; BILGE_SOAK says how many")
    func soak() throws {
        let containerd = try LiveContainerd()
        defer { containerd.stop() }
        try containerd.importImage("example.org/live:1")
        // The import's own index goes when containerd next collects what nobody needs.
        for _ in 0..<100 where try containerd.list("content", "ls").count != 3 { usleep(50_000) }
        try containerd.startChurn()
        let reads = ProcessInfo.processInfo.environment["BILGE_SOAK"].flatMap { Int($0) } ?? 300
        let file = try Directory(path: FilePath(containerd.root + "/io.containerd.metadata.v1.bolt"))
            .file(RelativePath("meta.db"))
        var transactions: Set<UInt64> = []
        var last: UInt64 = 0
        var changing = 0
        var torn: [String] = []
        for number in 1...reads {
            do {
                let found = try BoltFile.read(file)
                if let doubt = found.doubt { torn.append("\(doubt)") }
                if found.transaction < last { torn.append("transaction \(found.transaction) after \(last)") }
                last = found.transaction
                transactions.insert(last)
                let database = try ContainerdDatabase(found.root)
                torn += database.strange
                let moby = try #require(database.namespaces["moby"])
                if moby.images.count != 1 || moby.blobs.count != 3 || moby.snapshots.count != 1 {
                    let (images, snapshots) = (moby.images.keys.sorted(), moby.snapshots.keys.count)
                    torn.append("read \(number), transaction \(last): \(images), \(moby.sizes), \(snapshots) snapshots")
                }
                torn += moby.leases.filter { $1.record.created == nil }.map(\.key)
            } catch BoltError.changing {
                changing += 1
            }
        }
        containerd.stopChurn()
        print("\(reads) reads of \(transactions.count) transactions: \(torn.count) torn, \(changing) given up")
        #expect(torn == [])
        #expect(transactions.count > reads / 200 && changing < reads / 20)
    }

    @Test("a root that Docker never used is not shown, and a usual one only for the usual data root")
    func search() throws {
        let containerd = try LiveContainerd()
        defer { containerd.stop() }
        let folder = try TemporaryDirectory("root")
        for name in ["containers", "image", "volumes"] { try folder.makeDirectory(name) }
        let root = try openDataRoot(folder.path, caller: geteuid())
        var sources = RootSources()
        sources.containerdAddress = "/nowhere"
        #expect(findStores(of: root, address: nil, usesStore: false, sources: sources).stores.isEmpty)
        sources.containerdAddress = containerd.socket
        #expect(findStores(of: root, address: nil, usesStore: false, sources: sources).stores.isEmpty)
        #expect(findStores(of: root, address: containerd.socket, usesStore: true, sources: sources).stores.count == 1)
        try containerd.importImage("example.org/live:1")
        #expect(findStores(of: root, address: nil, usesStore: false, sources: sources).stores.isEmpty)
        sources.usual = folder.path
        let found = findStores(of: root, address: nil, usesStore: false, sources: sources)
        #expect(found.stores.map(\.path) == [containerd.root] && found.failures.isEmpty)
        sources.containerdAddress = "/nowhere"
        sources.containerdSettings = containerd.directory.path + "/c.toml"
        let settings = findStores(of: root, address: nil, usesStore: false, sources: sources)
        #expect(settings.stores.map(\.path) == [containerd.root])
        try folder.makeDirectory("containerd/daemon/io.containerd.metadata.v1.bolt")
        try folder.write("containerd/daemon/io.containerd.metadata.v1.bolt/meta.db", "own")
        #expect(findStores(of: root, address: nil, usesStore: false, sources: sources).stores.isEmpty)
    }
}
