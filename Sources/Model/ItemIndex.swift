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

    private struct Place {
        /// The path that the item is known by of which this is an entry.
        var owner: RelativePath?
        /// True if items lie below.
        var isAbove = false
    }

    private var places: [RelativePath: Place] = [.root: Place(isAbove: true)]

    package init() {}

    package init(_ items: some Sequence<Item>) {
        for item in items { add(item) }
    }

    package mutating func reserveCapacity(_ items: Int) { places.reserveCapacity(items) }

    package mutating func add(_ item: Item) {
        for path in item.paths {
            places[path, default: Place()].owner = item.path
            var parent = path.parent
            while let directory = parent, markAbove(directory) { parent = directory.parent }
        }
    }

    /// Returns false if it was marked already, and so is everything above it.
    private mutating func markAbove(_ directory: RelativePath) -> Bool {
        guard places[directory]?.isAbove != true else { return false }
        places[directory, default: Place()].isAbove = true
        return true
    }

    /// The innermost item that `path` lies in.
    ///
    /// A directory of items may itself be an item (`volumes`); a claim on it is `above`, since what it means is below.
    package func meaning(of path: RelativePath) -> Meaning {
        var candidate: RelativePath? = path
        while let current = candidate {
            if let place = places[current] {
                // Only the path itself: further up, every directory of items is above something.
                if place.isAbove, current == path { return .above }
                if let owner = place.owner { return .item(owner) }
            }
            candidate = current.parent
        }
        return .nothing
    }

    /// True if an item has exactly this path as one of its entries.
    package func has(_ path: RelativePath) -> Bool { places[path]?.owner != nil }
}
