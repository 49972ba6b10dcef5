// SPDX-License-Identifier: Apache-2.0

package import Model

/// The space of what belongs to one owner: an image, a container, a Compose project, a volume.
package struct OwnedSpace: Hashable, Sendable {
    /// What a container's space is made of.
    package enum Part: String, CaseIterable, Sendable {
        case writableLayer, logs, volumes, records
    }

    package var name: String
    /// How many items belong to it.
    package var items: Int
    package var usage: Usage
    /// What nothing else in the table has a share in: it goes if the owner goes.
    package var unique: Usage
    package var parts: [Part: Usage] = [:]
    /// Who uses it; for volumes.
    package var users: [String] = []

    package init(name: String, items: Int, usage: Usage, unique: Usage) {
        self.name = name
        self.items = items
        self.usage = usage
        self.unique = unique
    }

    package var shared: Usage {
        Usage(allocatedBytes: usage.allocatedBytes - unique.allocatedBytes, inodes: usage.inodes - unique.inodes)
    }
}

/// A host's space by what it belongs to. Unlike the rows of `df`, owners share: the sum of all is more than the whole.
package struct SpaceByOwner: Sendable {
    private let items: [Judged]
    private let usage: [RelativePath: Usage]
    private let catalog: Catalog
    private let reach: Reach
    private let owner: [RelativePath: Judged]

    package init(_ items: [Judged], _ usage: [RelativePath: Usage], _ catalog: Catalog, _ reach: Reach) {
        self.items = items
        self.usage = usage
        self.catalog = catalog
        self.reach = reach
        var owner: [RelativePath: Judged] = [:]
        for entry in items { for path in entry.item.paths { owner[path] = entry } }
        self.owner = owner
    }

    /// Images with a name, and those nothing else is built on.
    package func images() -> [OwnedSpace] {
        let layers = ImageLayers(items, catalog)
        let parents = Set(catalog.images.compactMap(\.parent))
        let shown = catalog.images.filter { !$0.tags.isEmpty || !parents.contains($0.id) }
        return rows(
            shown.map { image in
                (
                    image.tags.isEmpty ? String(image.id.prefix(12)) : image.tags.sorted().joined(separator: ", "),
                    layers.items(of: image)
                )
            })
    }

    /// Containers in any state: writable layers, records, logs, volumes.
    package func containers() -> [OwnedSpace] {
        rows(catalog.containers.map { ($0.name.isEmpty ? String($0.id.prefix(12)) : $0.name, owned(by: $0)) })
    }

    /// The containers of each Compose project.
    package func projects() -> [OwnedSpace] {
        var owned: [String: Set<RelativePath>] = [:]
        for container in catalog.containers {
            owned[container.project ?? "(no project)", default: []].formUnion(self.owned(by: container))
        }
        return rows(owned.map { ($0.key, $0.value) })
    }

    /// Volumes, each with the containers that mount it.
    package func volumes() -> [OwnedSpace] {
        var users: [RelativePath: [String]] = [:]
        for container in catalog.containers {
            let name = container.name.isEmpty ? String(container.id.prefix(12)) : container.name
            for path in owned(by: container) { users[path, default: []].append(name) }
        }
        let volumes = items.filter { $0.item.thing.isVolume }
        return sorted(
            volumes.map { entry in
                let usage = usage[entry.item.path] ?? Usage()
                let users = (users[entry.item.path] ?? []).sorted()
                var row = OwnedSpace(
                    name: entry.item.id, items: 1, usage: usage, unique: users.count < 2 ? usage : Usage())
                row.users = users
                return row
            })
    }

    private func owned(by container: ContainerRecord) -> Set<RelativePath> {
        let needed = reach.closure(of: [container.path]).compactMap { owner[$0] }
        return Set(needed.filter { $0.item.thing.partOfContainer != nil }.map(\.item.path))
    }

    private func rows(_ owners: [(name: String, items: Set<RelativePath>)]) -> [OwnedSpace] {
        var count: [RelativePath: Int] = [:]
        for owner in owners { for item in owner.items { count[item, default: 0] += 1 } }
        func sum(_ items: some Sequence<RelativePath>) -> Usage {
            items.reduce(into: Usage()) { $0 += usage[$1] ?? Usage() }
        }
        return sorted(
            owners.map { owner in
                var row = OwnedSpace(
                    name: owner.name, items: owner.items.count, usage: sum(owner.items),
                    unique: sum(owner.items.filter { count[$0] == 1 }))
                for path in owner.items {
                    guard let part = self.owner[path]?.item.thing.partOfContainer else { continue }
                    row.parts[part, default: Usage()] += usage[path] ?? Usage()
                }
                return row
            })
    }

    /// The largest first.
    private func sorted(_ rows: [OwnedSpace]) -> [OwnedSpace] {
        rows.sorted { ($1.usage.allocatedBytes, $0.name) < ($0.usage.allocatedBytes, $1.name) }
    }
}

/// The layers below each image, as items.
package struct ImageLayers: Sendable {
    private var owner: [RelativePath: RelativePath] = [:]
    private var legacyLayers: [String: [RelativePath]] = [:]
    private var directories: [String: RelativePath] = [:]
    private var parents: [String: String] = [:]

    package init(_ items: [Judged], _ catalog: Catalog) {
        for entry in items {
            for path in entry.item.paths { owner[path] = entry.item.path }
            if entry.item.thing == .layer { legacyLayers[entry.item.id, default: []].append(entry.item.path) }
        }
        for layer in catalog.layers {
            guard let directory = layer.directory else { continue }
            directories[layer.driver + " " + layer.chainID] = owner[directory] ?? directory
        }
        for image in catalog.images where image.driver == nil { parents[image.id] = image.parent }
    }

    /// The image's record and every layer it is made of.
    package func items(of image: ImageRecord) -> Set<RelativePath> {
        var items: Set<RelativePath> = owner[image.path].map { [$0] } ?? []
        guard image.driver == nil else {
            for chain in image.chain {
                if let layer = directories[(image.driver ?? "") + " " + chain] { items.insert(layer) }
            }
            return items
        }
        var current: String? = image.id
        var seen: Set<String> = []
        while let id = current, seen.insert(id).inserted {
            items.formUnion(legacyLayers[id] ?? [])
            current = parents[id]
        }
        return items
    }
}

extension Thing {
    /// What goes when its container and that container's volumes go, and as what it counts.
    fileprivate var partOfContainer: OwnedSpace.Part? {
        switch self {
        case .initLayer, .rwLayer: .writableLayer
        case .log: .logs
        case .anonymousVolume, .namedVolume: .volumes
        case .mountRecord, .container, .containerLeftover, .bindRecord: .records
        case .layer, .removingLayer, .buildCache, .buildScratch, .danglingLink, .image, .layerRecord, .scratch, .plugin,
            .removingPlugin, .snapshot, .blob, .ingest, .metadata, .otherDriver, .foreign:
            nil
        }
    }
}
