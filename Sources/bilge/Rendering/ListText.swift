// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// A list of things of one kind: `ls`. Columns are Docker's where Docker has such a list.
struct ListAnswer: Report {
    var place: Place
    var table: Table
    /// The same in JSON: one object a line.
    var elements: [any Encodable & Sendable]
    var ids: [String]

    /// Only the list, as Docker prints it: whatever else there is to say goes to the other stream.
    func lines(_ style: Style) -> [String] { table.lines(style) }

    func json() throws -> String {
        let lines = try elements.map { try JSONText.encode(AnyJSON(value: $0)) }
        let array = lines.isEmpty ? "[]" : "[\n" + lines.joined(separator: ",\n") + "\n]"
        return JSONText.object(try place.members() + [("items", array)])
    }

    private struct AnyJSON: Encodable {
        var value: any Encodable
        func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
    }
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
            place: Place(survey), table: table, elements: rows.map(ImageJSON.init),
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
        var elements: [ContainerJSON] = []
        for record in records {
            let bytes = own(record).reduce(0) { $0 + (usage[$1]?.allocatedBytes ?? 0) }
            table.add([
                isWhole ? record.id : String(record.id.prefix(12)),
                image(of: record),
                record.created.map { Age.text(of: $0, at: now) } ?? "N/A", record.state, ByteCount(bytes).text,
                String(record.volumes.count), record.name,
            ])
            elements.append(ContainerJSON(record, allocatedBytes: bytes))
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
        case .images, .trash: []
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
            elements: entries.map { ItemJSON($0, usage[$0.item.path], names: names.of($0.item)) },
            ids: ids ?? entries.map { Shown.short(id: $0.item.id, whole: isWhole || $0.item.thing.isVolume) })
    }

    /// As Docker shows it: what was typed, cut if that was an id.
    private func image(of record: ContainerRecord) -> String {
        let typed = record.imageName.hasPrefix("sha256:") ? String(record.imageName.dropFirst(7)) : record.imageName
        if isWhole, !record.imageName.isEmpty { return record.imageName }
        return Shown.short(id: typed.isEmpty ? record.imageID : typed, whole: isWhole)
    }

    /// The container's record, its logs and its writable layers.
    private func own(_ record: ContainerRecord) -> Set<RelativePath> {
        let owned = survey.reach.closure(of: [record.path])
        return Set(
            survey.items.filter { entry in
                entry.item.path == record.path
                    || (entry.item.thing.isOwnedByContainer && !owned.isDisjoint(with: entry.item.paths))
            }.map(\.item.path))
    }

    private func size(_ entry: Judged) -> String {
        usage[entry.item.path].map { ByteCount($0.allocatedBytes).text + ($0.unreadable > 0 ? " or more" : "") } ?? ""
    }

    private func user(_ entry: Judged) -> String {
        let claims = entry.evidence.filter { $0.says == .claimed }
        guard let first = claims.first else { return "" }
        return Shown.short(RelativePath(first.by)) + (claims.count > 1 ? " and \(claims.count - 1) more" : "")
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

private struct ImageJSON: Encodable {
    var repository: String
    var tag: String
    var id: String
    var created: String?
    var bytes: Int64?

    init(_ row: ImageRow) {
        repository = row.repository
        tag = row.tag
        id = row.id
        created = row.created?.rfc3339
        bytes = row.bytes
    }
}

private struct ContainerJSON: Encodable {
    var id: String
    var name: String
    var image: String
    var imageID: String
    var created: String?
    var state: String
    var project: String?
    var volumes: [String]
    var allocatedBytes: Int64

    init(_ record: ContainerRecord, allocatedBytes: Int64) {
        id = record.id
        name = record.name
        image = record.imageName
        imageID = record.imageID
        created = record.created?.rfc3339
        state = record.state
        project = record.project
        volumes = record.volumes.map { Shown.decoded($0.text) ?? $0.text }
        self.allocatedBytes = allocatedBytes
    }
}
