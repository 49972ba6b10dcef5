// SPDX-License-Identifier: Apache-2.0

package import Model

/// What became larger, smaller, more and less from one snapshot of a root to another.
package struct Growth: Hashable, Sendable {
    package enum Change: String, CaseIterable, Sendable { case new, grown, shrunk, gone }

    package struct Line: Hashable, Sendable {
        package var path: RelativePath
        package var thing: Thing
        package var names: [String]
        package var change: Change
        package var before: Usage
        package var after: Usage

        package var bytes: Int64 { after.allocatedBytes - before.allocatedBytes }
        package var inodes: Int64 { after.inodes - before.inodes }
    }

    /// What changed in bytes or in number of inodes; the largest change first.
    package var lines: [Line]
    package var before: Usage
    package var after: Usage

    package init(from old: Snapshot, to new: Snapshot) {
        let earlier = Dictionary(old.items.map { ($0.path, $0) }) { first, _ in first }
        let later = Set(new.items.map(\.path))
        var lines: [Line] = []
        for item in new.items {
            guard let known = earlier[item.path] else {
                lines.append(Line(item, .new, from: Usage(), to: item.usage))
                continue
            }
            let (before, after) = (known.usage, item.usage)
            guard (before.allocatedBytes, before.inodes) != (after.allocatedBytes, after.inodes) else { continue }
            let isLess = (after.allocatedBytes, after.inodes) < (before.allocatedBytes, before.inodes)
            lines.append(Line(item, isLess ? .shrunk : .grown, from: before, to: after))
        }
        for item in old.items where !later.contains(item.path) {
            lines.append(Line(item, .gone, from: item.usage, to: Usage()))
        }
        self.lines = lines.sorted {
            ($1.bytes.magnitude, $1.inodes.magnitude, $0.path) < ($0.bytes.magnitude, $0.inodes.magnitude, $1.path)
        }
        before = old.total
        after = new.total
    }
}

extension Growth.Line {
    fileprivate init(_ item: Snapshot.Line, _ change: Growth.Change, from before: Usage, to after: Usage) {
        self.init(
            path: item.path, thing: item.thing, names: item.names, change: change, before: before, after: after)
    }
}
