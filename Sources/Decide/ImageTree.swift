// SPDX-License-Identifier: Apache-2.0

package import Model

/// An image or a layer in the tree of what is built on what, with everything built on it below.
package struct TreeNode: Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Sendable { case image, layer }

    /// 64 hexadecimal digits: an image ID, or the chain ID of a layer.
    package var id: String
    package var kind: Kind
    /// Its own bytes and those of all it is built on; `nil` if one of them was not recorded.
    package var virtualBytes: Int64?
    /// What it adds itself; `nil` if that was not recorded.
    package var ownBytes: Int64?
    /// `repository:tag`, sorted.
    package var tags: [String]
    /// The newest image first, as Docker sorted them.
    package var children: [TreeNode]
}

/// Every image and what it is built on: what `docker images --tree` showed of the images of Docker 1.0 to 1.9, and the
/// same for content-addressed images, whose layers are nodes of their own.
///
/// A layer is shown once, above all that share it, and an image below its top layer. An image that adds nothing to the
/// one it was built from (a classic build step such as `ENV`) stands below that image. What is built on something
/// that is not there is shown at the top, and so is every 201st level: Docker stops at 127, but damaged records may not.
///
/// - Parameter references: image ids or chain ids (or how they begin), `repository` or `repository:tag`. If there are any,
///   only what they name is returned, with all above and below it.
package func imageTree(_ catalog: Catalog, matching references: [String] = []) -> [TreeNode] {
    let catalog = eachImageOnce(catalog)
    var forest = Forest()
    forest.addLegacy(catalog.images)
    forest.addContentAddressed(catalog.images, catalog.layers)
    let trees = forest.trees()
    guard !references.isEmpty else { return trees }
    let wanted = references.map { Reference($0, named: catalog.images) }
    return trees.compactMap { pruned($0, to: wanted) }
}

/// The lines of `docker images --tree`: `└─<12 digits> Virtual Size: 12.83 MB Tags: a, b`.
///
/// Layers of content-addressed images, which Docker never showed, begin with the word `layer`.
///
/// Source: moby v1.6.2 `api/client/images.go`, `WalkTree` and `printTreeNode`.
package func treeLines(_ nodes: [TreeNode]) -> [String] {
    var lines: [String] = []
    func walk(_ nodes: [TreeNode], _ prefix: String) {
        for (index, node) in nodes.enumerated() {
            let isLast = index + 1 == nodes.count
            lines.append(prefix + (isLast ? "└─" : "├─") + text(of: node))
            walk(node.children, prefix + (isLast ? "  " : "│ "))
        }
    }
    walk(nodes, "")
    return lines
}

private func text(of node: TreeNode) -> String {
    let id = node.id.prefix(12)
    let size = node.virtualBytes.map { ByteCount($0).text } ?? "unknown"
    let tags = node.tags.map { EntryName.escaped(text: $0) }.joined(separator: ", ")
    return (node.kind == .layer ? "layer \(id)" : String(id)) + " Virtual Size: \(size)"
        + (tags.isEmpty ? "" : " Tags: \(tags)")
}

// MARK: - Building

/// Nodes by what they stand below; becomes trees when all are known.
private struct Forest {
    /// What a node is called while the tree is built: the same digits may name an image and a layer, or a layer of two
    /// storage drivers.
    private struct Key: Hashable {
        var kind: TreeNode.Kind
        /// Empty for images of the legacy era.
        var driver: String
        var id: String
    }

    private struct Entry {
        var parent: Key?
        var ownBytes: Int64?
        var tags: [String] = []
        var created: Timestamp?
    }

    private static let maximumLevels = 200

    private var entries: [Key: Entry] = [:]

    mutating func addLegacy(_ images: [ImageRecord]) {
        for image in images where image.driver == nil {
            entries[Key(kind: .image, driver: "", id: image.id)] = Entry(
                parent: image.parent.map { Key(kind: .image, driver: "", id: $0) }, ownBytes: image.ownBytes,
                tags: image.tags.sorted(), created: image.created)
        }
    }

    mutating func addContentAddressed(_ images: [ImageRecord], _ layers: [LayerRecord]) {
        for layer in layers {
            entries[Key(kind: .layer, driver: layer.driver, id: layer.chainID)] = Entry(
                parent: layer.parent.map { Key(kind: .layer, driver: layer.driver, id: $0) }, ownBytes: layer.bytes)
        }
        var chains: [Key: [String]] = [:]
        for image in images {
            guard let driver = image.driver else { continue }
            chains[Key(kind: .image, driver: driver, id: image.id)] = image.chain
        }
        for image in images {
            guard let driver = image.driver else { continue }
            let from = image.parent.map { Key(kind: .image, driver: driver, id: $0) }
            let top = image.chain.last.map { Key(kind: .layer, driver: driver, id: $0) }
            // An image in containerd's store has content of its own, however few its layers are.
            let addsNothing = image.ownBytes == nil && from.map { chains[$0] == image.chain } ?? false
            let isComplete = top.map { entries[$0] != nil } ?? true
            entries[Key(kind: .image, driver: driver, id: image.id)] = Entry(
                parent: addsNothing ? from : top, ownBytes: isComplete ? image.ownBytes ?? 0 : nil,
                tags: image.tags.sorted(),
                created: image.created)
        }
    }

