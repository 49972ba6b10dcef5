// SPDX-License-Identifier: Apache-2.0

import Model

/// What people call things: tags of images, names of containers and volumes, by the item's path.
struct Names: Sendable {
    private var byItem: [RelativePath: [String]] = [:]
    private var containers: [String: String] = [:]

    /// Of nothing, for who shows none.
    init() {}

    init(_ items: [Judged], _ catalog: Catalog) {
        var wanted: [RelativePath: [String]] = [:]
        for image in catalog.images where !image.tags.isEmpty { wanted[image.path, default: []] += image.tags.sorted() }
        for container in catalog.containers {
            containers[container.id] = container.name
            if !container.name.isEmpty { wanted[container.path, default: []].append(container.name) }
        }
        for snapshot in catalog.snapshots { wanted[snapshot.path, default: []].append(snapshot.key) }
        for volume in catalog.volumes where !EntryName.isHexID(volume.name) && !volume.name.isEmpty {
            wanted[volume.path, default: []].append(volume.name)
        }
        for entry in items {
            var names = entry.item.names
            for path in entry.item.paths {
                for name in wanted[path] ?? [] where !names.contains(name) { names.append(name) }
            }
            if !names.isEmpty { byItem[entry.item.path] = names }
        }
    }

    func of(_ item: Item) -> [String] { byItem[item.path] ?? [] }

    /// The container whose files an item is, such as its log.
    func container(of item: Item) -> String? {
        let components = item.path.components
        guard components.count > 1, components[0] == "containers" else { return nil }
        return containers[String(components[1])].flatMap { $0.isEmpty ? nil : $0 } ?? String(components[1].prefix(12))
    }
}

extension Shown {
    /// A path with ids of 64 digits cut to twelve, as Docker shows them; whole with `--no-trunc`.
    static func short(_ path: RelativePath, whole: Bool = false) -> String {
        guard !whole else { return text(path) }
        // What lies outside the data root is known by its absolute path.
        return (path.text.hasPrefix("/") ? "/" : "")
            + path.components.map { component in
                let id = component.prefix(64)
                return EntryName.isHexID(id)
                    ? id.prefix(12) + "…" + text(component.dropFirst(64)) : text(component)
            }.joined(separator: "/")
    }

    /// An id or a name, cut to twelve digits if it is an id; `…` stands for what is missing between id and suffix.
    static func short(id: String, whole: Bool = false) -> String {
        if !whole, EntryName.isHexID(id) { return String(id.prefix(12)) }
        return short(RelativePath(id), whole: whole)
    }

    /// `9,104`.
    static func count(_ number: Int64) -> String {
        var digits = Array(String(number.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (number < 0 ? "-" : "") + String(digits)
    }

    /// `1 item`, `3 items`.
    static func count(_ number: Int, _ noun: String) -> String {
        count(Int64(number)) + " " + noun + (number == 1 ? "" : "s")
    }
}
