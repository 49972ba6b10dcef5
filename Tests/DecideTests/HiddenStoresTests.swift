// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

@Suite("Hidden stores")
struct HiddenStoresTests {
    private let layer = RelativePath("overlay2/a")
    private let stray = RelativePath("overlay2/b")
    private let container = RelativePath("containers/c1")
    private let shown = RelativePath("containers/c2")
    private let volume = RelativePath("volumes/v1")
    private let shared = RelativePath("volumes/v2")
    private let idle = RelativePath("volumes/v3")

    /// An overlay2 store with an image and a container, the containerd store with an image of the same name, and the
    /// container that the engine shows.
    private func findings() -> Findings {
        var findings = Findings()
        for path in [layer, stray] { findings.add(Item(.layer, [path])) }
        for path in [container, shown] { findings.add(Item(.containerLeftover, [path])) }
        for path in [volume, shared, idle] { findings.add(Item(.namedVolume, [path])) }
        findings.add(Item(.metadata, [RelativePath("overlay2/l")]))
        findings.claim(RelativePath("overlay2/l"), by: .layout, source: "overlay2")
        addContainer(container, "old", "overlay2", [volume, shared], &findings)
        addContainer(shown, "new", "overlayfs", [shared], &findings)
        findings.claim(layer, by: .item(container), source: "image/overlay2/layerdb/mounts/c1")
        findings.claim(idle, by: .engine("volume database"), .knows, source: "volumes/metadata.db")
        findings.catalog.images = [
            image("1", "image/overlay2/imagedb/content/sha256/1", "overlay2", ["app:1"], chain: ["x", "y"]),
            image("2", "image/overlay2/imagedb/content/sha256/2", "overlay2", ["app:2"], chain: ["z"]),
            image("3", "image/overlay2/imagedb/content/sha256/3", "overlay2", [], chain: []),
            image("4", "containerd/daemon/blobs/4", "overlayfs", ["other:1"], chain: ["x", "y"]),
        ]
        return findings
    }

    private func addContainer(
        _ path: RelativePath, _ name: String, _ driver: String, _ volumes: [RelativePath], _ findings: inout Findings
    ) {
        let id = String(path.name)
        var record = ContainerRecord(
            id: id, path: path, name: name, imageID: "1", imageName: "app:1", driver: driver, state: "exited (0)",
            created: nil, finished: nil)
        record.volumes = volumes
        findings.catalog.containers.append(record)
        findings.claim(path, by: .container(id: id, name: name), as: .container, source: "\(path)/config.v2.json")
        for volume in volumes { findings.claim(volume, by: .item(path), source: "\(path)/config.v2.json") }
    }

    private func image(
        _ id: String, _ path: String, _ driver: String, _ tags: [String], chain: [String]
    ) -> ImageRecord {
        var image = ImageRecord(id: id, path: RelativePath(path))
        image.driver = driver
        image.tags = tags
        image.chain = chain
        return image
    }

    private func circumstances(_ active: String?, _ findings: Findings) -> Circumstances {
        let now = Timestamp(seconds: 1_000_000)
        return Circumstances(
            now: now, graceSeconds: 0, engine: active == nil ? .stopped : .running, activeDriver: active,
            changed: findings.items.mapValues { _ in Timestamp(seconds: 1) })
    }

    private func judged(_ active: String?, _ findings: Findings) -> [RelativePath: Judged] {
        let judged = classify(findings, Reach(findings), circumstances(active, findings))
        return Dictionary(uniqueKeysWithValues: judged.map { ($0.item.path, $0) })
    }

    @Test("a store of which only a container's mount record is left is one all the same")
    func mountRecordAlone() {
        var findings = Findings()
        findings.catalog.images = [image("1", "image/vfs/imagedb/content/sha256/1", "vfs", ["app:1"], chain: [])]
        #expect(HiddenStores(findings, circumstances(nil, findings)).stores.isEmpty)
        findings.add(Item(.mountRecord, [RelativePath("image/overlay/layerdb/mounts/c1")]))
        #expect(HiddenStores(findings, circumstances(nil, findings)).stores.map(\.name.text) == ["overlay", "vfs"])
    }

    /// The engine lists the container that it shows, and an image.
    private func answered(_ findings: Findings) -> Findings {
        var findings = findings
        findings.claim(
            shown, by: .container(id: "c2", name: "new"), as: .container, source: "/containers/json?all=1")
        findings.claim(RelativePath("containerd/daemon/blobs/5"), by: .tag("app:2"), source: "/images/json?all=1")
        return findings
    }

    @Test("in a store that the engine does not use, what is claimed is in use and hidden, the rest unknown")
    func certain() {
        let findings = answered(findings())
        let judged = judged("containerd", findings)
        for path in [layer, container, RelativePath("overlay2/l")] {
            #expect(judged[path]?.standing == .inUse)
            #expect(judged[path]?.evidence.first?.says == .hidden)
            #expect(judged[path]?.hidden == HiddenStore.Name("overlay2", isCertain: true))
        }
        #expect(judged[stray]?.standing == .unknown && judged[stray]?.hidden?.text == "overlay2")
        #expect(judged[shown]?.hidden == nil && judged[shown]?.evidence.first?.says == .claimed)
    }

