// SPDX-License-Identifier: Apache-2.0

/// What became of looking for an engine: three answers, never two.
package enum EngineAnswer: Sendable {
    /// An engine answered; what it did not answer completely is in the report as errors.
    case answered(EngineReport)
    /// No socket, or nobody listens on it.
    case nobodyThere(EngineError)
    /// An engine may be there, but it could not be asked.
    case cannotTell(EngineError)
}

/// A list or a value, or why it could not be had. An answer that is not complete is never an empty list.
package typealias Reply<Value> = Result<Value, EngineError>

/// Everything that an engine says about what it stores, endpoint by endpoint.
///
/// Only the fields that are used are decoded. Unknown fields are ignored, missing ones are errors where an engine of any
/// version that can be asked sends them. Source: moby `api/swagger.yaml`, `api/types`; versions in
/// `docs/formats/engine-api.md`.
package struct EngineReport: Sendable {
    package var version: EngineVersion
    /// The version that the questions were asked in.
    package var api: APIVersion
    /// The process that answered; `nil` if the kernel does not tell.
    package var peerPID: Int32?
    package var info: Reply<EngineInfo>
    package var images: Reply<[EngineImage]>
    /// `nil` if nobody asked.
    package var imageDetails: Details<EngineImageDetail>?
    package var containers: Reply<[EngineContainer]>
    package var containerDetails: Details<EngineContainerDetail>
    package var volumes: Reply<EngineVolumes>
    /// `nil` if nobody asked.
    package var buildCache: Reply<[EngineBuildRecord]>?
    package var plugins: Reply<[EnginePlugin]>
    /// `nil` if the engine is no manager of a Swarm.
    package var services: Reply<[EngineService]>?
    /// What `docker system df` calls reclaimable of the images; `nil` if nobody asked, or the engine did not tell.
    package var reclaimableImageBytes: Int64?

    /// The things of a list, asked about one by one.
    package struct Details<Value: Sendable>: Sendable {
        package var values: [Value]
        /// One for each thing that is still listed but could not be looked at.
        package var failures: [EngineError]

        package init(_ values: [Value] = [], failures: [EngineError] = []) {
            self.values = values
            self.failures = failures
        }
    }

    package init(
        version: EngineVersion, api: APIVersion, peerPID: Int32?, info: Reply<EngineInfo>,
        images: Reply<[EngineImage]>, imageDetails: Details<EngineImageDetail>?,
        containers: Reply<[EngineContainer]>, containerDetails: Details<EngineContainerDetail>,
        volumes: Reply<EngineVolumes>, buildCache: Reply<[EngineBuildRecord]>?, plugins: Reply<[EnginePlugin]>,
        reclaimableImageBytes: Int64? = nil, services: Reply<[EngineService]>? = nil
    ) {
        self.version = version
        self.api = api
        self.peerPID = peerPID
        self.info = info
        self.images = images
        self.imageDetails = imageDetails
        self.containers = containers
        self.containerDetails = containerDetails
        self.volumes = volumes
        self.buildCache = buildCache
        self.plugins = plugins
        self.services = services
        self.reclaimableImageBytes = reclaimableImageBytes
    }
}

/// `/version`.
package struct EngineVersion: Hashable, Sendable {
    /// Such as `20.10.24+dfsg1`.
    package var version: String
    package var highestAPI: APIVersion
    /// Engines before 1.13 do not tell.
    package var lowestAPI: APIVersion?
}

/// `/info`.
package struct EngineInfo: Hashable, Sendable {
    /// Where images and layers are kept.
    package enum ImageStore: String, Codable, Sendable { case graphdriver, containerd }

    package var id: String
    package var serverVersion: String
    /// The active storage driver, or the snapshotter of the containerd image store.
    package var driver: String
    package var imageStore: ImageStore
    /// Absolute, as the engine sees it in its own mount namespace; with a remapped user namespace it ends in `<uid>.<gid>`.
    package var dockerRootDir: String
    package var containers: Int
    package var images: Int
    /// `nil` where the engine does not tell: it may be on.
    package var liveRestoreEnabled: Bool?
    /// Where the engine's containerd listens; `nil` before API 1.46.
    package var containerdAddress: String?
    /// `inactive`, `pending`, `active`, `error`, `locked`; empty or `nil` where the engine does not tell.
    package var swarmState: String?
    /// True for a node that knows the services of its Swarm.
    package var isSwarmManager: Bool
}

/// One image of `/images/json?all=1`.
package struct EngineImage: Hashable, Sendable {
    /// `sha256:…`: of its configuration, in the containerd image store of its manifest or index.
    package var id: String
    /// Empty for an image without a parent on this host.
    package var parentID: String
    /// Without `<none>:<none>`.
    package var tags: [String]
    /// `repository@sha256:…`.
    package var digests: [String] = []
}