    /// Without recursion, since the records may describe a chain of any length, or a ring.
    func trees() -> [TreeNode] {
        var children: [Key: [Key]] = [:]
        var tops: [Key] = []
        for (key, entry) in entries {
            if let parent = entry.parent, entries[parent] != nil {
                children[parent, default: []].append(key)
            } else {
                tops.append(key)
            }
        }
        // Parents before children; what is too deep starts a tree of its own, and so does each ring.
        var order: [(key: Key, top: Bool, virtualBytes: Int64?)] = []
        var seen: Set<Key> = []
        func visit(_ top: Key) {
            var pending: [(key: Key, level: Int, below: Int64?)] = [(top, 0, 0)]
            while let (key, level, below) = pending.popLast() {
                guard seen.insert(key).inserted, let entry = entries[key] else { continue }
                let virtual = sum(below, entry.ownBytes)
                order.append((key, key == top || level % Self.maximumLevels == 0, virtual))
                for child in children[key] ?? [] { pending.append((child, level + 1, virtual)) }
            }
        }
        tops.forEach(visit)
        for key in entries.keys.sorted(by: { $0.id < $1.id }) where !seen.contains(key) { visit(key) }
        return assemble(order)
    }

    private func assemble(_ order: [(key: Key, top: Bool, virtualBytes: Int64?)]) -> [TreeNode] {
        typealias Branch = (node: TreeNode, newest: Timestamp?)
        var finished: [Key: [Branch]] = [:]
        var tops: [Branch] = []
        for (key, isTop, virtualBytes) in order.reversed() {
            guard let entry = entries[key] else { continue }
            let below = (finished.removeValue(forKey: key) ?? []).sorted(by: Self.precedes)
            let node = TreeNode(
                id: key.id, kind: key.kind, virtualBytes: virtualBytes, ownBytes: entry.ownBytes, tags: entry.tags,
                children: below.map(\.node))
            // A layer has no date of its own: it is as new as the newest image on it.
            let newest = key.kind == .image ? entry.created : below.lazy.compactMap(\.newest).max()
            if !isTop, let parent = entry.parent {
                finished[parent, default: []].append((node, newest))
            } else {
                tops.append((node, newest))
            }
        }
        return tops.sorted(by: Self.precedes).map(\.node)
    }

    /// Newest first; what has no date last; images before layers; then by id, so that the order never varies.
    private static func precedes(
        _ left: (node: TreeNode, newest: Timestamp?), _ right: (node: TreeNode, newest: Timestamp?)
    ) -> Bool {
        if left.newest != right.newest {
            guard let leftDate = left.newest else { return false }
            guard let rightDate = right.newest else { return true }
            return leftDate > rightDate
        }
        if left.node.kind != right.node.kind { return left.node.kind == .image }
        return left.node.id < right.node.id
    }

    private func sum(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left, let right else { return nil }
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}

// MARK: - Choosing

/// What a person typed to name images. A name wins over an id that begins with the same letters (`cafe`).
private struct Reference {
    let text: String
    let isName: Bool

    init(_ text: String, named images: [ImageRecord]) {
        self.text = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        isName = images.contains { $0.tags.contains { Reference.names(text, $0) } }
    }

    func matches(_ node: TreeNode) -> Bool {
        isName ? node.tags.contains { Reference.names(text, $0) } : !text.isEmpty && node.id.hasPrefix(text)
    }

    private static func names(_ text: String, _ tag: String) -> Bool { text == tag || text == repository(of: tag).name }
}

/// Keeps what a reference names, all below it, and the way to it.
private func pruned(_ node: TreeNode, to wanted: [Reference]) -> TreeNode? {
    if wanted.contains(where: { $0.matches(node) }) { return node }
    var kept = node
    kept.children = node.children.compactMap { pruned($0, to: wanted) }
    return kept.children.isEmpty ? nil : kept
}

/// Splits `registry:5000/shop/api:4.10` at the colon that begins the tag, not at the one of the registry's port.
package func repository(of tag: String) -> (name: String, tag: String) {
    guard let colon = tag.lastIndex(of: ":"), !tag[colon...].contains("/") else { return (tag, "") }
    return (String(tag[..<colon]), String(tag[tag.index(after: colon)...]))
}
