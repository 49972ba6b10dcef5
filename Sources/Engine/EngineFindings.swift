// SPDX-License-Identifier: Apache-2.0

package import Model

/// What an engine's answer adds to what was found on disk: claims, and problems where it did not answer.
///
/// The engine can only keep things: whatever it names is claimed, and what it did not say becomes a problem in the area
/// that it could have claimed in. That nobody is there says nothing here; what is allowed then is the caller's to decide.
package func findings(from answer: EngineAnswer) -> Findings {
    switch answer {
    case .answered(let report): return findings(from: report)
    case .nobodyThere: return Findings()
    case .cannotTell(let error):
        var findings = Findings()
        findings.problem(error.endpoint, hides: [.everything], because: error.detail)
        return findings
    }
}

/// The same for the report of an engine that answered.
package func findings(from report: EngineReport) -> Findings {
    var findings = Findings()
    switch report.info {
    case .failure(let error): findings.problem(error, hides: [.everything])
    case .success(let info):
        let mapping = EngineMapping(info: info)
        mapping.driver(into: &findings)
        mapping.images(report.images, report.imageDetails, into: &findings)
        mapping.containers(report.containers, report.containerDetails, into: &findings)
        mapping.volumes(report.volumes, into: &findings)
        if let buildCache = report.buildCache { mapping.buildCache(buildCache, into: &findings) }
        mapping.plugins(report.plugins, into: &findings)
        if let services = report.services { mapping.services(services, report.images, into: &findings) }
    }
    return findings
}

extension Findings {
    /// An endpoint that did not answer.
    fileprivate mutating func problem(_ error: EngineError, hides areas: Set<Area>) {
        problem(error.endpoint, hides: areas, because: error.detail)
    }

    fileprivate mutating func problems(_ errors: [EngineError], hides areas: Set<Area>) {
        for error in errors { problem(error, hides: areas) }
    }
}

/// The mapping for one engine: its root, its driver, its image store.
private struct EngineMapping {
    let info: EngineInfo
    let paths: EnginePaths
    /// `nil` with the containerd image store, whose directories the API does not name.
    let driver: StorageDriver?

    private static let imageAreas: Set<Area> = [.images, .layers]
    private static let containerAreas: Set<Area> = [.containers, .images, .layers, .volumes]

    init(info: EngineInfo) {
        self.info = info
        paths = EnginePaths(root: info.dockerRootDir)
        driver = info.imageStore == .graphdriver ? StorageDriver(rawValue: info.driver) : nil
    }

    func driver(into findings: inout Findings) {
        if info.imageStore == .graphdriver, driver == nil {
            let name = EntryName.escaped(text: info.driver)
            findings.problem("/info", hides: [.layers], because: "the storage driver \(name) is not known")
        }
    }

    func images(
        _ list: Reply<[EngineImage]>, _ details: EngineReport.Details<EngineImageDetail>?,
        into findings: inout Findings
    ) {
        let source = "/images/json?all=1"
        switch list {
        case .failure(let error): findings.problem(error, hides: Self.imageAreas)
        case .success(let images):
            for image in images {
                for path in imagePaths(image.id) {
                    findings.claim(path, by: .engine("image list"), .knows, as: imageThing, source: source)
                    for tag in image.tags {
                        let name = EntryName.escaped(text: tag)
                        findings.claim(path, by: .tag(name), as: imageThing, source: source)
                    }
                }
                // The image is rebuilt and shown by its parents.
                for (path, parent) in zip(imagePaths(image.id), imagePaths(image.parentID)) {
                    findings.claim(parent, by: .item(path), as: imageThing, source: source)
                }
            }
        }
        guard let details else { return }
        findings.problems(details.failures, hides: Self.imageAreas)
        var known: Set<RelativePath> = []
        for image in details.values {
            let endpoint = "/images/\(image.id)/json"
            let named = layers(image.layers, of: endpoint, mayBeAbsent: false, into: &findings).keys
            if let driver, driver.namesAllLayers, image.layerCount.map({ named.count < $0 }) ?? true {
                let count = image.layerCount.map(String.init) ?? "an unknown number of"
                let reason = "it names \(named.count) of \(count) layers"
                findings.problem(endpoint, hides: Self.imageAreas, because: reason)
            }
            for path in named {
                if known.insert(path).inserted {
                    findings.claim(path, by: .engine("image list"), .knows, source: endpoint)
                }
                guard let record = imagePaths(image.id).first else { continue }
                findings.claim(path, by: .item(record), source: endpoint)
            }
        }
    }

