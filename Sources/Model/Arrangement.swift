// SPDX-License-Identifier: Apache-2.0

/// The items of a root in the ways that they are looked for.
package struct Arrangement: Sendable {
    /// The paths of items by the directory that holds them, sorted.
    private(set) var folders: [RelativePath: [RelativePath]] = [:]
    /// All of them, sorted.
    private(set) var paths: [RelativePath] = []
    var index = ItemIndex()

    /// The items of all parts; one that several have is the first one's.
    init(_ parts: [Findings]) {
        index.reserveCapacity(parts.reduce(0) { $0 + $1.items.count })
        var all: [RelativePath] = []
        for part in parts where !part.items.isEmpty {
            let paths = part.paths
            for path in paths where index.number(of: path) == nil {
                if let item = part.items[path] { index.enter(item) }
            }
            all.merge(sorted: paths)
        }
        enter(all)
        for folder in folders.keys { index.markAbove(folder) }
    }

    /// Takes in paths that are new and sorted.
    mutating func enter(_ fresh: [RelativePath]) {
        // In order, so that what is in a folder follows upon each other.
        var folder = RelativePath.root
        var inside: [RelativePath] = []
        for path in fresh {
            if !path.isDirectly(in: folder) {
                if !inside.isEmpty { folders[folder, default: []].merge(sorted: inside) }
                folder = path.parent ?? .root
                inside = []
            }
            inside.append(path)
        }
        if !inside.isEmpty { folders[folder, default: []].merge(sorted: inside) }
        paths.merge(sorted: fresh)
    }
}

extension [RelativePath] {
    /// Merges two lists that are sorted, each path once.
    fileprivate mutating func merge(sorted other: [RelativePath]) {
        guard let first = other.first else { return }
        if let last, first <= last { self = merging(sorted: other) } else { join(other) }
    }

    private func merging(sorted other: [RelativePath]) -> [RelativePath] {
        var merged: [RelativePath] = []
        merged.reserveCapacity(count + other.count)
        var rest = self[...]
        for path in other {
            // Mostly all that is left goes before the next one, or nothing.
            let next = rest.firstIndex(notBefore: path)
            merged += rest[..<next]
            rest = rest[next...]
            if rest.first != path { merged.append(path) }
        }
        return merged + rest
    }
}

extension RandomAccessCollection<RelativePath> where Index == Int {
    /// Where `path` is, or would be, in a sorted list.
    func firstIndex(notBefore path: RelativePath) -> Int {
        var range = startIndex..<endIndex
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = self[middle] < path ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}
