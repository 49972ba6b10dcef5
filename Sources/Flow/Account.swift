// SPDX-License-Identifier: Apache-2.0

package import Decide
import Disk
package import Model
import Observe

/// Where every byte below a root goes, and what the file systems that hold it say beside that.
package struct Account: Sendable {
    /// Of every item, by its path. What a nested item owns is not counted in its parent.
    package var usage: [RelativePath: Usage]
    /// What lies below the root and is no item: the root directory itself.
    package var rest: Usage
    /// One for each file system that holds items; the root's own first.
    package var ledgers: [Ledger]
    /// What is mounted below the root and was not counted.
    package var onTop: [MountOnTop]
    /// Processes that could not be asked which files they hold.
    package var unasked: Int
    /// What would go with all images that nothing needs.
    package var unclaimed: UnclaimedImages

    package var total: Usage { usage.values.reduce(rest, +) }
}

/// Adds up a root, file system by file system.
///
/// - Parameter usage: of all items of `survey`.
package func account(of survey: Survey, _ usage: [RelativePath: Usage]) throws -> Account {
    let paths = survey.items.flatMap(\.item.paths)
    let rest = measure(in: survey.directory, groups: [[.root]], excluding: topmost(paths), threads: 1)[0]
    let systems = try RootFileSystems(
        of: survey.directory, at: survey.root.path, items: paths, sources: survey.place.sources)
    var below = Array(repeating: Usage(), count: systems.all.count)
    var counts = Array(repeating: 0, count: systems.all.count)
    below[0] += rest
    for entry in survey.items {
        let indices = entry.item.paths.map(systems.index)
        guard let first = indices.first else { continue }
        counts[first] += 1
        if indices.allSatisfy({ $0 == first }) {
            below[first] += usage[entry.item.path] ?? Usage()
        } else {
            // A volume of old may have its record on one file system and its data on another.
            let parts = measure(
                in: survey.directory, groups: entry.item.paths.map { [$0] }, excluding: Set(paths), threads: 1)
            for (index, part) in zip(indices, parts) { below[index] += part }
        }
    }
    return Account(
        usage: usage, rest: rest,
        ledgers: systems.all.indices.map { Ledger(systems.all[$0], below: below[$0], items: counts[$0]) },
        onTop: systems.onTop,
        unasked: systems.unasked, unclaimed: UnclaimedImages(survey.items, survey.reach, usage))
}

/// Paths that lie in no other of them.
private func topmost(_ paths: [RelativePath]) -> Set<RelativePath> {
    let all = Set(paths)
    return all.filter { path in
        var parent = path.parent
        while let above = parent {
            if all.contains(above) { return false }
            parent = above.parent
        }
        return true
    }
}
