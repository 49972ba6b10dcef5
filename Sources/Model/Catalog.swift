// SPDX-License-Identifier: Apache-2.0

/// What the engine's own records say about the things in a root: the matter of `ls`, `tree` and `explain`, not of proof.
package struct Catalog: Sendable {
    package var images: [ImageRecord] = []
    package var layers: [LayerRecord] = []
    package var containers: [ContainerRecord] = []
    package var volumes: [VolumeRecord] = []
    package var caches: [CacheRecord] = []
    /// What records say of a thing beyond who needs it, one sentence each: the build step of a directory, the device of
    /// a layer. Shown by `explain`; decides nothing.
    package var facts: [RelativePath: [String]] = [:]
    package var snapshots: [SnapshotRecord] = []

    package init() {}

    package mutating func merge(_ other: Catalog) {
        images.join(other.images)
        layers.join(other.layers)
        containers.join(other.containers)
        volumes.join(other.volumes)
        caches.join(other.caches)
        facts.merge(other.facts) { first, second in first + second.filter { !first.contains($0) } }
        snapshots.join(other.snapshots)
    }
}

/// An image as its record describes it.
package struct ImageRecord: Hashable, Sendable {
    /// 64 hexadecimal digits, without `sha256:`: of its configuration, in containerd's store of its manifest or index.
    package var id: String
    /// Its record below the root; in containerd's store its manifest or index.
    package var path: RelativePath
    /// The image below: `parent` of a legacy image, the classic builder's parent of a content-addressed one.
    package var parent: String?
    package var tags: [String] = []
    /// `repository@sha256:…`; without any, nobody can pull it again.
    package var digests: [String] = []
    package var created: Timestamp?
    package var labels: [String: String] = [:]
    /// Bytes of its own layer as the engine recorded them (`layersize`); of an image in containerd's store those of its
    /// content as it was pulled, which is kept beside the unpacked layers.
    package var ownBytes: Int64?
    /// Chain IDs from the base up; content-addressed images only. In containerd's store keys of snapshots.
    package var chain: [String] = []
    /// The storage driver of a content-addressed image, or the snapshotter of one in containerd's store.
    package var driver: String?
    /// The files of an image in containerd's store, its record included.
    package var content: [RelativePath] = []
    /// The digest of its configuration, which the same image has for an id in the store of a storage driver.
    package var configID: String?

    package init(id: String, path: RelativePath) {
        self.id = id
        self.path = path
    }
}

/// A layer as `layerdb` describes it.
package struct LayerRecord: Hashable, Sendable {
    /// 64 hexadecimal digits of the chain ID.
    package var chainID: String
    package var parent: String?
    package var driver: String
    /// Its directory under the driver.
    package var directory: RelativePath?
    /// Apparent bytes of its files, as the engine recorded them.
    package var bytes: Int64?

    package init(chainID: String, parent: String?, driver: String, directory: RelativePath?, bytes: Int64?) {
        self.chainID = chainID
        self.parent = parent
        self.driver = driver
        self.directory = directory
        self.bytes = bytes
    }
}

/// A snapshot as containerd's databases describe it.
package struct SnapshotRecord: Hashable, Sendable {
    /// `sha256:<chain ID>`, a container's id, that with `-init`, a build cache record's id, or something else.
    package var key: String
    /// `overlayfs`, `native`, …
    package var snapshotter: String
    package var path: RelativePath

    package init(key: String, snapshotter: String, path: RelativePath) {
        self.key = key
        self.snapshotter = snapshotter
        self.path = path
    }
}

/// A container as `config.v2.json` or `config.json` describes it.
package struct ContainerRecord: Hashable, Sendable {
    package var id: String
    package var path: RelativePath
    /// Without the leading slash.
    package var name: String
    /// 64 hexadecimal digits, without `sha256:`.
    package var imageID: String
    /// The image as the user typed it.
    package var imageName: String
    package var driver: String
    /// `running`, `paused`, `exited (3)`, `created`, `dead`, as last recorded; a killed engine leaves `running` behind.
    package var state: String
    package var created: Timestamp?
    package var started: Timestamp?
    package var finished: Timestamp?
    package var labels: [String: String] = [:]
    /// The volumes it mounts, by the item's path.
    package var volumes: [RelativePath] = []
    /// The label `com.docker.compose.project`.
    package var project: String?
    /// Where its mounts come from on the host, as recorded: absolute paths.
    package var mountSources: Set<String> = []
    /// Of the mounts that Docker 1.0 to 1.6 recorded, those that are no volume's: host paths.
    package var binds: Set<String> = []
    /// True if its record has the mount points that Docker 1.7 introduced.
    package var hasMountPoints = false
    /// Where its output goes; `nil` if its records were not read to the end.
    package var log: LogRecord?

    package init(
        id: String, path: RelativePath, name: String, imageID: String, imageName: String, driver: String, state: String,
        created: Timestamp?, finished: Timestamp?
    ) {
        self.id = id
        self.path = path
        self.name = name
        self.imageID = imageID
        self.imageName = imageName
        self.driver = driver
        self.state = state
        self.created = created
        self.finished = finished
    }
}

/// A volume as `metadata.db`, `opts.json` and its directory describe it.
package struct VolumeRecord: Hashable, Sendable {
    package var name: String
    package var path: RelativePath
    package var driver: String
    package var labels: [String: String]
    /// Mount options mean that the data is elsewhere.
    package var options: [String: String]

    package init(
        name: String, path: RelativePath, driver: String = "local", labels: [String: String] = [:],
        options: [String: String] = [:]
    ) {
        self.name = name
        self.path = path
        self.driver = driver
        self.labels = labels
        self.options = options
    }
}
