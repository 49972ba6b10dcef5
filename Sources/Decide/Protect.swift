// SPDX-License-Identifier: Apache-2.0

package import Model

/// Gives items the names that people know them by, and marks those that the keep list or the label `bilge.keep=true` protects.
package func named(_ judged: [Judged], _ catalog: Catalog, keep: [Glob]) -> [Judged] {
    var names: [RelativePath: [String]] = [:]
    for image in catalog.images { names[image.path, default: []] += image.tags }
    for container in catalog.containers where !container.name.isEmpty {
        names[container.path, default: []].append(container.name)
    }
    let labelled = Set(catalog.volumes.filter { $0.labels["bilge.keep"] == "true" }.map(\.path))
    return judged.map { entry in
        var entry = entry
        entry.item.names = names[entry.item.path] ?? []
        let words = entry.item.names + [entry.item.id]
        entry.isProtected =
            labelled.contains(entry.item.path) || keep.contains { glob in words.contains(where: glob.matches) }
        return entry
    }
}
