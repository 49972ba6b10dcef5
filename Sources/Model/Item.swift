// SPDX-License-Identifier: Apache-2.0

/// A thing in a data root that takes space and has one owner: what is listed, explained, and moved as one.
package struct Item: Hashable, Sendable {
    /// The path it is known by, the first of `paths`.
    package var path: RelativePath
    /// What kind of thing it is; decides who may claim it, and whether and in which order it may be moved.
    package var thing: Thing
    /// Every entry that belongs to it, in the order in which quarantine moves them.
    ///
    /// Data comes first and the record of it last, a layer before its link, a child before its parent, so that a crash
    /// half way leaves nothing that the engine would take for whole.
    package var paths: [RelativePath]
    /// Newest `mtime` of its top entries; `nil` until somebody looked.
    package var modified: Timestamp?
    /// What a person would call it, such as `shop/api:4.10` or `web-1`; empty if it has no such name.
    package var names: [String]

    package init(_ thing: Thing, _ paths: [RelativePath], modified: Timestamp? = nil, names: [String] = []) {
        precondition(!paths.isEmpty, "an item has at least one path")
        path = paths[0]
        self.thing = thing
        self.paths = paths
        self.modified = modified
        self.names = names
    }

    /// The id in listings: the name of its first entry.
    package var id: String { String(path.name) }
}

/// Class of thing: one row of `docs/classes.md` each, and a test holds the two together.
///
/// `Decide` switches over it exhaustively; adding a case is a decision about who may claim the thing and whether Bilge
/// may ever move it.
package enum Thing: String, Codable, CaseIterable, Sendable {
    /// A read-only layer of images, or one whose kind nobody recorded: `<driver>/<id>` and what belongs to it.
    case layer
    /// A container's `<id>-init` layer.
    case initLayer
    /// A container's writable layer.
    case rwLayer
    /// A layer in the middle of being removed by the engine, which renamed it first: `*-removing`.
    case removingLayer
    /// A driver directory owned by BuildKit.
    case buildCache
    /// What BuildKit keeps beside the driver: `buildkit/executor/<id>`, `buildkit/content`.
    case buildScratch
    /// `overlay2/l/<link>` whose layer does not exist.
    case danglingLink
    /// The record of an image: `graph/<id>` or `image/<driver>/imagedb/…/<id>`.
    case image
    /// The record of a layer whose directory is not there: `image/<driver>/layerdb/sha256/<chain>`.
    case layerRecord
    /// The record of a container's layers: `image/<driver>/layerdb/mounts/<id>`.
    case mountRecord
    /// `containers/<id>` with a record of a container.
    case container
    /// `containers/<id>` without any record of a container: left by a killed `create` or a failed `rm`.
    case containerLeftover
    /// The log files of a container, kept apart because no engine counts them.
    case log
    /// A volume with a 64-digit name: nobody chose it.
    case anonymousVolume
    /// A volume with a name that a person chose.
    case namedVolume
    /// What Docker 1.3 to 1.6 wrote about a bind mount: `volumes/<id>/config.json`; the data is elsewhere.
    case bindRecord
    /// `layerdb/tmp/write-set-*`, `graph/_tmp/*`, `tmp/*`, `tmp-old`: scratch of a pull, build or import.
    case scratch
    /// `plugins/<id>`.
    case plugin
    /// `plugins/<id>-removing`: never cleaned by any engine.
    case removingPlugin
    /// A snapshot directory of containerd.
    case snapshot
    /// A content blob of containerd.
    case blob
    /// A content ingest of containerd.
    case ingest
    /// A lease of containerd: a record that holds snapshots and content, and no entry on the disk.
    case lease
    /// The engine's own files and directories.
    case metadata
    /// Data of a storage driver that Bilge reports but does not read: btrfs, zfs, devicemapper.
    case otherDriver
    /// A name that no engine makes.
    case foreign

    /// The word for it in JSON (`"kind"`), which other programs rely on.
    package var kind: String {
        switch self {
        case .layer, .removingLayer: "layer"
        case .initLayer: "initLayer"
        case .rwLayer: "rwLayer"
        case .buildCache: "buildCache"
        case .image: "image"
        case .container: "container"
        case .log: "log"
        case .anonymousVolume, .namedVolume: "volume"
        case .plugin: "plugin"
        case .snapshot: "snapshot"
        case .blob: "blob"
        case .ingest: "ingest"
        case .lease: "lease"
        case .danglingLink, .containerLeftover, .bindRecord, .scratch, .removingPlugin, .buildScratch: "leftover"
        case .layerRecord, .mountRecord, .metadata: "metadata"
        case .otherDriver: "otherDriver"
        case .foreign: "foreign"
        }
    }

    package var isVolume: Bool { self == .anonymousVolume || self == .namedVolume }
}
