// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// A list of things of one kind: `ls`. Columns are Docker's where Docker has such a list.
struct ListAnswer: Report {
    var place: Place
    var table: Table
    /// The same in JSON: one object a line.
    var elements: [JSONValue]
    var ids: [String]

    /// Only the list, as Docker prints it: whatever else there is to say goes to the other stream.
    func lines(_ style: Style) -> [String] { table.lines(style) }

    func write(json out: (String) -> Void) { writeJSON(place.members + [("items", .list(elements))], to: out) }
}

/// Makes the lists of a host.
struct Lists {
    var survey: Survey
    var usage: [RelativePath: Usage]
    var now: Timestamp
    var isWhole = false
    var showsAll = false

    /// What `docker images` printed of such a root.
    func images() -> ListAnswer {
        let rows = imageRows(survey.catalog, now: now, all: showsAll)
        let isLegacy = rows.contains(where: \.isLegacy)
        var table = Table(ImageRow.columns(legacy: isLegacy).map { .left($0) })
        for row in rows { table.add(row.cells(fullID: isWhole)) }
        return ListAnswer(
            place: Place(survey), table: table, elements: rows.map(JSONValue.init),
            ids: rows.map { isWhole ? $0.id : String($0.id.prefix(12)) })
    }

    func layers() -> ListAnswer {
        let wanted = survey.items.filter { $0.item.thing.isLayer }
        var table = Table([
            .left("LAYER ID"), .left("DRIVER"), .left("KIND"), .right("SIZE"), .left("STANDING"), .left("USED BY"),
        ])
        for entry in wanted {
            table.add([
                Shown.short(id: entry.item.id, whole: isWhole), entry.item.driver ?? "", entry.item.thing.kind,
                size(entry), entry.standing.words, user(entry),
            ])
        }
        return answer(table, wanted)
    }

    func containers() -> ListAnswer {
        let columns = ["CONTAINER ID", "IMAGE", "CREATED", "STATUS", "SIZE", "VOLUMES", "NAMES"]
        var table = Table(columns.map { .left($0) })
        let records = survey.catalog.containers.sorted {
            ($1.created?.nanoseconds ?? 0, $0.id) < ($0.created?.nanoseconds ?? 0, $1.id)
        }
        var owner: [RelativePath: Judged] = [:]
        for entry in survey.items { for path in entry.item.paths { owner[path] = entry } }
        var elements: [JSONValue] = []
        for record in records {
            let bytes = own(record, owner).reduce(0) { $0 + (usage[$1]?.allocatedBytes ?? 0) }
            table.add([
                isWhole ? record.id : String(record.id.prefix(12)),
                image(of: record),
                record.created.map { Age.text(of: $0, at: now) } ?? "N/A", record.state, ByteCount(bytes).text,
                String(record.volumes.count), record.name,
            ])
            elements.append(JSONValue(record, allocatedBytes: bytes))
        }
        return ListAnswer(
            place: Place(survey), table: table, elements: elements,
            ids: records.map { isWhole ? $0.id : String($0.id.prefix(12)) })
    }

    func volumes() -> ListAnswer {
        let wanted = survey.items.filter { $0.item.thing.isVolume }
        var drivers: [RelativePath: String] = [:]
        for record in survey.catalog.volumes { drivers[record.path] = record.driver }
        var table = Table([
            .left("DRIVER"), .left("VOLUME NAME"), .right("SIZE"), .left("STANDING"), .left("USED BY"),
        ])
        for entry in wanted {
            table.add([
                drivers[entry.item.path] ?? "local", Shown.text(entry.item.id), size(entry), entry.standing.words,
                user(entry),
            ])
        }
        return answer(table, wanted)
    }

    func orphans() -> ListAnswer {
        let wanted = survey.items.filter { $0.standing == .orphan }
        var table = Table([.left("KIND"), .left("PATH"), .right("SIZE"), .left("CHANGED")])
        for entry in wanted {
            table.add([
                entry.item.thing.kind, Shown.short(entry.item.path, whole: isWhole), size(entry),
                entry.item.modified.map { Age.text(of: $0, at: now) } ?? "",
            ])
        }
        return answer(table, wanted, ids: wanted.map { Shown.text($0.item.path) })
    }

    /// The items whose space a list shows.
    static func measured(_ kind: ListKind, _ survey: Survey) -> [Judged] {
        switch kind {
        case .images, .cache, .logs, .trash: []
        case .layers: survey.items.filter { $0.item.thing.isLayer }
        case .containers: survey.items.filter { $0.item.thing.isLayer || $0.item.path.components.first == "containers" }
        case .volumes: survey.items.filter { $0.item.thing.isVolume }
        case .orphans: survey.items.filter { $0.standing == .orphan }
        }
    }

