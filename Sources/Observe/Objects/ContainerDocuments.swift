// SPDX-License-Identifier: Apache-2.0

import Model

/// The part of `config.json` (1.0 to 1.9) and `config.v2.json` (1.10 and later) that says what a container needs.
///
/// Source: moby `daemon/container.go` (1.x), `container/container.go` (1.10 and later).
struct ContainerDocument: Decodable {
    var id: String
    var name: String?
    var created: String?
    /// An image ID; with `sha256:` since 1.10.
    var image: String?
    /// The storage driver; empty means aufs in the oldest records.
    var driver: String?
    var state: State?
    var config: Config?
    /// Destination → host path: complete up to 1.6, compatibility entries later.
    var volumes: [String: String]?
    /// Since 1.7. Always united with `volumes`: a container of an older engine keeps only those until its next start.
    var mountPoints: [String: MountPoint]?
    var logPath: String?
    var hostnamePath: String?
    var hostsPath: String?
    var resolvConfPath: String?

    struct State: Decodable {
        var running: Bool?
        var paused: Bool?
        var restarting: Bool?
        var dead: Bool?
        var removalInProgress: Bool?
        var exitCode: Int?
        var startedAt: String?
        var finishedAt: String?

        enum CodingKeys: String, CodingKey {
            case running = "Running"
            case paused = "Paused"
            case restarting = "Restarting"
            case dead = "Dead"
            case removalInProgress = "RemovalInProgress"
            case exitCode = "ExitCode"
            case startedAt = "StartedAt"
            case finishedAt = "FinishedAt"
        }

        /// In the words of `docker ps`, but as last recorded.
        var word: String {
            if paused == true { return "paused" }
            if restarting == true { return "restarting" }
            if running == true { return "running" }
            if dead == true { return "dead" }
            if startedAt.flatMap(Timestamp.init(rfc3339:)) == nil { return "created" }
            return "exited (\(exitCode ?? 0))"
        }
    }

    struct Config: Decodable {
        var image: String?
        var labels: [String: String]?

        enum CodingKeys: String, CodingKey {
            case image = "Image"
            case labels = "Labels"
        }
    }

    struct MountPoint: Decodable {
        /// The volume; empty for a bind mount.
        var name: String?
        /// The host path; empty on disk for volumes of the local driver, whose place follows from the name.
        var source: String?

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case source = "Source"
        }
    }

    /// Whether a document has any list of volumes, be it `null`.
    struct VolumeKeys: Decodable {
        var isThere: Bool

        init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: CodingKeys.self)
            isThere = keys.contains(.volumes) || keys.contains(.mountPoints)
        }
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case name = "Name"
        case created = "Created"
        case image = "Image"
        case driver = "Driver"
        case state = "State"
        case config = "Config"
        case volumes = "Volumes"
        case mountPoints = "MountPoints"
        case logPath = "LogPath"
        case hostnamePath = "HostnamePath"
        case hostsPath = "HostsPath"
        case resolvConfPath = "ResolvConfPath"
    }
}

/// The part of `hostconfig.json` that names host paths and volumes, and says where the output goes.
///
/// Source: moby `runconfig/hostconfig.go`, `api/types/container/hostconfig.go`.
struct HostConfigDocument: Decodable {
    /// `source:destination[:mode]`, where the source is a host path or a volume's name.
    var binds: [String]?
    var mounts: [Mount]?
    /// Since 1.6; the engine writes its own default here when the container is created.
    var logConfig: LogConfig?

    struct LogConfig: Decodable {
        var type: String?
        var config: [String: String]?

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case config = "Config"
        }
    }

    struct Mount: Decodable {
        var type: String?
        var source: String?

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case source = "Source"
        }
    }

    enum CodingKeys: String, CodingKey {
        case binds = "Binds"
        case mounts = "Mounts"
        case logConfig = "LogConfig"
    }
}
