// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// Space by what it belongs to: `df --by image|project|filesystem`. Unlike the rows of `df`, images share theirs.
struct SpaceByOwner: Report {
    struct Row: Hashable, Sendable {
        var name: String
        var items: Int
        var allocatedBytes: Int64
        /// What nothing else in the table shares.
        var uniqueBytes: Int64
    }

    var place: Place
    /// What a row is: `image`, `project`, `filesystem`.
    var owner: String
    var rows: [Row]
    var problems: [Problem]
    var isVerbose = false

    func lines(_ style: Style) -> [String] {
        var table = Table([.left(owner.uppercased()), .right("ITEMS"), .right("SIZE"), .right("UNIQUE")])
        for row in rows {
            table.add([
                row.name, Shown.count(Int64(row.items)), ByteCount(row.allocatedBytes).text,
                ByteCount(row.uniqueBytes).text,
            ])
        }
        return place.lines(style) + [""] + table.lines(style) + problemLines(problems, style, all: isVerbose)
    }

    func write(json out: (String) -> Void) {
        let rows = rows.map { row in
            JSONValue.object(
                ("name", .string(row.name)), ("items", .integer(row.items)),
                ("allocatedBytes", .integer(row.allocatedBytes)),
                ("uniqueBytes", .integer(row.uniqueBytes)))
        }
        writeJSON(
            place.members + [("by", .value(.string(owner))), ("rows", .list(rows)), ("problems", .problems(problems))],
            to: out)
    }

    var ids: [String] { rows.map(\.name) }
}

/// The layers below each image, as items.
struct ImageLayers: Sendable {
    private var owner: [RelativePath: RelativePath] = [:]
    private var legacyLayers: [String: [RelativePath]] = [:]
    private var directories: [String: RelativePath] = [:]
    private var parents: [String: String] = [:]

    init(_ items: [Judged], _ catalog: Catalog) {
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

    /// The image's record or content, and every layer it is made of.
    func items(of image: ImageRecord) -> Set<RelativePath> {
        var items: Set<RelativePath> = owner[image.path].map { [$0] } ?? []
        items.formUnion(image.content)
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

/// Images with a name, and those nothing else is built on, largest first.
func spaceByImage(_ items: [Judged], _ usage: [RelativePath: Usage], _ catalog: Catalog) -> [SpaceByOwner.Row] {
    let layers = ImageLayers(items, catalog)
    let parents = Set(catalog.images.compactMap(\.parent))
    let shown = catalog.images.filter { !$0.tags.isEmpty || !parents.contains($0.id) }
    return rows(
        shown.map { image in
            (
                image.tags.isEmpty ? String(image.id.prefix(12)) : image.tags.sorted().joined(separator: ", "),
                layers.items(of: image)
            )
        }, usage)
}

/// What belongs to the containers of each Compose project: writable layers, records, logs, volumes.
func spaceByProject(
    _ items: [Judged], _ usage: [RelativePath: Usage], _ catalog: Catalog, _ reach: Reach
) -> [SpaceByOwner.Row] {
    var owner: [RelativePath: Judged] = [:]
    for entry in items { for path in entry.item.paths { owner[path] = entry } }
    var owned: [String: Set<RelativePath>] = [:]
    for container in catalog.containers {
        let needed = reach.closure(of: [container.path]).compactMap { owner[$0] }
        let own = needed.filter { $0.item.thing.isPartOfContainer }.map(\.item.path)
        owned[container.project ?? "(no project)", default: []].formUnion(own)
    }
    return rows(owned.map { ($0.key, $0.value) }, usage)
}

extension Thing {
    /// True for what goes when its container and that container's volumes go.
    fileprivate var isPartOfContainer: Bool {
        switch self {
        case .initLayer, .rwLayer, .mountRecord, .container, .containerLeftover, .log, .anonymousVolume, .namedVolume,
            .bindRecord:
            true
        case .layer, .removingLayer, .buildCache, .buildScratch, .danglingLink, .image, .layerRecord, .scratch, .plugin,
            .removingPlugin, .snapshot, .blob, .ingest, .lease, .metadata, .otherDriver, .foreign:
            false
        }
    }
}

/// The file systems that hold what lies below the root: one, since nothing is followed across a mount.
func spaceByFilesystem(_ survey: Survey, _ usage: [RelativePath: Usage]) -> [SpaceByOwner.Row] {
    let total = usage.values.reduce(0) { $0 + $1.allocatedBytes }
    return [
        SpaceByOwner.Row(
            name: "\(survey.root.filesystem) at \(Shown.text(survey.root.path))", items: survey.items.count,
            allocatedBytes: total, uniqueBytes: total)
    ]
}

private func rows(_ owners: [(name: String, items: Set<RelativePath>)], _ usage: [RelativePath: Usage]) -> [SpaceByOwner
    .Row]
{
    var count: [RelativePath: Int] = [:]
    for owner in owners { for item in owner.items { count[item, default: 0] += 1 } }
    func bytes(_ items: some Sequence<RelativePath>) -> Int64 {
        items.reduce(0) { $0 + (usage[$1]?.allocatedBytes ?? 0) }
    }
    return owners.map { owner in
        SpaceByOwner.Row(
            name: owner.name, items: owner.items.count, allocatedBytes: bytes(owner.items),
            uniqueBytes: bytes(owner.items.filter { count[$0] == 1 }))
    }.sorted { ($1.allocatedBytes, $0.name) < ($0.allocatedBytes, $1.name) }
}
