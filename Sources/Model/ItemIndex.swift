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
        /// Number of the item that is known by this path; -1 if none is.
        var item: Int32 = -1
        /// Number of the item of which this is an entry; -1 if it is none.
        var owner: Int32 = -1
        /// True if items lie below.
        var isAbove = false

        /// Returns its number, which is `next` if it has none yet.
        mutating func enter(_ next: Int32) -> Int32 {
            if item < 0 { item = next }
            owner = item
            return item
        }
    }

    private var places: [RelativePath: Place] = [.root: Place(isAbove: true)]
    /// The paths that items are known by, in the order of their numbers.
    package private(set) var known: [RelativePath] = []

    package init() {}

    package init(_ items: some Sequence<Item>) {
        for item in items { add(item) }
    }

    package mutating func reserveCapacity(_ items: Int) {
        places.reserveCapacity(items * 2)
        known.reserveCapacity(items)
    }

    package mutating func add(_ item: Item) {
        enter(item)
        if let parent = item.path.parent { markAbove(parent) }
    }

    /// The same, but for marking the directory that the item is in.
    mutating func enter(_ item: Item) {
        let number = places[item.path, default: Place()].enter(Int32(known.count))
        if number == known.count { known.append(item.path) }
        for path in item.paths.dropFirst() {
            places[path, default: Place()].owner = number
            if let parent = path.parent { markAbove(parent) }
        }
    }

    /// Marks a directory of items, and all that it is in.
    mutating func markAbove(_ directory: RelativePath) {
        var next: RelativePath? = directory
        // What is marked has everything above it marked.
        while let directory = next, places[directory]?.isAbove != true {
            places[directory, default: Place()].isAbove = true
            next = directory.parent
        }
    }

    /// The number of the item that is known by exactly this path, from 0 on.
    package func number(of path: RelativePath) -> Int? {
        places[path].flatMap { $0.item >= 0 ? Int($0.item) : nil }
    }

    /// The innermost item that `path` lies in.
    ///
    /// A directory of items may itself be an item (`volumes`); a claim on it is `above`, since what it means is below.
    package func meaning(of path: RelativePath) -> Meaning {
        guard let (number, isAbove) = find(path) else { return .nothing }
        return isAbove ? .above : .item(known[number])
    }

    /// The same by number; that of something above items counts only if it is an item as well, and is -1 otherwise.
    package func find(_ path: RelativePath) -> (number: Int, isAbove: Bool)? {
        if let place = places[path] {
            if place.isAbove { return (Int(place.item), true) }
            if place.owner >= 0 { return (Int(place.owner), false) }
        }
        var candidate = path.parent
        while let current = candidate {
            // Further up, every directory of items is above something.
            if let place = places[current], place.owner >= 0 { return (Int(place.owner), false) }
            candidate = current.parent
        }
        return nil
    }

    /// True if an item has exactly this path as one of its entries.
    package func has(_ path: RelativePath) -> Bool { places[path].map { $0.owner >= 0 } ?? false }
}
