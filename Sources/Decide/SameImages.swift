// SPDX-License-Identifier: Apache-2.0

import Model

/// The catalog with each image once.
///
/// A root that was switched to the containerd image store may hold an image in both stores: there it is known by its
/// manifest, in the storage driver's by its configuration. It is shown as containerd knows it, with the names of both,
/// and with the layers of the one store only, unless something else stands on those of the other.
func eachImageOnce(_ catalog: Catalog) -> Catalog {
    var twins: [String: Int] = [:]
    for (index, image) in catalog.images.enumerated() {
        guard let id = image.configID, !image.chain.isEmpty else { continue }
        // One configuration may be in an index and in a manifest: the first by id, so that the choice never varies.
        if let other = twins[id], catalog.images[other].id < image.id { continue }
        twins[id] = index
    }
    var merged = catalog
    var dropped: Set<LayerKey> = []
    var kept: Set<LayerKey> = []
    merged.images = []
    var names: [Int: ImageRecord] = [:]
    for image in catalog.images {
        let layers = image.chain.map { LayerKey(driver: image.driver ?? "", chainID: $0) }
        if image.configID == nil, image.driver != nil, let twin = twins[image.id] {
            names[twin, default: catalog.images[twin]].takeNames(of: image)
            dropped.formUnion(layers)
        } else {
            kept.formUnion(layers)
        }
    }
    for (index, image) in catalog.images.enumerated() {
        if image.configID == nil, image.driver != nil, twins[image.id] != nil { continue }
        merged.images.append(names[index] ?? image)
    }
    guard !dropped.isEmpty else { return catalog }
    let parents = Dictionary(
        catalog.layers.compactMap { layer in layer.parent.map { (LayerKey(layer), LayerKey(layer.driver, $0)) } }
    ) { first, _ in first }
    for layer in catalog.layers where !dropped.contains(LayerKey(layer)) {
        var next = parents[LayerKey(layer)]
        while let key = next, kept.insert(key).inserted { next = parents[key] }
    }
    merged.layers = catalog.layers.filter { kept.contains(LayerKey($0)) || !dropped.contains(LayerKey($0)) }
    return merged
}

/// A layer of one store.
private struct LayerKey: Hashable {
    var driver: String
    var chainID: String

    init(driver: String, chainID: String) {
        self.driver = driver
        self.chainID = chainID
    }

    init(_ driver: String, _ chainID: String) { self.init(driver: driver, chainID: chainID) }

    init(_ layer: LayerRecord) { self.init(driver: layer.driver, chainID: layer.chainID) }
}

extension ImageRecord {
    fileprivate mutating func takeNames(of other: ImageRecord) {
        tags += other.tags.filter { !tags.contains($0) }
        digests += other.digests.filter { !digests.contains($0) }
    }
}
