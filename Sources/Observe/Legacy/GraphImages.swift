// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Reads the entries of `graph/` one by one: what an image claims, and whether the engine knows it.
struct GraphImages {
    let root: Directory
    let items: Findings
    /// Names in all `repositories-*`, by the image's id.
    let names: [String: Set<ImageName>]
    let layers: ImageLayers
    /// The root was upgraded to 1.10 or later. No engine of today reads `graph/` then, but an older one may return.
    let isMigrated: Bool

    func read(_ id: String, _ findings: inout Findings) {
        let path = ImageGraph.folder / id
        let layers = layers.paths(of: id)
        // Also where the record is damaged: without its entry in graph/ no engine would ever find the layer.
        for layer in layers {
            findings.claim(layer, by: items.claimant(path), as: .layer, source: path.text)
        }
        let record = path / "json"
        let document = findings.reading(record, hides: ImageGraph.proof.union([.item(path)])) {
            () throws -> ImageDocument? in
            guard let bytes = try root.readIfPresent(record) else {
                guard try mayBeImage(id, layers) else { return nil }
                throw FormatError("the record of an image is missing")
            }
            return try ImageDocument.read(bytes, of: id)
        }
        guard let document = document ?? nil else { return }
        if let parent = document.parent { claimParent(parent, of: path, &findings) }
        if isMigrated || isKnown(path, layers, &findings) {
            findings.claim(path, by: .engine("image graph"), .knows, source: record.text)
        }
        findings.catalog.images.append(catalogRecord(id, path, document))
    }

    /// Without a record, a layer, and a name, an entry is what an interrupted removal leaves.
    private func mayBeImage(_ id: String, _ layers: [RelativePath]) throws(DiskError) -> Bool {
        if self.layers.mayExist(layers) || names[id] != nil { return true }
        return try hasOwnLayer(ImageGraph.folder / id)
    }

    private func claimParent(_ parent: String, of path: RelativePath, _ findings: inout Findings) {
        let source = (path / "json").text
        let target = ImageGraph.folder / parent
        findings.claim(target, by: items.claimant(path), source: source)
        guard !items.has(target) else { return }
        if items.hasNearly(target) {
            findings.problem(
                source, hides: ImageGraph.proof, because: "no image has its parent's id, but one has nearly the same")
        }
        // The engine mounts the layer of a missing parent all the same.
        for layer in layers.paths(of: parent) {
            findings.claim(layer, by: items.claimant(path), as: .layer, source: source)
        }
    }

    /// True if an engine of 1.0 to 1.9 would load it with some storage driver.
    private func isKnown(_ path: RelativePath, _ layers: [RelativePath], _ findings: inout Findings) -> Bool {
        if self.layers.mayExist(layers) { return true }
        // Unreadable is not absent: the problem keeps the entry.
        return findings.reading(path, hides: [.item(path)]) { try hasOwnLayer(path) } ?? false
    }

    /// True if the layer is still where Docker kept it before 0.7.
    private func hasOwnLayer(_ path: RelativePath) throws(DiskError) -> Bool {
        try root.statusIfPresent(path / "layer") != nil
    }

    private func catalogRecord(_ id: String, _ path: RelativePath, _ document: ImageDocument) -> ImageRecord {
        var record = ImageRecord(id: id, path: path)
        record.parent = document.parent
        let names = names[id] ?? []
        record.tags = names.filter { !$0.isDigest }.map(\.text).sorted()
        record.digests = names.filter(\.isDigest).map(\.text).sorted()
        record.created = document.created.flatMap(Timestamp.init(rfc3339:))
        record.ownBytes = ownBytes(path, document)
        return record
    }

    /// A size is something to show, never a proof: one that cannot be read is unknown and no problem.
    private func ownBytes(_ path: RelativePath, _ document: ImageDocument) -> Int64? {
        let size: Int64?
        do {
            let bytes = try root.readIfPresent(path / "layersize", limit: 64)
            size = bytes.map { Int64(String(decoding: $0, as: UTF8.self)) } ?? document.size
        } catch {
            size = nil
        }
        return size.flatMap { $0 < 0 ? nil : $0 }
    }
}
