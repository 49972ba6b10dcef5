// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// Where every byte below a root goes: each item in exactly one row, so that the rows add up to the whole.
struct DiskReport: Hashable, Sendable {
    /// A row of the table, in the order of the table.
    enum Category: String, CaseIterable, Encodable, Sendable {
        case images, containers, namedVolumes, anonymousVolumes, buildCache, logs, plugins, containerdStore, hiddenStore
        case orphans, temporary, engineMetadata, otherDrivers, foreign, trash
    }

    struct Row: Hashable, Sendable {
        var category: Category
        /// Which store, where the row is one of several of its category.
        var store: HiddenStore.Name?
        var items = 0
        var inUse = 0
        var usage = Usage()
        /// What could be had back; `nil` where Bilge does not offer it.
        var freeable: Usage?
        /// Volumes among them, which only `prune volumes` takes.
        var volumes = 0
        var volumeBytes: Int64 = 0
        var notes: [String] = []

        var freeableBytes: Int64? { freeable?.allocatedBytes }
    }

    /// What is known beside the items.
    struct Surroundings: Hashable, Sendable {
        /// What is no item: the root directory itself.
        var rest = Usage()
        /// One for each file system that holds items.
        var ledgers: [Ledger] = []
        var unclaimed = UnclaimedImages()
        /// What the engine calls reclaimable of its images; `nil` if it did not say.
        var engineBytes: Int64?
    }

    var rows: [Row]
    var total: Usage
    var freeable: Usage
    var ledgers: [Ledger]
    var unclaimed: UnclaimedImages
    var engineBytes: Int64?

    var freeableBytes: Int64 { freeable.allocatedBytes }

    init(_ items: [Judged], _ usage: [RelativePath: Usage], _ names: Names, _ around: Surroundings = Surroundings()) {
        var byCategory: [Category: [HiddenStore.Name?: [Judged]]] = [:]
        for entry in items {
            let category = Category(entry)
            byCategory[category, default: [:]][category == .hiddenStore ? entry.hidden : nil, default: []].append(entry)
        }
        if around.rest != Usage() { byCategory[.engineMetadata, default: [:]][nil, default: []] += [] }
        rows = Category.allCases.flatMap { category in
            (byCategory[category] ?? [:]).sorted { ($0.key?.text ?? "") < ($1.key?.text ?? "") }.map { store, entries in
                var row = Self.row(category, entries, usage, names)
                row.store = store
                if category == .engineMetadata { row.usage += around.rest }
                if category == .images { row.notes = around.notes(beside: row.freeableBytes) + row.notes }
                return row
            }
        }
        total = rows.reduce(into: Usage()) { $0 += $1.usage }
        freeable = rows.reduce(into: Usage()) { $0 += $1.freeable ?? Usage() }
        ledgers = around.ledgers
        unclaimed = around.unclaimed
        engineBytes = around.engineBytes
    }

    private static func row(
        _ category: Category, _ entries: [Judged], _ usage: [RelativePath: Usage], _ names: Names
    ) -> Row {
        func sum(_ entries: some Sequence<Judged>) -> Usage {
            entries.reduce(into: Usage()) { $0 += usage[$1.item.path] ?? Usage() }
        }
        let counted = entries.filter { category.counts($0.item.thing) }
        var row = Row(category: category, items: counted.count, inUse: counted.count { $0.standing == .inUse })
        row.usage = sum(entries)
        let offered = entries.filter { category.offers($0) }
        row.freeable = category.isOffered ? sum(offered) : nil
        let volumes = entries.filter(\.item.thing.isVolume)
        row.volumes = volumes.count
        row.volumeBytes = sum(volumes).allocatedBytes
        if category == .namedVolumes, case let unused = entries.filter({ $0.standing == .reclaimable }), !unused.isEmpty
        {
            let size = ByteCount(sum(unused).allocatedBytes).text
            row.notes.append("\(unused.count) unused: \(size), not touched by default")
        }
        if category == .logs, let largest = entries.max(by: { size($0, usage) < size($1, usage) }) {
            let name = names.container(of: largest.item) ?? largest.item.id
            row.notes.append("largest: \(name) \(ByteCount(size(largest, usage)).text)")
        }
        if category == .containerdStore { row.notes += containerdNotes(entries) }
        if category == .trash { row.notes.append("held by bilge: `trash ls` shows what") }
        let unknown = entries.count { $0.standing == .unknown }
        if unknown > 0, category != .foreign { row.notes.append("\(unknown) unknown, never touched") }
        if category == .foreign { row.notes.append("no engine makes such names; never touched") }
        if row.usage.unreadable > 0 { row.notes.append("at least: \(row.usage.unreadable) entries could not be read") }
        return row
    }

