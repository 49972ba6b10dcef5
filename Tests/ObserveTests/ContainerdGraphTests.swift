// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

/// A containerd's root written for a test: `meta.db`, a snapshotter's `metadata.db`, and what they are about.
struct ContainerdRoot {
    typealias Value = BoltImage.Value
    static let daemon = "containerd/daemon/"
    static let snapshots = daemon + "io.containerd.snapshotter.v1.overlayfs/snapshots/"
    static let blobs = daemon + "io.containerd.content.v1.content/blobs/sha256/"
    static let ingests = daemon + "io.containerd.content.v1.content/ingest/"
    static let meta = daemon + "io.containerd.metadata.v1.bolt/meta.db"
    static let metadata = daemon + "io.containerd.snapshotter.v1.overlayfs/metadata.db"

    let directory: TemporaryDirectory
    /// By namespace, kind and name.
    var namespaces: [String: [String: Value]] = [:]
    /// The snapshotter's own list.
    var listed: [String: Value] = [:]

    init() throws { directory = try TemporaryDirectory("containerd") }

    static func digest(_ letter: Character) -> String { "sha256:" + String(repeating: letter, count: 64) }
    static func blob(_ letter: Character) -> RelativePath { RelativePath(blobs + String(repeating: letter, count: 64)) }
    static func snapshot(_ number: Int) -> RelativePath { RelativePath(snapshots + String(number)) }
    static func lease(_ id: String, _ namespace: String = "moby") -> RelativePath {
        RelativePath("\(meta)/v1/\(namespace)/leases/\(id)")
    }

    static func labels(_ labels: [String: String]) -> Value { .bucket(labels.mapValues { .text($0) }) }

    /// Snapshot `key` in directory `number`, recorded in both databases.
    func snapshot(_ key: String, _ number: Int, parent: String = "", _ labels: [String: String] = [:]) throws -> (
        record: [String: Value], listed: (String, Value)
    ) {
        try directory.makeDirectory(Self.snapshots + "\(number)/fs")
        let name = "moby/\(number)/\(key)"
        var record: [String: Value] = ["name": .text(name), "labels": Self.labels(labels)]
        if !parent.isEmpty { record["parent"] = .text(parent) }
        let own: Value = .bucket(["id": .bytes([UInt8(number)]), "kind": .bytes([3]), "size": .bytes([8])])
        return ([key: .bucket(record)], (name, own))
    }

    func write() throws {
        var image = BoltImage(storesFreelist: false)
        let content = namespaces.mapValues { Value.bucket($0) }
        try image.write(
            ["v1": .bucket(content.merging(["version": .bytes([8])]) { a, _ in a })], to: Self.meta, in: directory)
        try image.write(["v1": .bucket(["snapshots": .bucket(listed)])], to: Self.metadata, in: directory)
    }

    func findings(now: Timestamp? = nil) throws -> Findings {
        observe(try directory.open(), at: directory.path, now: now)
    }

    func standings(now: Timestamp? = nil) throws -> [RelativePath: Judged] {
        let findings = try findings(now: now)
        let circumstances = Circumstances(
            now: now ?? Timestamp(seconds: 2_000_000_000), graceSeconds: 0, engine: .stopped)
        let judged = classify(findings, Reach(findings), circumstances)
        return Dictionary(judged.map { ($0.item.path, $0) }) { first, _ in first }
    }
}

@Suite struct ContainerdGraphTests {
    typealias Root = ContainerdRoot
    static let container = String(repeating: "c", count: 64)
    static let noon = Timestamp(seconds: 1_764_072_000)

