// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Reads `image/<driver>/imagedb` and `repositories.json`: the engine's images, Docker 1.10 and later.
///
///     imagedb/content/sha256/<id>            the image's configuration; its digest is its name
///     imagedb/metadata/sha256/<id>/parent    the classic builder's image below
///     repositories.json                      names of images
///
/// An image's layers follow from its diff IDs: the chain ID of each is the one in `layerdb` with that diff ID and the
/// chain ID below as its parent. That needs no hashing and finds the same, and checks `layerdb` on the way.
///
/// Source: moby `image/fs.go`, `image/store.go`, `reference/store.go`.
struct ImageDatabase {
    let driver: String

    private var store: RelativePath { RelativePath("image/\(driver)") }
    private var content: RelativePath { store / "imagedb" / "content" / "sha256" }
    private var metadata: RelativePath { store / "imagedb" / "metadata" / "sha256" }
    private static let areas: Set<Area> = [.images, .layers]

    func items(in root: Directory) -> Findings {
        var findings = Findings()
        let ids = findings.reading(content, hides: Self.areas) { try root.namesIfPresent(of: content) } ?? nil
        let extras = Set(
            (findings.reading(metadata, hides: [.images]) { try root.namesIfPresent(of: metadata) } ?? nil) ?? [])
        for id in ids ?? [] {
            let paths = [content / id] + (extras.contains(id) ? [metadata / id] : [])
            findings.add(Item(EntryName.isHexID(id) ? .image : .foreign, paths))
        }
        // Kept: a few bytes are not worth a risk.
        for id in extras.subtracting(ids ?? []) { findings.add(Item(.metadata, [metadata / id])) }
        return findings
    }

    func claims(in root: Directory, among items: Findings, layers: [String: LayerDatabase.Layer]) -> Findings {
        var findings = Findings()
        let names = readNames(in: root, into: &findings)
        let namesOf = Dictionary(grouping: names, by: \.id).mapValues { $0.map(\.name) }
        let chains = Dictionary(
            layers.map { (Link(parent: $0.value.parent, diffID: $0.value.diffID), $0.key) },
            uniquingKeysWith: { first, _ in first })
        let parts = items.items(in: content).filter { $0.thing == .image }.parts(of: 256)
        findings.merge(all: concurrently(parts.map { part in { self.images(part, namesOf, chains, in: root) } }))
        for (name, id) in names {
            findings.claim(content / id, by: .tag(name), source: (store / "repositories.json").text)
        }
        return findings
    }

    private func images(
        _ images: ArraySlice<Item>, _ namesOf: [String: [String]], _ chains: [Link: String], in root: Directory
    ) -> Findings {
        var findings = Findings()
        let records = LayerDatabase(driver: driver).records
        for item in images {
            findings.claim(item.path, by: .engine("its list of images"), .knows, source: item.path.text)
            // Gone since it was listed: removed meanwhile, and no longer anybody's claim.
            let found = findings.reading(item.path, hides: Self.areas) { try read(item.path, in: root) }
            guard let document = found ?? nil else { continue }
            var record = ImageRecord(id: String(item.path.name), path: item.path)
            record.driver = driver
            record.created = document.created.flatMap(Timestamp.init(rfc3339:))
            record.labels = document.config?.labels ?? [:]
            let references = namesOf[record.id] ?? []
            record.tags = references.filter { !$0.contains("@") }
            record.digests = references.filter { $0.contains("@") }
            record.chain = chain(of: document.rootfs?.diffIDs ?? [], chains)
            if let top = record.chain.last {
                findings.claim(records / top, by: .item(item.path), source: item.path.text)
            }
            if item.paths.count > 1 { claimParent(of: item, &record, in: root, &findings) }
            findings.catalog.images.append(record)
        }
        return findings
    }

    private struct Link: Hashable {
        var parent: String?
        var diffID: String
    }

    private struct Document: Decodable {
        var created: String?
        var rootfs: RootFS?
        var config: Config?

        struct Config: Decodable {
            var labels: [String: String]?

            enum CodingKeys: String, CodingKey { case labels = "Labels" }
        }

        struct RootFS: Decodable {
            var diffIDs: [String]?

            enum CodingKeys: String, CodingKey { case diffIDs = "diff_ids" }
        }
    }

    private func read(_ path: RelativePath, in root: Directory) throws -> Document? {
        try root.readIfPresent(path).map { try decodeJSON(Document.self, $0) }
    }

    /// Chain IDs from the base up, as far as `layerdb` has them: an image with a missing layer is broken, not a problem.
    private func chain(of diffIDs: [String], _ chains: [Link: String]) -> [String] {
        var chain: [String] = []
        for diffID in diffIDs {
            guard let next = chains[Link(parent: chain.last, diffID: diffID)] else { break }
            chain.append(next)
        }
        return chain
    }

    private func claimParent(of item: Item, _ record: inout ImageRecord, in root: Directory, _ findings: inout Findings)
    {
        let file = item.paths[1] / "parent"
        let parent = findings.reading(file, hides: [.images, .layers]) { () -> String? in
            guard let bytes = try root.readIfPresent(file, limit: 4096) else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            guard LayerDatabase.isDigest(text) else { throw FormatError("it does not hold an image ID") }
            return String(text.dropFirst("sha256:".count))
        }
        guard let parent = parent ?? nil else { return }
        record.parent = parent
        findings.claim(content / parent, by: .item(item.path), source: file.text)
    }

    /// Names in `repositories.json`: `{"Repositories":{"<repo>":{"<repo>:<tag>":"sha256:<id>"}}}`, or `<repo>@sha256:…`.
    private func readNames(in root: Directory, into findings: inout Findings) -> [(name: String, id: String)] {
        struct Document: Decodable { var Repositories: [String: [String: String]] }
        let file = store / "repositories.json"
        let document = findings.reading(file, hides: Self.areas) { () -> Document? in
            guard let bytes = try root.readIfPresent(file, limit: 64 << 20) else { return nil }
            return try decodeJSON(Document.self, bytes)
        }
        let names = (document ?? nil)?.Repositories.values.flatMap { $0.map { ($0.key, $0.value) } } ?? []
        return names.sorted { $0.0 < $1.0 }.compactMap { name, id in
            guard LayerDatabase.isDigest(id) else {
                findings.problem(
                    file.text, hides: Self.areas, because: "\(EntryName.escaped(text: name)) has no image ID")
                return nil
            }
            return (EntryName.escaped(text: name), String(id.dropFirst("sha256:".count)))
        }
    }
}
