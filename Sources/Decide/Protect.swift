// SPDX-License-Identifier: Apache-2.0

package import Model

/// Gives items the names that people know them by, and marks those that the keep list or the label `bilge.keep=true` protects.
package func giveNames(to judged: inout [Judged], _ catalog: Catalog, keep: [Glob]) {
    var names: [RelativePath: [String]] = [:]
    for image in catalog.images { names[image.path, default: []] += image.tags }
    for container in catalog.containers where !container.name.isEmpty {
        names[container.path, default: []].append(container.name)
    }
    let labelled = Set(catalog.volumes.filter { $0.labels["bilge.keep"] == "true" }.map(\.path))
    for number in judged.indices {
        let path = judged[number].item.path
        if let known = names[path] { judged[number].item.names = known }
        if labelled.contains(path) {
            judged[number].isProtected = true
        } else if !keep.isEmpty {
            let words = judged[number].item.names + [judged[number].item.id]
            judged[number].isProtected = keep.contains { glob in words.contains(where: glob.matches) }
        }
    }
}