    @Test("the store is described: its setting, images, containers, twins and volumes, with the comparison")
    func description() throws {
        let findings = answered(findings())
        let stores = HiddenStores(findings, circumstances("containerd", findings)).stores
        let store = try #require(stores.first)
        #expect(stores.count == 1)
        #expect(store.setting == .containerdSnapshotter && store.instead == "the containerd image store")
        #expect(store.images == ["app:1", "app:2", "3"])
        #expect(store.containers == ["old"])
        #expect(store.twins == [.init("app:1", by: .layers), .init("app:2", by: .name)])
        #expect(store.volumes == [volume])
    }

    @Test("a volume that only hidden containers use says so, and one that others use does not")
    func volumes() {
        let judged = judged("containerd", answered(findings()))
        #expect(judged[volume]?.standing == .inUse && judged[volume]?.evidence.first?.says == .hidden)
        #expect(
            judged[shared]?.standing == .inUse && judged[shared]?.evidence.allSatisfy { $0.says == .claimed } == true)
        // Volumes are the same for both stores.
        #expect(judged[volume]?.hidden == nil)
        #expect(judged[idle]?.standing == .reclaimable)
    }

    @Test("another storage driver hides by its own setting; the active one is judged as ever")
    func otherDriver() throws {
        var findings = answered(findings())
        findings.catalog.images.removeAll { $0.driver == "overlayfs" }
        let hidden = HiddenStores(findings, circumstances("vfs", findings)).stores
        #expect(hidden.map(\.name.text) == ["overlay2"] && hidden.first?.setting == .storageDriver)
        #expect(judged("vfs", findings)[stray]?.standing == .unknown)
        let active = judged("overlay2", findings)
        #expect(active[stray]?.standing == .orphan && active[layer]?.hidden == nil)
    }

    @Test("an engine with a storage driver hides containerd's store")
    func hiddenContainerd() throws {
        let findings = answered(findings())
        let stores = HiddenStores(findings, circumstances("overlay2", findings)).stores
        #expect(stores.map(\.name.text) == ["containerd"] && stores.first?.setting == .containerdSnapshotter)
        #expect(stores.first?.images == ["other:1"])
    }

    @Test("while no engine says which store it uses, each of several may be hidden, and nothing in them is an orphan")
    func uncertain() throws {
        let findings = findings()
        let judged = judged(nil, findings)
        #expect(judged[layer]?.standing == .inUse && judged[layer]?.evidence.first?.says == .claimed)
        #expect(judged[stray]?.standing == .unknown)
        #expect(judged[stray]?.hidden == HiddenStore.Name("overlay2", isCertain: false))
        // Of one store alone nobody has to say anything.
        var alone = findings
        alone.catalog.images.removeAll { $0.driver == "overlayfs" }
        #expect(self.judged(nil, alone)[stray]?.standing == .orphan)
        // A second one that cannot be read is one all the same.
        alone.problem("image/vfs/layerdb", hides: [.driver("vfs")], because: "permission denied")
        #expect(self.judged(nil, alone)[stray]?.standing == .unknown)
        // As are the traces of containerd's.
        alone.problems = [Problem(path: "rootfs", areas: [.storageDrivers], reason: "used")]
        #expect(self.judged(nil, alone)[stray]?.standing == .unknown)
        #expect(self.judged("overlay2", alone)[stray]?.standing == .orphan)
    }

    @Test("a root around that of remapped users is hidden as a whole, or may be")
    func remapped() throws {
        let findings = findings()
        var circumstances = circumstances(nil, findings)
        circumstances.remapped = ["100000.100000"]
        for (active, says) in [(nil, Evidence.Saying.claimed), ("/d/100000.100000", .hidden)] {
            circumstances.activeRemapped = active
            let judged = classify(findings, Reach(findings), circumstances)
            #expect(!judged.contains { $0.standing == .orphan || $0.standing == .reclaimable })
            #expect(judged.first { $0.item.path == layer }?.evidence.first?.says == says)
            #expect(judged.first { $0.item.path == idle }?.standing == .unknown)
        }
        // An engine that works on the outer root hides the inner one.
        var around = findings
        let inner = RelativePath("100000.100000")
        around.add(Item(.otherDriver, [inner]))
        circumstances = self.circumstances("overlay2", around)
        circumstances.remapped = ["100000.100000"]
        let entry = classify(around, Reach(around), circumstances).first { $0.item.path == inner }
        #expect(entry?.standing == .unknown && entry?.hidden?.text == "100000.100000")
        #expect(HiddenStores(around, circumstances).stores.map(\.setting).contains(.usernsRemap))
    }

    @Test("hiding never makes an orphan", arguments: 0..<200 as Range<UInt64>)
    func neverMore(seed: UInt64) {
        var random = SplitMix(state: seed)
        let findings = Findings.random(using: &random)
        let shown = judged(nil, findings)
        for active in ["overlay2", "vfs", "containerd", "btrfs"] {
            for (path, entry) in judged(active, findings)
            where entry.standing == .orphan || entry.standing == .reclaimable {
                #expect(shown[path]?.standing == entry.standing || shown[path]?.standing == .orphan, "seed \(seed)")
            }
        }
    }
}
