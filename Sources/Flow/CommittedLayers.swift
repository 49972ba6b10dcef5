// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
import Model

/// Which items are layers that never change, and who they are.
struct CommittedLayers {
    private let root: Directory
    private let directories: Set<RelativePath>
    /// Directories that hold an item of their own.
    private let parents: Set<RelativePath>
    /// What changed later may change again within one tick of the clock, and nobody would see it.
    private let settledBefore: Timestamp

    /// A layer that was written less than so long ago is measured each time.
    private static let settlingSeconds: Int64 = 2
    /// Drivers whose layers share no file with each other: `overlay` links the files of the layer below into the next.
    private static let folders = ["overlay2/", "fuse-overlayfs/", "aufs/", "vfs/"]

    private static func mayBeCommitted(_ thing: Thing) -> Bool {
        switch thing {
        case .layer, .buildCache: true
        case .initLayer, .rwLayer, .removingLayer, .buildScratch, .danglingLink, .image, .layerRecord, .mountRecord,
            .container, .containerLeftover, .log, .anonymousVolume, .namedVolume, .bindRecord, .scratch, .plugin,
            .removingPlugin, .snapshot, .blob, .ingest, .lease, .metadata, .otherDriver, .foreign:
            false
        }
    }

    init(_ survey: Survey, nested: Set<RelativePath>) {
        root = survey.directory
        let catalog = survey.catalog
        var recorded = Set(catalog.layers.compactMap(\.directory))
        for cache in catalog.caches where cache.isCommitted { if let path = cache.directory { recorded.insert(path) } }
        let images = Set(catalog.images.compactMap { $0.driver == nil ? $0.id : nil })
        var directories: Set<RelativePath> = []
        for entry in survey.items where entry.standing == .inUse || entry.standing == .reclaimable {
            let path = entry.item.path
            guard Self.mayBeCommitted(entry.item.thing), Self.folders.contains(where: path.text.hasPrefix) else {
                continue
            }
            let isImage = entry.item.thing == .layer && !images.isEmpty && images.contains(entry.item.id)
            if isImage || recorded.contains(path) { directories.insert(path) }
        }
        self.directories = directories
        var parents: Set<RelativePath> = []
        for path in nested {
            var parent = path.parent
            while let directory = parent, !directory.text.isEmpty, parents.insert(directory).inserted {
                parent = directory.parent
            }
        }
        self.parents = parents
        settledBefore = Timestamp(seconds: survey.remembering.now.seconds - Self.settlingSeconds)
    }

    /// Returns the marks of each item that may be remembered, by its index.
    func marks(of items: [Item]) -> [Int: String] {
        let chosen = items.indices.filter { index in
            let item = items[index]
            return directories.contains(item.path) && !item.paths.contains(where: parents.contains)
        }
        let statuses = statuses(of: Set(chosen.flatMap { items[$0].paths }))
        let marks = concurrently(
            chosen.parts(of: 64).map { part in { part.map { ($0, self.mark(of: items[$0], statuses)) } } })
        return Dictionary(uniqueKeysWithValues: marks.joined().compactMap { index, mark in mark.map { (index, $0) } })
    }

    /// `nil` for one that cannot be looked at, or changed just now.
    private func mark(of item: Item, _ statuses: [RelativePath: FileStatus]) -> String? {
        var parts: [FileStatus?] = item.paths.map { statuses[$0] }
        if parts.contains(nil) { return nil }
        do { parts.append(try root.statusIfPresent(item.path / "diff")) } catch { return nil }
        guard parts.allSatisfy({ $0.map { $0.changed < settledBefore } ?? true }) else { return nil }
        return parts.map(RememberedUsage.mark).joined(separator: ",")
    }

    /// What cannot be looked at is left out.
    private func statuses(of paths: Set<RelativePath>) -> [RelativePath: FileStatus] {
        var statuses: [RelativePath: FileStatus] = [:]
        for (parent, siblings) in Dictionary(grouping: paths, by: { $0.parent ?? .root }) {
            do {
                let found = try root.statuses(of: parent, names: siblings.map { String($0.name) })
                for (path, status) in zip(siblings, found) { statuses[path] = status }
            } catch {
                // Those are measured.
            }
        }
        return statuses
    }
}
