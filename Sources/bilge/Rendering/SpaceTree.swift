// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// A host's space from kinds over images, containers and volumes down to layers: the parts of each node add up to it.
struct SpaceNode: Sendable {
    var title: String
    /// What it is called on the disk; empty for a group.
    var path = ""
    var bytes: Int64
    /// What of it nobody needs.
    var isFreeable = false
    var parts: [SpaceNode] = []

    /// The largest first, and what is too much to be shown as one.
    fileprivate func arranged(limit: Int) -> SpaceNode {
        var node = self
        var parts = self.parts.filter { $0.bytes > 0 }.sorted { ($1.bytes, $0.title) < ($0.bytes, $1.title) }
        if parts.count > limit {
            let rest = parts[(limit - 1)...]
            let bytes = rest.reduce(0) { $0 + $1.bytes }
            parts = parts[..<(limit - 1)] + [SpaceNode(title: "\(Shown.count(Int64(rest.count))) smaller", bytes: bytes)]
            parts.sort { ($1.bytes, $0.title) < ($0.bytes, $1.title) }
        }
        node.parts = parts.map { $0.arranged(limit: limit) }
        return node
    }
}

/// Makes the tree of a survey.
struct SpaceTree {
    let survey: Survey
    let account: Account
    let names: Names

    /// More would be dust.
    private static let limit = 60

    init(_ survey: Survey, _ account: Account) {
        self.survey = survey
        self.account = account
        names = Names(survey.items, survey.catalog)
    }

    /// One node for each row of `df`, the largest first.
    func kinds() -> [(category: DiskReport.Category, node: SpaceNode)] {
        var byCategory: [DiskReport.Category: [Judged]] = [:]
        for entry in survey.items { byCategory[DiskReport.Category(entry), default: []].append(entry) }
        return byCategory.map { category, entries in
            let parts =
                category == .images ? images(entries) : category == .containers ? containers(entries) : entries.map(leaf)
            let bytes = parts.reduce(0) { $0 + $1.bytes }
            let node = SpaceNode(title: category.title, bytes: bytes, parts: parts).arranged(limit: Self.limit)
            return (category: category, node: node)
        }.filter { $0.node.bytes > 0 }.sorted { ($1.node.bytes, $0.node.title) < ($0.node.bytes, $1.node.title) }
    }

    /// Each layer below the one image that has it, or with those that several share.
    private func images(_ entries: [Judged]) -> [SpaceNode] {
        let layers = ImageLayers(survey.items, survey.catalog)
        let parents = Set(survey.catalog.images.compactMap(\.parent))
        var owners: [RelativePath: [String]] = [:]
        for image in survey.catalog.images where !image.tags.isEmpty || !parents.contains(image.id) {
            let name = image.tags.isEmpty ? String(image.id.prefix(12)) : image.tags.sorted().joined(separator: ", ")
            for path in layers.items(of: image) { owners[path, default: []].append(name) }
        }
        return grouped(entries) { entry in
            switch owners[entry.item.path] ?? [] {
            case let names where names.count == 1: names[0]
            case let names where names.count > 1: "shared by several images"
            default: "other layers and records"
            }
        }
    }

    private func containers(_ entries: [Judged]) -> [SpaceNode] {
        var owners: [RelativePath: String] = [:]
        for container in survey.catalog.containers {
            let name = container.name.isEmpty ? String(container.id.prefix(12)) : container.name
            for path in survey.reach.closure(of: [container.path]) { owners[path] = name }
        }
        return grouped(entries) { owners[$0.item.path] ?? "other" }
    }

    private func grouped(_ entries: [Judged], by name: (Judged) -> String) -> [SpaceNode] {
        Dictionary(grouping: entries, by: name).map { name, entries in
            let parts = entries.map(leaf)
            return SpaceNode(title: name, bytes: parts.reduce(0) { $0 + $1.bytes }, parts: parts)
        }
    }

    private func leaf(_ entry: Judged) -> SpaceNode {
        let named = names.of(entry.item).joined(separator: ", ")
        let path = Shown.short(entry.item.path)
        let title = named.isEmpty ? names.container(of: entry.item) ?? path : named
        return SpaceNode(
            title: title, path: Shown.text(entry.item.path),
            bytes: account.usage[entry.item.path]?.allocatedBytes ?? 0,
            isFreeable: !entry.isProtected && (entry.standing == .orphan || entry.standing == .reclaimable))
    }
}