    /// An image on two snapshots, one blob that nobody needs, two leases of containers, one of which is gone.
    static func root() throws -> Root {
        var root = try Root()
        var snapshots: [String: Root.Value] = [:]
        let made = [
            try root.snapshot("sha256:base", 1), try root.snapshot("sha256:top", 2, parent: "sha256:base"),
            try root.snapshot(container + "-init", 3, parent: "sha256:top"),
            try root.snapshot(container, 4, parent: container + "-init"), try root.snapshot("extract-1 x", 5),
        ]
        for one in made {
            snapshots.merge(one.record) { a, _ in a }
            root.listed[one.listed.0] = one.listed.1
        }
        for letter: Character in ["a", "b", "d"] { try root.directory.write(Root.blob(letter).text, "{}") }
        try root.directory.write(
            "containers/\(container)/config.v2.json", #"{"ID": "\#(container)", "Name": "/web", "Driver": "overlayfs"}"#
        )
        root.namespaces["moby"] = [
            "images": .bucket(["docker.io/library/app:1": image("a")]),
            "content": .bucket([
                "blob": .bucket([
                    Root.digest("a"): .bucket([
                        "labels": Root.labels(["containerd.io/gc.ref.content.config": Root.digest("b")])
                    ]),
                    Root.digest("b"): .bucket([
                        "labels": Root.labels(["containerd.io/gc.ref.snapshot.overlayfs": "sha256:top"])
                    ]),
                    Root.digest("d"): .bucket([:]),
                ])
            ]),
            "snapshots": .bucket(["overlayfs": .bucket(snapshots)]),
            "leases": .bucket([
                container: lease(["overlayfs": [container, container + "-init"]]),
                String(repeating: "e", count: 64): lease(["overlayfs": ["extract-1 x"]]),
            ]),
        ]
        return root
    }

    static func image(_ letter: Character) -> Root.Value {
        .bucket(["target": .bucket(["digest": .text(Root.digest(letter))])])
    }

    static func lease(_ snapshots: [String: [String]], expires: String? = nil) -> Root.Value {
        let named = snapshots.mapValues { keys in
            Root.Value.bucket(Dictionary(uniqueKeysWithValues: keys.map { ($0, .text("")) }))
        }
        return .bucket([
            "createdat": .bytes(time), "snapshots": .bucket(named),
            "labels": Root.labels(expires.map { ["containerd.io/gc.expire": $0] } ?? [:]),
        ])
    }

