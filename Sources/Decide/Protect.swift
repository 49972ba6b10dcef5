// SPDX-License-Identifier: Apache-2.0

package import Model

/// Gives items the names that people know them by, and marks those that the keep list or the label `bilge.keep=true` protects.
package func giveNames(to judged: inout [Judged], _ catalog: Catalog, keep: [Glob]) {
    var names: [RelativePath: [String]] = [:]
    names.reserveCapacity(catalog.images.count + catalog.containers.count)
    // Records are looked at where they are: there are thousands, and each is large.
    for number in catalog.images.indices {
        names[catalog.images[number].path, default: []] += catalog.images[number].tags
    }
    for number in catalog.containers.indices where !catalog.containers[number].name.isEmpty {
        names[catalog.containers[number].path, default: []].append(catalog.containers[number].name)
    }
    var labelled: Set<RelativePath> = []
    for number in catalog.volumes.indices where catalog.volumes[number].labels["bilge.keep"] == "true" {
        labelled.insert(catalog.volumes[number].path)
    }
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
