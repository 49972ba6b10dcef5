// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import Observe
import TestSupport
import Testing

@testable import Flow

/// A root that Docker 29.7 wrote with overlay2 and then with the containerd image store, without and with the answers that
/// its engine gave.
@Suite(
    "The hidden store of a switched root",
    .enabled(
        if: GoldenRoot.named("29.7-overlay2-then-containerd") != nil && geteuid() == 0,
        "needs root and the golden root 29.7-overlay2-then-containerd; set BILGE_GOLDEN_ROOTS"))
struct HiddenStoreGoldenTests {
    private let golden = GoldenRoot.named("29.7-overlay2-then-containerd")

    @Test("while no engine is asked it may be hidden, and nothing in it is an orphan")
    func offline() async throws {
        let (folder, root) = try #require(golden).unpack()
        defer { withExtendedLifetime(folder) {} }
        let survey = try await survey(.offline(root))
        let store = try #require(survey.hiddenStores.first)
        #expect(survey.hiddenStores.count == 1)
        #expect(store.name == HiddenStore.Name("overlay2", isCertain: false))
        #expect(store.containers.count == 8 && store.images.contains("app:1"))
        let inside = survey.items.filter { $0.hidden == store.name }
        #expect(inside.contains { $0.standing == .inUse } && inside.contains { $0.standing == .unknown })
        #expect(inside.allSatisfy { $0.standing == .inUse || $0.standing == .unknown })
    }

    @Test("beside its engine it is hidden, with what it holds, what is elsewhere too, and the volumes only it uses")
    func online() async throws {
        let golden = try #require(golden)
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let host = try ReplayedEngine(golden, root)
        let survey = try await survey(
            Request(
                dataRoot: root, host: host.engine.path, graceSeconds: 0,
                now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid()))
        #expect(survey.root.owner == "engine", "\(survey.root.notes)")
        #expect(!survey.problems.contains { $0.path.hasPrefix("/") }, "\(survey.problems)")
        let store = try #require(survey.hiddenStores.first { $0.name.text == "overlay2" })
        #expect(store.name.isCertain && store.setting == .containerdSnapshotter)
        #expect(store.containers.count == 8)
        #expect(store.twins.map(\.image).contains("base:1"))
        #expect(!store.twins.map(\.image).contains("app:1"))

        let inside = survey.items.filter { $0.hidden == store.name }
        #expect(inside.filter { $0.standing == .inUse }.allSatisfy { $0.evidence.first?.says == .hidden })
        #expect(inside.contains { $0.standing == .inUse && $0.item.thing == .rwLayer })
        #expect(!inside.contains { $0.standing == .orphan || $0.standing == .reclaimable })
        // Docker calls all of them unused; `docker volume prune -a` would delete them.
        #expect(store.volumes.count == 7 && !store.volumes.contains(RelativePath("volumes/named1")))
        for entry in survey.items where store.volumes.contains(entry.item.path) {
            #expect(entry.standing == .inUse && entry.evidence.first?.says == .hidden)
        }
        #expect(survey.root.notes.contains { $0.contains("features.containerd-snapshotter") })
        for name in ["new1", "new2"] { #expect(!store.containers.contains(name)) }
    }
}

/// The build cache as Bilge lists it, against what the engine listed before it stopped.
@Suite("The list of the build cache")
struct CacheListTests {
    static let roots = GoldenRoot.all.filter { $0.name.hasSuffix("-healthy") }

    private struct Listed: Decodable {
        var ID: String
        var `Type`: String
        var Description: String
        var Shared: Bool
        var Size: Int64
        var UsageCount: Int64
        var CreatedAt: String
        var LastUsedAt: String?
    }

    @Test(
        "is Docker's own", .enabled(if: !roots.isEmpty, "no golden roots of 20.10 and 29.7; set BILGE_GOLDEN_ROOTS"),
        arguments: roots)
    func agrees(golden: GoldenRoot) async throws {
        struct Truth: Decodable {
            var system_df: Usage
            struct Usage: Decodable { var BuildCache: [Listed]? }
        }
        let file = URL(fileURLWithPath: "\(golden.folder)/\(golden.name).truth.json")
        let truth = try JSONDecoder().decode(Truth.self, from: Data(contentsOf: file)).system_df.BuildCache ?? []
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let records = try await survey(.offline(root)).catalog.shownCaches()
        #expect(!truth.isEmpty && Set(records.map(\.id)) == Set(truth.map(\.ID)))
        for listed in truth {
            let record = try #require(records.first { $0.id == listed.ID })
            #expect(record.recordType == listed.Type && record.description == listed.Description)
            #expect(record.usageCount == listed.UsageCount, "\(record)")
            #expect(record.created == Timestamp(rfc3339: listed.CreatedAt))
            #expect(record.lastUsed == listed.LastUsedAt.flatMap { Timestamp(rfc3339: $0) })
            // What was not measured yet is not known on disk.
            if let bytes = record.sizeBytes { #expect(bytes == listed.Size, "\(record)") }
            if record.snapshotter == nil { #expect(record.isShared == listed.Shared, "\(record)") }
        }
        // Each has a place: a directory that exists, a layer of the engine, or a snapshot.
        #expect(
            records.allSatisfy { record in
                if let directory = record.directory {
                    return FileManager.default.fileExists(atPath: root + "/" + directory.text)
                }
                return record.snapshotKey != nil || !record.chainIDs.isEmpty
            })
    }
}

/// An engine that gives the answers in a truth file, as if it worked on the unpacked root: its process is this one, which
/// holds the volume database locked as a daemon does.
private final class ReplayedEngine {
    let engine: StubEngine
    private let lock: CInt

    init(_ golden: GoldenRoot, _ root: String) throws {
        let file = URL(fileURLWithPath: "\(golden.folder)/\(golden.name).truth.json")
        let truth = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let recorded = try golden.expectation().dataRoot
        func body(_ value: Any?) throws -> String {
            let data = try JSONSerialization.data(
                withJSONObject: try #require(value), options: [.fragmentsAllowed, .withoutEscapingSlashes])
            return String(decoding: data, as: UTF8.self).replacingOccurrences(of: recorded, with: root)
        }
        var answers = ["GET /version": try body(truth["version"])]
        for (endpoint, key) in [
            ("/info", "info"), ("/images/json?all=1", "images_all"), ("/containers/json?all=1", "containers_all"),
            ("/volumes", "volumes"), ("/plugins", "plugins"),
            ("/system/df?type=build-cache&verbose=1", "system_df_v"),
        ] { answers["GET /v1.55" + endpoint] = try body(truth[key]) }
        for (id, value) in truth["container_inspect"] as? [String: Any] ?? [:] {
            answers["GET /v1.55/containers/\(id)/json"] = try body(value)
        }
        engine = try StubEngine(answers)
        lock = open(root + "/volumes/metadata.db", O_RDONLY)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw CommandFailed(description: "cannot lock") }
    }

    deinit { close(lock) }
}