    /// What the things at `imagePaths` are taken for: with containerd an image's id is that of a blob.
    private var imageThing: Thing? { info.imageStore == .containerd ? nil : .image }

    /// The records that an image may have: of its own era first, then of the one before, whose ids upgrades may have kept.
    private func imagePaths(_ id: String) -> [RelativePath] {
        guard let hex = EnginePaths.hex(ofImage: id) else { return [] }
        // containerd's own root, unless the engine uses a containerd of the system: then nothing lies there.
        if info.imageStore == .containerd {
            return [RelativePath("containerd/daemon/io.containerd.content.v1.content/blobs/sha256") / hex]
        }
        guard let driver else { return [] }
        return [RelativePath("image/\(driver.rawValue)/imagedb/content/sha256") / hex, RelativePath("graph") / hex]
    }

    func containers(
        _ list: Reply<[EngineContainer]>, _ details: EngineReport.Details<EngineContainerDetail>,
        into findings: inout Findings
    ) {
        switch list {
        case .failure(let error): findings.problem(error, hides: Self.containerAreas)
        case .success(let containers):
            for container in containers {
                let path = RelativePath("containers") / container.id
                findings.claim(path, by: container.claimant, as: .container, source: "/containers/json?all=1")
            }
        }
        findings.problems(details.failures, hides: Self.containerAreas)
        for container in details.values { claims(of: container, into: &findings) }
    }

    private func claims(of container: EngineContainerDetail, into findings: inout Findings) {
        let endpoint = "/containers/\(container.id)/json"
        let claimant = Claimant.container(id: container.id, name: EntryName.escaped(text: container.name))
        findings.claim(RelativePath("containers") / container.id, by: claimant, as: .container, source: endpoint)
        for path in imagePaths(container.imageID) {
            findings.claim(path, by: claimant, as: imageThing, source: endpoint)
        }
        if let driver {
            let record = RelativePath("image/\(driver.rawValue)/layerdb/mounts") / container.id
            findings.claim(record, by: claimant, as: .mountRecord, source: endpoint)
        }
        // A dead container may have lost its layers already; the engine keeps it listed until somebody removes it.
        let isDead = container.state == "dead" || container.state == "removing"
        let layers = layers(container.layers, of: endpoint, mayBeAbsent: isDead, into: &findings)
        for (path, key) in layers {
            let isInit = path.name.utf8.count == 69 && path.name.hasSuffix("-init")
            let thing: Thing? = isInit ? .initLayer : key == "LowerDir" ? nil : .rwLayer
            findings.claim(path, by: claimant, as: thing, source: endpoint)
        }
        if !isDead { checkStorage(of: container, endpoint, into: &findings) }
        for mount in container.mounts { claims(of: mount, by: claimant, endpoint, into: &findings) }
    }

    /// A container has its layers in the storage driver or in containerd. If it is not said where, any of them may be its.
    private func checkStorage(
        of container: EngineContainerDetail, _ endpoint: String, into findings: inout Findings
    ) {
        let reason: String? =
            switch (container.layers, container.snapshotter) {
            case (nil, nil): "it does not say where the container's layers are"
            case (let layers?, _) where driver?.namesItsLayers ?? false && layers.data?["LowerDir"] == nil:
                "it does not name the layers below the container's own"
            case (nil, _?) where info.imageStore == .graphdriver:
                "its layers are in containerd, while the engine uses the storage driver \(info.driver)"
            case (_, _): nil
            }
        if let reason { findings.problem(endpoint, hides: [.layers], because: EntryName.escaped(text: reason)) }
    }

