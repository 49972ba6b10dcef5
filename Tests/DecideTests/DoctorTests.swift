// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Decide

@Suite("doctor: what is wrong, and how to mend it")
struct DoctorTests {
    private func patient(_ change: (inout Patient) -> Void) -> Patient {
        var settings = HostSettings(file: "/etc/docker/daemon.json")
        settings.daemon = HostSettings.Daemon()
        settings.daemon?.logOptions = ["max-size": "10m"]
        var patient = Patient(root: "/r", items: [], problems: [], catalog: Catalog(), settings: settings)
        change(&patient)
        return patient
    }

    private func codes(_ change: (inout Patient) -> Void) -> [String] { examine(patient(change)).map(\.code) }

    private func container(_ id: String, state: String = "running") -> ContainerRecord {
        ContainerRecord(
            id: id, path: RelativePath("containers/\(id)"), name: "web", imageID: "", imageName: "", driver: "overlay2",
            state: state, created: nil, finished: nil)
    }

    private func log(
        _ id: String, _ driver: String, _ options: [String: String], _ bytes: Int64
    ) -> HostSettings.Log {
        let record = LogRecord(
            driver: driver, options: options, recordedPath: "/r/containers/\(id)/\(id)-json.log",
            folder: RelativePath("containers/\(id)"))
        return HostSettings.Log(container: container(id), record: record, bytes: bytes)
    }