    private func answer(_ table: Table, _ entries: [Judged], ids: [String]? = nil) -> ListAnswer {
        let names = Names(survey.items, survey.catalog)
        return ListAnswer(
            place: Place(survey), table: table,
            elements: entries.map { JSONValue($0, usage[$0.item.path], names: names.of($0.item)) },
            ids: ids ?? entries.map { Shown.short(id: $0.item.id, whole: isWhole || $0.item.thing.isVolume) })
    }

    /// As Docker shows it: what was typed, cut if that was an id.
    private func image(of record: ContainerRecord) -> String {
        let typed = record.imageName.hasPrefix("sha256:") ? String(record.imageName.dropFirst(7)) : record.imageName
        if isWhole, !record.imageName.isEmpty { return record.imageName }
        return Shown.short(id: typed.isEmpty ? record.imageID : typed, whole: isWhole)
    }

    /// The container's record, its logs and its writable layers.
    private func own(_ record: ContainerRecord, _ owner: [RelativePath: Judged]) -> Set<RelativePath> {
        let owned = survey.reach.closure(of: [record.path]).compactMap { owner[$0] }
        return Set(
            owned.filter { $0.item.path == record.path || $0.item.thing.isOwnedByContainer }.map(\.item.path))
    }

    private func size(_ entry: Judged) -> String {
        usage[entry.item.path].map { ByteCount($0.allocatedBytes).text + ($0.unreadable > 0 ? " or more" : "") } ?? ""
    }

    /// The containers and images that end up using it; empty for what nobody needs.
    private func user(_ entry: Judged) -> String {
        let keepers = survey.reach.keepers(of: entry.item.path)
        guard let first = keepers.first else { return "" }
        let people = keepers.filter(\.isNamed)
        let others = (people.isEmpty ? keepers : people).count - 1
        return Shown.raw(first.name) + (others > 0 ? " and \(others) more" : "")
    }
}

extension Claimant {
    /// True for what a person gave a name.
    fileprivate var isNamed: Bool {
        switch self {
        case .container, .tag: true
        case .item, .process, .mount, .buildCache, .engine, .layout, .bilge: false
        }
    }

    /// As `docker ps` and `docker images` call it.
    fileprivate var name: String {
        switch self {
        case .tag(let name): name
        case .container(let id, let name): name.isEmpty ? String(id.prefix(12)) : name
        case .item, .process, .mount, .buildCache, .engine, .layout, .bilge: description
        }
    }
}

extension Thing {
    fileprivate var isLayer: Bool {
        switch self {
        case .layer, .initLayer, .rwLayer, .removingLayer, .buildCache: true
        case .buildScratch, .danglingLink, .image, .layerRecord, .mountRecord, .container, .containerLeftover, .log,
            .anonymousVolume, .namedVolume, .bindRecord, .scratch, .plugin, .removingPlugin, .snapshot, .blob, .ingest,
            .metadata, .otherDriver, .foreign:
            false
        }
    }

    fileprivate var isOwnedByContainer: Bool {
        switch self {
        case .initLayer, .rwLayer, .log: true
        case .layer, .removingLayer, .buildCache, .buildScratch, .danglingLink, .image, .layerRecord, .mountRecord,
            .container, .containerLeftover, .anonymousVolume, .namedVolume, .bindRecord, .scratch, .plugin,
            .removingPlugin, .snapshot, .blob, .ingest, .metadata, .otherDriver, .foreign:
            false
        }
    }
}

extension JSONValue {
    fileprivate init(_ row: ImageRow) {
        self = .object(
            ("repository", .string(row.repository)), ("tag", .string(row.tag)), ("id", .string(row.id)),
            ("created", row.created.map { .string($0.rfc3339) }), ("bytes", row.bytes.map { .integer($0) }))
    }

    fileprivate init(_ record: ContainerRecord, allocatedBytes: Int64) {
        self = .object(
            ("id", .string(record.id)), ("name", .string(record.name)), ("image", .string(record.imageName)),
            ("imageID", .string(record.imageID)), ("created", record.created.map { .string($0.rfc3339) }),
            ("state", .string(record.state)), ("project", record.project.map { .string($0) }),
            ("volumes", .strings(record.volumes.map { Shown.decoded($0.text) ?? $0.text })),
            ("allocatedBytes", .integer(allocatedBytes)))
    }
}