    private func claims(
        of mount: EngineMount, by claimant: Claimant, _ endpoint: String, into findings: inout Findings
    ) {
        if mount.type == "bind", mount.source.isEmpty {
            findings.problem(endpoint, hides: [.volumes, .layers], because: "it does not say what it mounts")
        }
        var named: RelativePath?
        if mount.type == "volume" { named = volumePath(mount.name, endpoint, into: &findings) }
        if let named { findings.claim(named, by: claimant, source: endpoint) }
        // A volume's source is usually its own directory again.
        guard !mount.source.isEmpty, named.map({ paths.place(of: mount.source) != .item($0) }) ?? true else { return }
        claims(ofPath: mount.source, by: claimant, endpoint, into: &findings)
    }

    /// What mounting a directory of the host claims below the root.
    private func claims(
        ofPath path: String, by claimant: Claimant, _ endpoint: String, into findings: inout Findings
    ) {
        switch paths.place(of: path) {
        case .item(let item):
            guard EnginePaths.isExact(path) else {
                findings.problem(endpoint, hides: [.everything], because: "it mounts \(item), whose name is not UTF-8")
                return
            }
            findings.claim(item, by: claimant, source: endpoint)
        case .directoryOfItems(let directory):
            let force: Claim.Force = Self.mayBeUsedUnnamed(directory) ? .needs : .mentions
            findings.claim(directory, by: claimant, force, source: endpoint)
        case .aboveItems: findings.claim(.root, by: claimant, .mentions, source: endpoint)
        case .outside:
            if let item = EnginePaths.lookalike(path) { findings.claim(item, by: claimant, source: endpoint) }
        }
    }

    /// True for directories below which somebody who mounted them whole may be using anything without naming it.
    ///
    /// Not for `containers`, which every log shipper mounts, nor for the engine's own metadata.
    private static func mayBeUsedUnnamed(_ directory: RelativePath) -> Bool {
        guard let first = directory.components.first.map(String.init) else { return false }
        return first == "volumes" || StorageDriver(rawValue: first) != nil
    }

    /// The layers that `GraphDriver` names, each with the first key that names it in an order that puts a container's own
    /// layer before those below.
    private func layers(
        _ layers: EngineLayers?, of endpoint: String, mayBeAbsent: Bool, into findings: inout Findings
    ) -> [RelativePath: String] {
        guard let driver else { return [:] }
        var found: [RelativePath: String] = [:]
        let data = (layers?.data ?? [:]).sorted { $0.key > $1.key }
        for (key, value) in data {
            for path in value.split(separator: ":") where path.hasPrefix("/") {
                if case .item(let layer) = paths.place(of: String(path)), EnginePaths.isExact(String(path)) {
                    found[layer] = found[layer] ?? key
                } else {
                    let shown = EntryName.escaped(text: String(path))
                    findings.problem(endpoint, hides: [.layers], because: "the layer \(shown) is not below the root")
                }
            }
        }
        if found.isEmpty, driver.namesItsLayers, !mayBeAbsent {
            findings.problem(endpoint, hides: [.layers], because: "it names no layers")
        }
        return found
    }

    func volumes(_ list: Reply<EngineVolumes>, into findings: inout Findings) {
        let source = "/volumes"
        switch list {
        case .failure(let error): findings.problem(error, hides: [.volumes])
        case .success(let answer):
            for warning in answer.warnings {
                findings.problem(source, hides: [.volumes], because: EntryName.escaped(text: warning))
            }
            // Volumes of other drivers are not in this root, whatever is called like them here.
            for volume in answer.volumes where volume.driver == "local" {
                guard let path = volumePath(volume.name, source, into: &findings) else { continue }
                findings.claim(path, by: .engine("volume list"), .knows, source: source)
                if let device = volume.options["device"], device.hasPrefix("/") {
                    claims(ofPath: device, by: .item(path), source, into: &findings)
                }
            }
        }
    }

