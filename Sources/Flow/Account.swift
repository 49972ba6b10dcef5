// SPDX-License-Identifier: Apache-2.0

package import Decide
import Disk
package import Model
import Observe

/// Where every byte below a root goes, and what the file systems that hold it say beside that.
package struct Account: Sendable {
    /// Of every item, by its path, also of those outside the data root. What a nested item owns is not counted in its parent.
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

    /// The same of each root of containerd outside the data root, in the order of the survey's `stores`.
    package var stores: [Account] = []

    package var total: Usage { usage.filter { !$0.key.isAbsolute }.values.reduce(rest, +) }
}

/// Adds up a root, file system by file system.
///
/// - Parameter usage: of all items of `survey`.
package func account(of survey: Survey, _ usage: [RelativePath: Usage]) throws -> Account {
    var account = try account(
        of: survey.items.map(\.item).filter { !$0.path.isAbsolute }, in: survey.directory, at: survey.root.path, usage,
        survey)
    account.unclaimed = UnclaimedImages(survey.items, survey.reach, usage)
    for root in survey.stores {
        guard let store = root.outside?.store, let directory = store.directory else { continue }
        let inner = Dictionary(usage.filter { store.base.contains($0.key) }.map { (store.inside($0.key), $0.value) }) {
            first, _ in first
        }
        account.stores.append(
            try Flow.account(
                of: store.inside(survey.items.map(\.item)), in: directory, at: root.path, inner, survey))
    }
    return account
}

/// Adds up one root. A lease is no entry of any.
private func account(
    of items: [Item], in directory: Directory, at path: String, _ usage: [RelativePath: Usage], _ survey: Survey
) throws -> Account {
    let items = items.filter { $0.thing != .lease }
    let paths = items.flatMap(\.paths)
    let rest = measure(in: directory, groups: [[.root]], excluding: topmost(paths), threads: 1)[0]
    let systems = try RootFileSystems(of: directory, at: path, items: paths, sources: survey.place.sources)
    var below = Array(repeating: Usage(), count: systems.all.count)
    var counts = Array(repeating: 0, count: systems.all.count)
    below[0] += rest
    for item in items {
        let indices = item.paths.map(systems.index)
        guard let first = indices.first else { continue }
        counts[first] += 1
        if indices.allSatisfy({ $0 == first }) {
            below[first] += usage[item.path] ?? Usage()
        } else {
            // A volume of old may have its record on one file system and its data on another.
            let parts = measure(
                in: directory, groups: item.paths.map { [$0] }, excluding: Set(paths), threads: 1)
            for (index, part) in zip(indices, parts) { below[index] += part }
        }
    }
    return Account(
        usage: usage, rest: rest,
        ledgers: systems.all.indices.map { Ledger(systems.all[$0], below: below[$0], items: counts[$0]) },
        onTop: systems.onTop,
        unasked: systems.unasked, unclaimed: UnclaimedImages())
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
