// SPDX-License-Identifier: Apache-2.0

/// Finds the item that a path means: the item's own entries, anything inside them, or a directory of items.
package struct ItemIndex: Sendable {
    package enum Meaning: Hashable, Sendable {
        /// The path is an entry of the item or lies inside one.
        case item(RelativePath)
        /// The path is above items: a claim on it is a claim on all that lies below.
        case above
        /// Nothing here.
        case nothing
    }

    /// Every path of every item, to the path the item is known by.
    private var owner: [RelativePath: RelativePath] = [:]
    private var above: Set<RelativePath> = [.root]

    package init(_ items: some Sequence<Item>) {
        for item in items {
            for path in item.paths {
                owner[path] = item.path
                var parent = path.parent
                while let directory = parent, above.insert(directory).inserted { parent = directory.parent }
            }
        }
    }

    /// The innermost item that `path` lies in.
    ///
    /// A directory of items may itself be an item (`volumes`); a claim on it is `above`, since what it means is below.
    package func meaning(of path: RelativePath) -> Meaning {
        if above.contains(path) { return .above }
        var candidate: RelativePath? = path
        while let current = candidate {
            if let item = owner[current] { return .item(item) }
            candidate = current.parent
        }
        return .nothing
    }

    /// True if an item has exactly this path as one of its entries.
    package func has(_ path: RelativePath) -> Bool { owner[path] != nil }
}