    /// What `docker create` leaves when it is killed, and nothing ever cleans.
    private static func containerdNotes(_ entries: [Judged]) -> [String] {
        let left = entries.filter {
            $0.item.thing == .lease && $0.standing == .reclaimable && EntryName.isHexID($0.item.id)
        }
        guard let first = left.map(\.item.id).min() else { return [] }
        return ["\(Shown.count(left.count, "lease")) of containers that are gone: `explain \(first.prefix(12))`"]
    }

    private static func size(_ entry: Judged, _ usage: [RelativePath: Usage]) -> Int64 {
        usage[entry.item.path]?.allocatedBytes ?? 0
    }
}

extension DiskReport.Row {
    var title: String {
        guard let store else { return category.title }
        return (store.isCertain ? category.title : "Store, maybe hidden") + ": \(store.text)"
    }
}

extension DiskReport.Surroundings {
    /// What goes with all images that nothing needs, beside the engine's word for it.
    fileprivate func notes(beside freeable: Int64?) -> [String] {
        guard unclaimed.count > 0, unclaimed.allocatedBytes != freeable || engineBytes != nil else { return [] }
        let size = ByteCount(unclaimed.allocatedBytes).text
        let engine = engineBytes.map { " (docker says \(ByteCount($0).text))" } ?? ""
        return ["\(size) would go with the \(unclaimed.count) that no container needs\(engine)"]
    }
}

extension DiskReport.Category {
    init(_ entry: Judged) {
        if entry.item.isTrash {
            self = .trash
        } else if entry.hidden != nil {
            self = .hiddenStore
        } else if entry.standing == .orphan, !entry.item.thing.isContainerds {
            self = .orphans
        } else {
            self.init(entry.item.thing)
        }
    }

    private init(_ thing: Thing) {
        switch thing {
        case .layer, .image, .layerRecord: self = .images
        case .initLayer, .rwLayer, .mountRecord, .container, .containerLeftover: self = .containers
        case .namedVolume: self = .namedVolumes
        case .anonymousVolume: self = .anonymousVolumes
        case .buildCache, .buildScratch: self = .buildCache
        case .log: self = .logs
        case .plugin: self = .plugins
        case .snapshot, .blob, .ingest, .lease: self = .containerdStore
        case .removingLayer, .danglingLink, .bindRecord, .scratch, .removingPlugin: self = .temporary
        case .metadata: self = .engineMetadata
        case .otherDriver: self = .otherDrivers
        case .foreign: self = .foreign
        }
    }

    var title: String {
        switch self {
        case .images: "Images"
        case .containers: "Containers"
        case .namedVolumes: "Volumes, named"
        case .anonymousVolumes: "Volumes, anonymous"
        case .buildCache: "Build cache"
        case .logs: "Logs"
        case .plugins: "Plugins"
        case .containerdStore: "Containerd store"
        case .hiddenStore: "Hidden store"
        case .orphans: "Orphans"
        case .temporary: "Temporary"
        case .engineMetadata: "Engine metadata"
        case .otherDrivers: "Other drivers' data"
        case .foreign: "Foreign files"
        case .trash: "Trash"
        }
    }

    /// Images are counted by their records and containers by theirs, though layers take most of the space of both.
    func counts(_ thing: Thing) -> Bool {
        switch self {
        case .images: thing == .image
        case .containers: thing == .container
        case .buildCache: thing == .buildCache
        case .namedVolumes, .anonymousVolumes, .logs, .plugins, .containerdStore, .hiddenStore, .orphans, .temporary,
            .engineMetadata, .otherDrivers, .foreign, .trash:
            true
        }
    }

    /// True if something of this row can be had back without naming it.
    fileprivate var isOffered: Bool {
        switch self {
        case .images, .containers, .anonymousVolumes, .buildCache, .containerdStore, .orphans, .temporary, .trash: true
        case .namedVolumes, .logs, .plugins, .hiddenStore, .engineMetadata, .otherDrivers, .foreign: false
        }
    }

    fileprivate func offers(_ entry: Judged) -> Bool {
        if self == .trash { return true }
        switch entry.standing {
        case .orphan, .reclaimable: return !entry.isProtected
        case .inUse, .unknown: return false
        }
    }
}
