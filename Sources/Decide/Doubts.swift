// SPDX-License-Identifier: Apache-2.0

package import Model

/// The problems of an observation, arranged by what they cast doubt on.
struct Doubts {
    private var byArea: [Area: [Problem]] = [:]
    /// Items for which a single problem was reported, and directories of items.
    private var below: [RelativePath: [Evidence]] = [:]

    /// - Parameter storeIsKnown: an engine says which store it uses, so that no other may be the active one.
    init(_ problems: [Problem], _ reach: Reach, storeIsKnown: Bool) {
        for problem in problems {
            for area in problem.areas where !(storeIsKnown && area == .storageDrivers) {
                if case .item(let path) = area {
                    below[path, default: []].append(Self.evidence(problem))
                } else {
                    byArea[area, default: []].append(problem)
                }
            }
        }
        // Whoever mounts a directory of volumes may use any of them (a mount of the whole root is a monitoring agent's).
        for claim in reach.claimsAbove where claim.force == .needs && claim.target != .root && claim.claimant != .layout
        {
            below[claim.target, default: []].append(
                Evidence(
                    .problem, by: "\(claim.claimant.description) mounts all of \(claim.target)", source: claim.source))
        }
    }

    func about(_ item: Item) -> [Evidence] {
        if byArea.isEmpty, below.isEmpty { return [] }
        var evidence = item.areas.flatMap { byArea[$0] ?? [] }.prefix(5).map(Self.evidence)
        guard !below.isEmpty else { return evidence }
        for path in item.paths {
            var current: RelativePath? = path
            while let place = current {
                evidence += below[place] ?? []
                current = place.parent
            }
        }
        return evidence
    }

    private static func evidence(_ problem: Problem) -> Evidence {
        Evidence(.problem, by: problem.reason, source: problem.path)
    }
}

extension Item {
    /// Areas in which an unreadable record may have claimed the item.
    var areas: [Area] {
        let own: [Area] =
            switch thing {
            case .layer, .initLayer, .removingLayer, .buildCache, .danglingLink, .layerRecord:
                [.layers, .storageDrivers]
            case .rwLayer, .mountRecord: [.layers, .containers, .storageDrivers]
            case .image: [.images, .storageDrivers]
            case .container, .containerLeftover, .log: [.containers, .storageDrivers]
            case .anonymousVolume, .namedVolume, .bindRecord: [.volumes]
            case .scratch, .buildScratch: [.scratch] + (driver == nil ? [] : [.storageDrivers])
            case .plugin, .removingPlugin: [.plugins]
            case .snapshot, .blob, .ingest, .lease: [.containerd]
            case .metadata, .otherDriver, .foreign: []
            }
        // With driver vfs, what lies alone in `vfs/dir` may be a layer whose record is the one that cannot be read.
        let perhaps: [Area] =
            thing.isVolume && path.text.hasPrefix("vfs/dir/") && paths.count == 1 ? [.layers, .driver("vfs")] : []
        // What a transaction left among a driver's records is none of its layers.
        let holder = thing == .scratch ? nil : driver
        return [.everything] + own + perhaps + (holder.map { [.driver($0)] } ?? [])
    }

    /// The storage driver whose data or records it is part of.
    package var driver: String? {
        let components = path.text.split(separator: "/", maxSplits: 2)
        guard let first = components.first else { return nil }
        if first == "image", components.count > 2 { return String(components[1]) }
        // Up to 1.6 volumes lie below `vfs`, whatever the driver.
        if first == "vfs", thing.isVolume { return nil }
        return StorageDriver(rawValue: String(first)) != nil && components.count > 1 ? String(first) : nil
    }
}
