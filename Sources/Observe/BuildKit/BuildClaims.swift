// SPDX-License-Identifier: Apache-2.0

import Model

/// What BuildKit's databases, joined, say about the directories of the storage driver and the layers of the engine.
struct BuildClaims {
    /// Where the drivers keep one entry per id. Of those in several places some may be missing.
    private static let driverFolders: Set<RelativePath> = Set(
        [
            "overlay2", "overlay", "fuse-overlayfs", "vfs/dir", "btrfs/subvolumes", "aufs/diff", "aufs/mnt",
            "aufs/layers", "zfs/graph", "devicemapper/mnt", "devicemapper/metadata",
        ].map { RelativePath($0) })

    /// Bytes of the longest path of an entry with a BuildKit id, of 25 characters.
    private static let longest = driverFolders.reduce(0) { max($0, $1.text.utf8.count) } + 1 + 25

    private(set) var findings = Findings()
    private let snapshots: BuildSnapshots?
    private let records: BuildRecords?
    /// Driver directories that exist, as the items they are, by BuildKit id; several if one id is in several drivers.
    private var directories: [String: [RelativePath]] = [:]
    /// Records of the engine's layers that exist, by chain ID.
    private var layers: [String: [RelativePath]] = [:]

    init(_ snapshots: BuildSnapshots?, _ records: BuildRecords?, among items: Findings) {
        self.snapshots = snapshots
        self.records = records
        for item in items.items.values {
            // Few are that short, and the others need no second look.
            let path = item.path
            guard path.text.utf8.count <= Self.longest, EntryName.isBuildKitID(path.name), let parent = path.parent,
                Self.driverFolders.contains(parent)
            else { continue }
            directories[String(path.name), default: []].append(path)
        }
        for driver in StorageDriver.allCases {
            for path in items.paths(in: LayerDatabase(driver: driver.rawValue).records)
            where EntryName.isHexID(path.name) {
                layers[String(path.name), default: []].append(path)
            }
        }
    }

    /// Some driver has a directory with a BuildKit id.
    var hasDirectories: Bool { !directories.isEmpty }

    mutating func claimSnapshots(_ source: String) {
        guard let snapshots else { return }
        // In the same order at each look: so are the reasons that people read.
        for (key, snapshot) in snapshots.byKey.sorted(by: { $0.key < $1.key }) {
            // A key that is only a second name has no directory of its own; if there is one, it is BuildKit's all the same.
            for name in Set([key, snapshot.committed ?? key]).sorted() { claimDirectory(name, by: key, .knows, source) }
            if let parent = snapshot.parent { claimParent(parent, of: key, source) }
        }
        for (chainID, keys) in snapshots.heldChains.sorted(by: { $0.key < $1.key }) {
            for key in keys.sorted() { claimLayer(chainID, by: key, source) }
        }
    }

    mutating func claimRecords(_ source: String) {
        for (_, record) in (records?.byID ?? [:]).sorted(by: { $0.key < $1.key }) {
            let key = record.snapshot ?? record.id
            for name in Set([key, record.id, directoryName(of: key)]).sorted() {
                claimDirectory(name, by: record.id, .knows, source)
            }
            for chainID in Set([record.chainID, BuildSnapshots.chainID(key)].compactMap(\.self)).sorted() {
                claimLayer(chainID, by: record.id, source)
            }
            // A record that was frozen shares the directory of the one it came from, until that is used again.
            let shared = [key, record.equalMutable].compactMap(\.self).map { directoryName(of: $0) }
            let name = shared.first { directories[$0] != nil } ?? key
            var cache = record.described(
                at: directories[name]?.min(), sizeBytes: snapshots?.byKey[key]?.sizeBytes,
                isCommitted: snapshots?.byKey[name]?.isCommitted ?? false)
            cache.chainIDs.formUnion([snapshots?.byKey[key]?.chainID].compactMap(\.self))
            findings.catalog.caches.append(cache)
        }
    }

    /// A lease holds a layer of the engine, which BuildKit loads for it at start. A directory it only mentions: BuildKit
    /// writes the lease, makes the directory, then records the snapshot, so a killed build leaves a lease and a directory
    /// that nothing can find any more.
    mutating func claim(_ leases: BuildLeases, _ source: String) {
        for (lease, key) in leases.snapshots {
            if let chainID = BuildSnapshots.chainID(key) {
                claimLayer(chainID, by: lease, source)
                continue
            }
            let isRecorded =
                snapshots?.byKey[key] != nil || records?.byID[key] != nil || records?.byID[lease] != nil
            claimDirectory(directoryName(of: key), by: lease, isRecorded ? .knows : .mentions, source)
        }
    }

    /// A snapshot needs the one below it as far as it is needed itself, in the same driver.
    private mutating func claimParent(_ parent: String, of key: String, _ source: String) {
        for directory in directories[key] ?? [] {
            if let chainID = BuildSnapshots.chainID(parent) {
                let driver = directory.components[0]
                for layer in layers[chainID] ?? [] where layer.components[1] == driver {
                    findings.claim(layer, by: .item(directory), source: source)
                }
            } else {
                for below in directories[directoryName(of: parent)] ?? []
                where below.components[0] == directory.components[0] {
                    findings.claim(below, by: .item(directory), source: source)
                }
            }
        }
    }

    private func directoryName(of key: String) -> String { snapshots?.byKey[key]?.committed ?? key }

    /// Where the engine has the same directory as a layer, it is for that record to say what it is; and what is only
    /// mentioned belongs to nobody yet.
    private mutating func claimDirectory(_ name: String, by id: String, _ force: Claim.Force, _ source: String) {
        let isOther = force == .mentions || snapshots?.layerDirectories.contains(name) ?? false
        for path in directories[name] ?? [] {
            findings.claim(path, by: .buildCache(id), force, as: isOther ? nil : .buildCache, source: source)
        }
    }

    private mutating func claimLayer(_ chainID: String, by id: String, _ source: String) {
        for path in layers[chainID] ?? [] { findings.claim(path, by: .buildCache(id), .knows, source: source) }
    }
}