    private func volumePath(_ name: String, _ endpoint: String, into findings: inout Findings) -> RelativePath? {
        guard EnginePaths.isExact(name), EngineClient.segment(name) != nil else {
            let shown = EntryName.escaped(text: name)
            findings.problem(endpoint, hides: [.volumes], because: "no directory can be told from the name \(shown)")
            return nil
        }
        return RelativePath("volumes") / EntryName.escaped(text: name)
    }

    func buildCache(_ list: Reply<[EngineBuildRecord]>, into findings: inout Findings) {
        switch list {
        case .failure(let error): findings.problem(error, hides: [.layers])
        case .success(let records):
            for record in records {
                findings.catalog.caches.append(record.described)
                guard let driver, let path = EnginePaths.layer(record.id, of: driver) else { continue }
                // The directory of a record has the record's id, or another one, which BuildKit's own files tell.
                findings.claim(
                    path, by: .buildCache(EntryName.escaped(text: record.id)), record.isInUse ? .needs : .knows,
                    as: .buildCache, source: "/system/df")
            }
        }
    }

    /// An image that a service runs, or ran before its last update, which is what `docker service rollback` goes back to.
    func services(
        _ list: Reply<[EngineService]>, _ images: Reply<[EngineImage]>, into findings: inout Findings
    ) {
        switch list {
        case .failure(let error): findings.problem(error, hides: [.images])
        case .success(let services):
            // That the images are not listed is a problem of its own.
            guard case .success(let images) = images else { return }
            for service in services {
                let wanted = service.images.map(ImageReference.init)
                for image in images where wanted.contains(where: { $0.means(image) }) {
                    guard let path = imagePaths(image.id).first else { continue }
                    let claimant = Claimant.engine("service \(EntryName.escaped(text: service.name))")
                    findings.claim(path, by: claimant, as: .image, source: "/services")
                }
            }
        }
    }

    func plugins(_ list: Reply<[EnginePlugin]>, into findings: inout Findings) {
        switch list {
        case .failure(let error): findings.problem(error, hides: [.plugins])
        case .success(let plugins):
            for plugin in plugins {
                let claimant = Claimant.engine("plugin \(EntryName.escaped(text: plugin.name))")
                findings.claim(RelativePath("plugins") / plugin.id, by: claimant, as: .plugin, source: "/plugins")
            }
        }
    }
}

extension EngineContainer {
    fileprivate var claimant: Claimant { .container(id: id, name: EntryName.escaped(text: name)) }
}

extension StorageDriver {
    /// True for drivers that name directories in `GraphDriver`. The others answer `null`, or names of devices.
    /// Source: moby `daemon/graphdriver/*`, `GetMetadata`.
    fileprivate var namesItsLayers: Bool {
        switch self {
        case .overlay, .overlay2, .fuseOverlayfs: true
        case .aufs, .btrfs, .devicemapper, .vfs, .zfs: false
        }
    }

    /// True for drivers that name every layer of an image; a layer of overlay holds those below it and names only itself.
    fileprivate var namesAllLayers: Bool { namesItsLayers && self != .overlay }
}

extension EngineBuildRecord {
    fileprivate var described: CacheRecord {
        func printable(_ text: String) -> String { EntryName.escaped(text: text) }
        var record = CacheRecord(
            id: printable(id), directory: nil, description: description, recordType: printable(type),
            created: created.flatMap(Timestamp.init(rfc3339:)), lastUsed: lastUsed.flatMap(Timestamp.init(rfc3339:)),
            sizeBytes: sizeBytes, parents: parents.map(printable))
        record.usageCount = usageCount
        record.isShared = isShared
        record.isInUse = isInUse
        return record
    }
}