/// `/images/<id>/json`: its names, and where its layers are.
package struct EngineImageDetail: Hashable, Sendable {
    package var id: String
    package var tags: [String] = []
    /// `repository@sha256:…`.
    package var digests: [String] = []
    /// Made by `importEmpty`, to be removed with its only name.
    package var isEmptyOfOurs = false
    /// `nil` with the containerd image store since API 1.52, and where the engine does not tell.
    package var layers: EngineLayers?
    /// How many layers the image has; `nil` where the engine does not tell.
    package var layerCount: Int?

    package init(id: String, layers: EngineLayers?) {
        self.id = id
        self.layers = layers
    }
}

/// One container of `/containers/json?all=1`.
package struct EngineContainer: Hashable, Sendable {
    package var id: String
    /// Without the leading slash; empty if it has none.
    package var name: String
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`; empty if the engine does not tell.
    package var state: String
    /// `sha256:…`; empty if the engine does not tell.
    package var imageID: String = ""

    package init(id: String, name: String, state: String, imageID: String = "") {
        self.id = id
        self.name = name
        self.state = state
        self.imageID = imageID
    }
}

/// `/containers/<id>/json`.
package struct EngineContainerDetail: Hashable, Sendable {
    package var id: String
    package var name: String
    /// `sha256:…`.
    package var imageID: String
    package var driver: String
    /// As in the list.
    package var state: String
    /// `nil` with the containerd image store since API 1.52, and where the engine does not tell.
    package var layers: EngineLayers?
    /// containerd's name of the snapshotter that holds the container's layers, such as `overlayfs`; with the containerd
    /// image store since API 1.52.
    package var snapshotter: String?
    package var mounts: [EngineMount]
}

/// `GraphDriver`: where a storage driver keeps the layers of a container or an image.
package struct EngineLayers: Hashable, Sendable {
    package var driver: String
    /// `LowerDir`, `UpperDir`, …: paths, or lists of paths with colons between; `nil` from drivers that tell nothing.
    package var data: [String: String]?
}

/// One of a container's `Mounts`.
package struct EngineMount: Hashable, Sendable {
    /// `bind`, `volume`, `tmpfs`, `npipe`, `cluster`, `image`; empty for a bind from engines before 1.13.
    package var type: String
    /// The volume's name; empty for others.
    package var name: String
    /// What is mounted, as the engine sees it; empty for others than binds and volumes, and in lists.
    package var source: String
    package var destination: String
}

/// `/volumes`.
package struct EngineVolumes: Hashable, Sendable {
    package var volumes: [EngineVolume]
    /// Drivers that did not answer the engine: the list may then lack their volumes.
    package var warnings: [String]
}

/// One volume of `/volumes`, or `/volumes/<name>`.
package struct EngineVolume: Hashable, Sendable {
    package var name: String
    package var driver: String
    /// Absolute, as the engine sees it; empty if the engine does not tell.
    package var mountpoint: String
    /// Empty also where the engine does not tell.
    package var labels: [String: String]
    /// `local` or `global`; empty if the engine does not tell.
    package var scope: String
    /// With options the data is elsewhere: `device` may even be a path below the data root.
    package var options: [String: String]
    /// Engines before 1.13 (API 1.25) do not tell options.
    package var tellsOptions = true
}

/// One record of the build cache in `/system/df`.
package struct EngineBuildRecord: Hashable, Sendable {
    package var id: String
    package var isInUse: Bool
    /// As in `CacheRecord.recordType`; empty if the engine does not tell.
    package var type: String
    package var description: String
    /// An image uses its content too.
    package var isShared: Bool?
    package var sizeBytes: Int64?
    /// RFC 3339.
    package var created: String?
    package var lastUsed: String?
    package var usageCount: Int64?
    package var parents: [String]
}

/// One service of `/services`, which only a manager of a Swarm knows.
package struct EngineService: Hashable, Sendable {
    package var name: String
    /// The image of its specification, and of the one before, to which it can be rolled back; as somebody typed them, with
    /// the digest that the manager resolved: `shop/api:4.10@sha256:…`.
    package var images: [String]
}

/// One line of the answer to `DELETE /images/…`.
package struct EngineDeletion: Hashable, Sendable {
    /// A name that is gone.
    package var untagged: String?
    /// `sha256:…` of an image, or the chain ID of a layer, that is gone.
    package var deleted: String?

    package init(untagged: String? = nil, deleted: String? = nil) {
        self.untagged = untagged
        self.deleted = deleted
    }
}

/// One plugin of `/plugins`.
package struct EnginePlugin: Hashable, Sendable {
    package var id: String
    package var name: String
}