    /// 2025-11-24T12:00:00Z as Go marshals it.
    static let time: [UInt8] = {
        let seconds = UInt64(1_763_985_600 + 62_135_596_800)
        return [1] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: seconds >> (8 * UInt64($0))) } + [
            0, 0, 0, 0, 0xFF, 0xFF,
        ]
    }()

    @Test("an image keeps its content and its snapshots, and nothing else does")
    func image() throws {
        let root = try Self.root()
        try root.write()
        let found = try root.standings()
        for path in [Root.blob("a"), Root.blob("b"), Root.snapshot(1), Root.snapshot(2)] {
            #expect(found[path]?.standing == .inUse, "\(path)")
        }
        #expect(found[Root.blob("d")]?.standing == .reclaimable)
        let findings = try root.findings()
        let chain = Reach(findings).chain(to: Root.snapshot(1))
        #expect(chain.first?.claimant == .tag("app:1"))
        #expect(chain.map(\.target) == [Root.blob("a"), Root.blob("b"), Root.snapshot(2), Root.snapshot(1)])
    }

    @Test("a container keeps its lease; the lease of one that is gone is reclaimable, but holds what it names")
    func leases() throws {
        let root = try Self.root()
        try root.write()
        let found = try root.standings()
        #expect(found[Root.lease(Self.container)]?.standing == .inUse)
        #expect(found[Root.snapshot(3)]?.standing == .inUse && found[Root.snapshot(4)]?.standing == .inUse)
        let left = try #require(found[Root.lease(String(repeating: "e", count: 64))])
        #expect(left.standing == .reclaimable)
        #expect(left.evidence.contains { $0.by.contains("does not exist") })
        #expect(found[Root.snapshot(5)]?.standing == .inUse)
        #expect(found[Root.snapshot(5)]?.evidence.contains { $0.by.contains("of a container that is gone") } ?? false)
    }

    @Test("a container that cannot be seen leaves its lease unknown")
    func hiddenContainers() throws {
        let root = try Self.root()
        try root.write()
        try FileManager.default.removeItem(atPath: root.directory.path + "/containers")
        try root.directory.write("containers", "no directory")
        let found = try root.standings()
        #expect(found[Root.lease(Self.container)]?.standing == .unknown)
        #expect(found[Root.blob("d")]?.standing == .unknown)
    }

    @Test("a lease holds until it expires; a time that is none, or before it was made, never ends it")
    func expiry() throws {
        for (text, isOver) in [
            ("2025-11-25T11:59:59Z", true), ("2025-11-25T12:00:01Z", false), ("soon", false),
            ("2020-01-01T00:00:00Z", false),
        ] {
            var root = try Self.root()
            let record = try root.snapshot("k", 6)
            root.listed[record.listed.0] = record.listed.1
            root.namespaces["moby"]?["snapshots"] = .bucket(["overlayfs": .bucket(record.record)])
            root.namespaces["moby"]?["leases"] = .bucket(["1-abcd": Self.lease(["overlayfs": ["k"]], expires: text)])
            try root.write()
            let found = try root.standings(now: Self.noon)
            #expect(found[Root.snapshot(6)]?.standing == (isOver ? .reclaimable : .inUse), "\(text)")
            #expect(found[Root.lease("1-abcd")]?.standing == (isOver ? .reclaimable : .inUse), "\(text)")
            #expect(try root.standings(now: nil)[Root.snapshot(6)]?.standing == .inUse)
        }
    }

    @Test("what another namespace has a record of, and all else in its store, is in use")
    func foreign() throws {
        var root = try Self.root()
        try root.directory.write(Root.blob("f").text)
        try root.directory.makeDirectory(Root.snapshots + "77/fs")
        root.namespaces["k8s.io"] = ["content": .bucket(["blob": .bucket([Root.digest("f"): .bucket([:])])])]
        try root.write()
        let found = try root.standings()
        #expect(found[Root.blob("f")]?.standing == .inUse)
        #expect(found[Root.snapshot(77)]?.standing == .inUse)
        #expect(found[Root.blob("d")]?.standing == .reclaimable)
    }

    @Test("what no record names is an orphan, and never moves")
    func unrecorded() throws {
        let root = try Self.root()
        try root.directory.write(Root.blob("f").text)
        try root.directory.makeDirectory(Root.snapshots + "new-123")
        try root.write()
        let found = try root.standings()
        for path in [Root.blob("f"), RelativePath(Root.snapshots + "new-123")] {
            let judged = try #require(found[path])
            #expect(judged.standing == .orphan && !Rule.mayBeQuarantined(judged.item.thing))
        }
    }

    @Test("an upload is in use while a lease holds it or containerd waits for it, by the name it has in itself")
    func ingest() throws {
        var root = try Self.root()
        for name in ["one", "two", "three", "four"] {
            try root.directory.write(Root.ingests + name + "/ref", "moby/1/" + name)
            try root.directory.write(Root.ingests + name + "/data", "x")
        }
        try root.directory.makeDirectory(Root.ingests + "five")
        func upload(_ name: String, _ more: [String: Root.Value] = [:]) -> Root.Value {
            .bucket(more.merging(["ref": .text("moby/1/" + name)]) { a, _ in a })
        }
        root.namespaces["moby"]?["content"] = .bucket([
            "ingests": .bucket([
                "r1": upload("one"), "r2": upload("two", ["expireat": .bytes(Self.time)]), "r3": upload("three"),
            ])
        ])
        root.namespaces["moby"]?["images"] = .bucket([:])
        root.namespaces["moby"]?["leases"] = .bucket(["x": .bucket(["ingests": .bucket(["r1": .text("")])])])
        try root.write()
        let early = try root.standings(now: Timestamp(seconds: 1_763_985_599))
        let late = try root.standings(now: Self.noon)
        func standing(_ name: String, _ of: [RelativePath: Judged]) -> Standing? {
            of[RelativePath(Root.ingests + name)]?.standing
        }
        #expect(
            standing("one", late) == .inUse && standing("two", late) == .orphan && standing("three", late) == .orphan)
        #expect(standing("two", early) == .inUse)
        #expect(standing("four", late) == .orphan && standing("five", late) == .orphan)
        // A name that was cut off may be any that has no directory now.
        try root.directory.write(Root.ingests + "one/ref", "moby/1/on")
        let cut = try root.standings(now: Self.noon)
        #expect(standing("one", cut) == .unknown && standing("four", cut) == .unknown)
        #expect(standing("three", cut) == .orphan)
    }

    @Test("a record without its data, a strange one, or a lost list casts doubt on all of the store")
    func damage() throws {
        func unknown(_ change: (inout Root) throws -> Void) throws -> Bool {
            var root = try Self.root()
            try root.directory.write(Root.blob("f").text)
            try change(&root)
            let found = try root.standings()
            return found[Root.blob("f")]?.standing == .unknown && found[Root.blob("d")]?.standing != .orphan
        }
        #expect(try !unknown { try $0.write() })
        #expect(
            try unknown { root in
                root.namespaces["moby"]?["leasez"] = .bucket([:])
                try root.write()
            })
        #expect(
            try unknown { root in
                try root.write()
                try FileManager.default.removeItem(atPath: root.directory.path + "/" + Root.blob("d").text)
            })
        #expect(
            try unknown { root in
                root.namespaces["moby"]?["content"] = .bucket(["blob": .bucket(["sha256:zz": .bucket([:])])])
                try root.write()
            })
        #expect(
            try unknown { root in
                try root.write()
                try FileManager.default.removeItem(atPath: root.directory.path + "/" + Root.meta)
            })
        var root = try Self.root()
        root.listed = ["a": .text("x")]
        try root.write()
        #expect(try root.findings().problems.contains { $0.areas.contains(.item(RelativePath(Root.metadata).parent!)) })
    }

    @Test("back references, roots by label and images of an image are followed, too")
    func labels() throws {
        var root = try Self.root()
        for letter: Character in ["1", "2", "3"] { try root.directory.write(Root.blob(letter).text) }
        root.namespaces["moby"]?["content"] = .bucket([
            "blob": .bucket([
                Root.digest("a"): .bucket([:]),
                Root.digest("1"): .bucket(["labels": Root.labels(["containerd.io/gc.bref.content.x": Root.digest("a")])]
                ),
                Root.digest("2"): .bucket(["labels": Root.labels(["containerd.io/gc.root": "now"])]),
                Root.digest("3"): .bucket([
                    "labels": Root.labels(["containerd.io/gc.bref.image": "docker.io/library/app:1"])
                ]),
            ])
        ])
        try root.directory.makeDirectory("containers")
        try root.write()
        let found = try root.standings()
        for letter: Character in ["a", "1", "2", "3"] {
            #expect(found[Root.blob(letter)]?.standing == .inUse, "\(letter)")
        }
    }

    @Test("numbers and times are read as Go writes them")
    func goValues() {
        #expect(GoValue.uvarint([0x96, 0x01]) == 150 && GoValue.varint([0x03]) == -2)
        #expect(GoValue.varint([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == .min)
        for bytes: ArraySlice<UInt8> in [
            [], [0x80], [1, 1], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02],
        ] {
            #expect(GoValue.uvarint(bytes) == nil)
        }
        #expect(GoValue.time(Self.time[...])?.rfc3339.hasPrefix("2025-11-24T12:00:00") ?? false)
        for bytes: [UInt8] in [[], [1], [3] + Self.time.dropFirst(), Array(repeating: 0xFF, count: 15)] {
            #expect(GoValue.time(bytes[...]) == nil)
        }
    }
}