    @Test("a healthy host has no findings")
    func healthy() { #expect(codes { _ in } == []) }

    @Test("the lease of a container that does not exist is named with the call that drops it; one that ends is not")
    func leases() {
        let database = "containerd/daemon/io.containerd.metadata.v1.bolt/meta.db/v1/moby/leases/"
        let id = String(repeating: "4c", count: 32)
        func lease(_ name: String, _ standing: Standing) -> Judged {
            Judged(Item(.lease, [RelativePath(database + name)]), standing, evidence: [])
        }
        let found = examine(patient { $0.items = [lease(id, .reclaimable), lease("420582431-WzJp", .reclaimable)] })
        #expect(found.map(\.code) == ["dead-lease"])
        #expect(found[0].fix.hasPrefix("ctr -n moby leases rm --sync \(id)"))
        #expect(codes { $0.items = [lease(id, .inUse)] } == [])
    }

    @Test("an image with all its layers is well; one without a record, a directory or its parent is not")
    func images() {
        let layer = LayerRecord(
            chainID: "c1", parent: nil, driver: "overlay2", directory: RelativePath("overlay2/d1"), bytes: nil)
        var image = ImageRecord(id: "i1", path: RelativePath("image/overlay2/imagedb/content/sha256/i1"))
        image.tags = ["shop:1"]
        image.chain = ["c1"]
        image.driver = "overlay2"
        let directory = Judged(Item(.layer, [RelativePath("overlay2/d1")]), .inUse, evidence: [])
        func host(_ layers: [LayerRecord], _ items: [Judged]) -> [Diagnosis] {
            examine(
                patient {
                    $0.catalog.images = [image]
                    $0.catalog.layers = layers
                    $0.items = items
                })
        }
        #expect(host([layer], [directory]) == [])
        let start = "the image shop:1 cannot run: the "
        #expect(
            host([], [directory]).map(\.says)
                == [start + "record of its layer c1 (image/overlay2/layerdb) is missing"])
        #expect(host([layer], []).map(\.says) == [start + "directory of its layer, overlay2/d1, is missing"])
        #expect(host([layer], []).first?.fix.contains("docker image rm shop:1") == true)
        // A record of another driver is another layer.
        var other = layer
        other.driver = "vfs"
        #expect(host([other], [directory]).map(\.code) == ["broken-image"])
        #expect(
            codes {
                $0.catalog.images = [ImageRecord(id: "i2", path: RelativePath("graph/i2"))]
                $0.catalog.images[0].parent = "gone"
            } == ["broken-image"])
    }

    @Test("records that cannot be used, and dead containers, come first")
    func damage() {
        let found = examine(
            patient {
                $0.problems = [
                    Problem(path: "containers/c1/config.v2.json", areas: [.volumes], reason: "the file is empty")
                ]
                $0.catalog.containers = [container("c2", state: "dead"), container("c3")]
                $0.settings.daemon?.liveRestore = true
            })
        #expect(found.map(\.code) == ["unreadable-record", "dead-container", "live-restore"])
        // A store that may be hidden is whole: nobody is told to bring it back from a backup.
        let hidden = examine(
            patient { $0.problems = [Problem(path: "x.db", areas: [.storageDrivers], reason: "it may be hidden")] })
        #expect(hidden.map(\.code) == ["hidden-store"] && !hidden[0].fix.contains("backup"))
        #expect(found[0].fix.contains("/r/containers/c1/config.v2.json"))
        #expect(found[1].fix == "docker rm -f web")
    }

    @Test("logs without a limit are told, in the settings and for each container, the largest first")
    func logs() {
        let found = examine(
            patient {
                $0.settings.daemon?.logOptions = [:]
                $0.settings.logs = [
                    log("c1", "json-file", [:], 10), log("c2", "json-file", [:], 5_000_000_000),
                    log("c3", "json-file", ["max-size": "1m"], 9), log("c4", "local", [:], 0),
                    log("c5", "journald", [:], 0), log("c6", "json-file", [:], 20), log("c7", "json-file", [:], 5),
                    log("c8", "json-file", [:], 1),
                ]
            })
        #expect(found.map(\.code) == ["no-log-cap", "container-log-uncapped", "container-log-uncapped"])
        #expect(found.map(\.severity) == [.danger, .danger, .advice])
        #expect(found[1].subject == "containers/c2")
        #expect(found[2].says.hasPrefix("4 logs have no limit: ") && found[2].says.hasSuffix(" and 1 more"))
        #expect(codes { $0.settings.daemon?.logOptions = ["max-size": "-1"] } == ["no-log-cap"])
        #expect(
            codes {
                $0.settings.daemon?.logDriver = "journald"; $0.settings.daemon?.logOptions = [:]
            } == [])
    }

    @Test("settings that nobody could read say nothing, good or bad")
    func noSettings() {
        #expect(
            codes {
                $0.settings.daemon = nil
                $0.catalog.caches = [
                    CacheRecord(
                        id: "x", directory: nil, description: "", recordType: "", created: nil, lastUsed: nil,
                        sizeBytes: nil, parents: [])
                ]
            } == [])
    }

    @Test("a build cache needs a ceiling, and a collector that is not switched off")
    func cache() {
        let record = CacheRecord(
            id: "x", directory: nil, description: "", recordType: "", created: nil, lastUsed: nil, sizeBytes: nil,
            parents: [])
        #expect(codes { $0.catalog.caches = [record] } == ["no-cache-ceiling"])
        #expect(
            codes {
                $0.catalog.caches = [record]; $0.settings.daemon?.limitsCache = true
            } == [])
        #expect(
            codes {
                $0.catalog.caches = [record]
                $0.settings.daemon?.limitsCache = true
                $0.settings.daemon?.collectsCache = false
            } == ["no-cache-ceiling"])
    }

    @Test(
        "engines with known bugs are told with the report of each",
        arguments: [
            ("19.03.15", "graphdriver", ["engine-volume-prune"]), ("20.10.18", "graphdriver", ["engine-volume-prune"]),
            ("20.10.24+dfsg1", "graphdriver", ["engine-volume-count"]), ("20.10.27", "graphdriver", []),
            ("28.5.2", "containerd", ["engine-prune-breaks-pull"]),
            ("29.7.0", "containerd", ["engine-prune-breaks-pull", "engine-prune-filter"]), ("dev", "graphdriver", []),
        ] as [(String, String, [String])])
    func engines(version: String, store: String, expected: [String]) {
        let found = examine(
            patient {
                $0.engineVersion = version
                $0.imageStore = store
            })
        #expect(found.map(\.code) == expected)
        #expect(found.allSatisfy { $0.source.hasPrefix("https://github.com/moby/moby/issues/") })
    }

    @Test("two disks are told, and are dangerous where images are containerd's")
    func disks() {
        let found = examine(
            patient {
                $0.settings.otherDisk = "/var/lib/containerd"; $0.imageStore = "containerd"
            })
        #expect(found.first?.code == "two-disks" && found.first?.severity == .danger)
    }
}
