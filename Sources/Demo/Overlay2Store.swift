// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Writes what Docker 20.10 with overlay2 keeps of images and of the layers of containers.
///
/// Ids are made up. Real chain IDs and image IDs are digests of what they name; here only the records agree with each
/// other, which is all that a reader of the records can see.
///
/// Source: moby v20.10.24 `layer/filestore.go`, `image/fs.go`, `daemon/graphdriver/overlay2/overlay.go`.
struct Overlay2Store {
    static let layers = RelativePath("image/overlay2/layerdb/sha256")
    static let mounts = RelativePath("image/overlay2/layerdb/mounts")
    static let scratch = RelativePath("image/overlay2/layerdb/tmp")
    private static let images = RelativePath("image/overlay2/imagedb")
    private static let driver = RelativePath("overlay2")

    let tree: SampleTree

    /// A layer, with what stands in the records of those on top of it.
    struct Layer {
        var chainID: String
        var diffID: String
        var cacheID: String
        /// Links of the layers below, the nearest first.
        var below: [String]
        var link: String
        var size: Int64

        var directory: RelativePath { Overlay2Store.driver / cacheID }
        var linkPath: RelativePath { Overlay2Store.driver / "l" / link }
        /// As a layer on top of it lists them.
        var chain: [String] { [link] + below }

        init(_ label: String, on parent: Layer?, size: Int64) {
            chainID = SampleID.hex("chain \(label)")
            diffID = SampleID.hex("diff \(label)")
            cacheID = SampleID.hex("cache \(label)")
            link = SampleID.link(label)
            below = parent?.chain ?? []
            self.size = size
        }
    }

    /// The directories that every root of this era has.
    func makeFrame() throws(DiskError) {
        for (path, mode) in [
            ("buildkit", 0o711), ("containers", 0o710), ("image", 0o700), ("image/overlay2", 0o700),
            ("image/overlay2/distribution", 0o700), ("image/overlay2/imagedb", 0o700),
            ("image/overlay2/imagedb/content", 0o700), ("image/overlay2/imagedb/content/sha256", 0o700),
            ("image/overlay2/imagedb/metadata", 0o700), ("image/overlay2/imagedb/metadata/sha256", 0o700),
            ("image/overlay2/layerdb", 0o700), ("image/overlay2/layerdb/mounts", 0o755),
            ("image/overlay2/layerdb/sha256", 0o755), ("image/overlay2/layerdb/tmp", 0o755), ("network", 0o750),
            ("network/files", 0o750), ("overlay2", 0o710), ("overlay2/l", 0o710), ("plugins", 0o700),
            ("runtimes", 0o700), ("swarm", 0o700), ("tmp", 0o700), ("trust", 0o700), ("volumes", 0o701),
        ] as [(String, UInt32)] {
            try tree.directory(RelativePath(path), mode: mode)
        }
    }

    /// A layer with its record.
    func make(_ layer: Layer, on parent: Layer?, files: [(String, [UInt8])] = []) throws(DiskError) {
        try makeDirectory(layer.cacheID, link: layer.link, below: layer.below, files: files)
        try makeRecord(layer, named: layer.chainID, on: parent)
    }

    /// `layerdb/sha256/<name>`.
    func makeRecord(_ layer: Layer, named name: String, on parent: Layer?) throws(DiskError) {
        let record = Self.layers / name
        try tree.directory(record, mode: 0o700)
        try tree.file(record / "cache-id", layer.cacheID)
        try tree.file(record / "diff", "sha256:\(layer.diffID)")
        if let parent { try tree.file(record / "parent", "sha256:\(parent.chainID)") }
        try tree.file(record / "size", "\(layer.size)")
        try tree.file(record / "tar-split.json.gz", Self.emptyArchive)
    }

    /// `overlay2/<id>` and its link; a layer on others has `lower` and `work`, one below others `committed`.
    func makeDirectory(
        _ id: String, link: String, below: [String], committed: Bool = true, files: [(String, [UInt8])] = []
    ) throws(DiskError) {
        let directory = Self.driver / id
        try tree.directory(directory, mode: 0o710)
        try tree.directory(directory / "diff")
        for (name, bytes) in files { try tree.file(directory / "diff" / name, bytes) }
        try tree.link(Self.driver / "l" / link, to: "../\(id)/diff")
        try tree.file(directory / "link", link)
        if committed { try tree.file(directory / "committed", "", mode: 0o600) }
        guard !below.isEmpty else { return }
        try tree.file(directory / "lower", below.map { "l/\($0)" }.joined(separator: ":"))
        try tree.directory(directory / "work", mode: 0o700)
    }

    /// The configuration of an image of these layers, the base first. Returns its id.
    func makeImage(_ label: String, of layers: [Layer], created: Timestamp, command: String) throws(DiskError) -> String
    {
        let id = SampleID.hex("image \(label)")
        let diffs = layers.map { #""sha256:\#($0.diffID)""# }.joined(separator: ",")
        let history = layers.map { _ in #"{"created":"\#(created.rfc3339)","created_by":"/bin/sh -c \#(command)"}"# }
        let config = Container.config(host: "", image: "", command: command, labels: [:])
        try tree.file(
            Self.images / "content" / "sha256" / id,
            #"{"architecture":"amd64","config":\#(config),"container_config":\#(config),"created":"\#(created.rfc3339)","#
                + #""docker_version":"20.10.23","history":[\#(history.joined(separator: ","))],"os":"linux","#
                + #""rootfs":{"type":"layers","diff_ids":[\#(diffs)]}}"#, mode: 0o600)
        let metadata = Self.images / "metadata" / "sha256" / id
        try tree.directory(metadata, mode: 0o700)
        try tree.file(metadata / "lastUpdated", created.rfc3339, mode: 0o600)
        return id
    }

    /// `repositories.json`, from names (`shop/api:4.10`, `shop/api@sha256:…`) to image ids.
    func makeTags(_ names: [(name: String, id: String)]) throws(DiskError) {
        func repository(_ name: String) -> Substring { name.prefix { $0 != ":" && $0 != "@" } }
        let repositories = Set(names.map { repository($0.name) }).sorted().map { name in
            let references = names.filter { repository($0.name) == name }.sorted { $0.name < $1.name }
                .map { #""\#($0.name)":"sha256:\#($0.id)""# }
            return #""\#(name)":{\#(references.joined(separator: ","))}"#
        }
        try tree.file(
            RelativePath("image/overlay2/repositories.json"),
            #"{"Repositories":{\#(repositories.joined(separator: ","))}}"#, mode: 0o600)
    }

    /// The writable and the init layer of a container, and the record of both. Returns all their paths.
    @discardableResult
    func makeMount(_ container: String, on top: Layer, files: [(String, [UInt8])] = []) throws(DiskError)
        -> [RelativePath]
    {
        let id = SampleID.hex("mount \(container)")
        let links = (writable: SampleID.link("mount \(container)"), initial: SampleID.link("init \(container)"))
        try makeDirectory("\(id)-init", link: links.initial, below: top.chain)
        try makeDirectory(id, link: links.writable, below: [links.initial] + top.chain, committed: false, files: files)
        let record = Self.mounts / container
        try tree.directory(record)
        try tree.file(record / "mount-id", id)
        try tree.file(record / "init-id", "\(id)-init")
        try tree.file(record / "parent", "sha256:\(top.chainID)")
        return [
            Self.driver / id, Self.driver / "\(id)-init", Self.driver / "l" / links.writable,
            Self.driver / "l" / links.initial, record,
        ]
    }

    /// gzip of nothing: header, one empty block, checksum and length 0.
    private static let emptyArchive: [UInt8] = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}
