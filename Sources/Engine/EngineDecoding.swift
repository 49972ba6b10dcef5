// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// A value of an answer that an engine does not send.
struct UnexpectedValue: Error {
    let detail: String
}

extension EngineResponse {
    /// The body as JSON.
    ///
    /// - Throws: `notJSON`, or `unexpectedShape` when something that every engine sends is missing or of another type.
    func decoded<Value: Decodable>(_: Value.Type, from endpoint: String) throws(EngineError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(body))
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty {
            throw EngineError(endpoint, .notJSON, status: status, "the answer is not JSON")
        } catch let error as DecodingError {
            throw EngineError(endpoint, .unexpectedShape, status: status, Self.text(of: error))
        } catch let error as UnexpectedValue {
            throw EngineError(endpoint, .unexpectedShape, status: status, EntryName.escaped(text: error.detail))
        } catch {
            throw EngineError(endpoint, .unexpectedShape, status: status, EntryName.escaped(text: "\(error)"))
        }
    }

    /// What an engine says about an error: `{"message": …}`. Proxies say other things, which are left out.
    func message() -> String {
        struct Message: Decodable { var message: String }
        do {
            let text = try JSONDecoder().decode(Message.self, from: Data(body)).message
            return ": " + EntryName.escaped(text: String(text.prefix(200)))
        } catch {
            return ""
        }
    }

    private static func text(of error: DecodingError) -> String {
        let (path, what): ([any CodingKey], String) =
            switch error {
            case .keyNotFound(let key, let context): (context.codingPath + [key], "is missing")
            case .valueNotFound(_, let context): (context.codingPath, "is null")
            case .typeMismatch(_, let context): (context.codingPath, "is of another type")
            case .dataCorrupted(let context): (context.codingPath, "cannot be understood")
            @unknown default: ([], "cannot be understood")
            }
        let place = path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return EntryName.escaped(text: place.isEmpty ? "the answer \(what)" : "\(place) \(what)")
    }
}

/// A key of the engine's JSON, spelt as the engine spells it.
struct Key: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    let intValue: Int? = nil

    init(stringLiteral value: String) { stringValue = value }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension KeyedDecodingContainer where K == Key {
    func required<Value: Decodable>(_ key: Key) throws -> Value { try decode(Value.self, forKey: key) }

    func optional<Value: Decodable>(_ key: Key) throws -> Value? { try decodeIfPresent(Value.self, forKey: key) }

    /// A list whose key must be there but that Go writes as `null` when nobody put anything into it.
    func list<Value: Decodable>(_ key: Key) throws -> [Value] {
        guard contains(key) else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: ""))
        }
        return try decodeNil(forKey: key) ? [] : decode([Value].self, forKey: key)
    }
}

extension EngineVersion: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        func api(_ text: String) throws -> APIVersion {
            guard let version = APIVersion(text) else { throw UnexpectedValue(detail: "API version \(text)") }
            return version
        }
        version = try answer.required("Version")
        highestAPI = try api(answer.required("ApiVersion"))
        lowestAPI = try answer.optional("MinAPIVersion").flatMap { (text: String) in text.isEmpty ? nil : try api(text)
        }
    }
}

extension EngineInfo: Decodable {
    package init(from decoder: any Decoder) throws {
        struct Swarm: Decodable {
            var LocalNodeState: String?
            var ControlAvailable: Bool?
        }
        struct Containerd: Decodable { var Address: String? }

        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("ID")
        serverVersion = try answer.required("ServerVersion")
        driver = try answer.required("Driver")
        dockerRootDir = try answer.required("DockerRootDir")
        containers = try answer.required("Containers")
        images = try answer.required("Images")
        liveRestoreEnabled = try answer.optional("LiveRestoreEnabled")
        containerdAddress = try (answer.optional("Containerd") as Containerd?)?.Address
        let swarm: Swarm? = try answer.optional("Swarm")
        swarmState = swarm?.LocalNodeState
        isSwarmManager = swarm?.ControlAvailable ?? false
        // `vfs` has no status, which Go writes as null.
        let status: [[String]] = try answer.list("DriverStatus")
        let isContainerd = status.contains { $0 == ["driver-type", "io.containerd.snapshotter.v1"] }
        imageStore = isContainerd ? .containerd : .graphdriver
        guard dockerRootDir.hasPrefix("/") else { throw UnexpectedValue(detail: "DockerRootDir \(dockerRootDir)") }
        guard !driver.isEmpty else { throw UnexpectedValue(detail: "an empty Driver") }
    }
}

extension EngineImage: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("Id")
        parentID = try answer.required("ParentId")
        tags = try answer.list("RepoTags").filter { $0 != "<none>:<none>" }
        digests = (try answer.optional("RepoDigests") as [String]? ?? []).filter { $0 != "<none>@<none>" }
        guard EnginePaths.hex(ofImage: id) != nil else { throw UnexpectedValue(detail: "image id \(id)") }
    }
}

extension EngineImageDetail: Decodable {
    package init(from decoder: any Decoder) throws {
        struct RootFS: Decodable { var Layers: [String]? }

        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("Id")
        tags = (try answer.optional("RepoTags") as [String]? ?? []).filter { $0 != "<none>:<none>" }
        digests = (try answer.optional("RepoDigests") as [String]? ?? []).filter { $0 != "<none>@<none>" }
        struct Config: Decodable { var Labels: [String: String]? }
        isEmptyOfOurs = (try answer.optional("Config") as Config?)?.Labels?[Self.emptyLabel] == "true"
        layers = try answer.optional("GraphDriver")
        layerCount = try (answer.optional("RootFS") as RootFS?)?.Layers?.count
    }

    static let emptyLabel = "bilge.empty"
}

extension EngineService: Decodable {
    package init(from decoder: any Decoder) throws {
        struct Spec: Decodable {
            struct Template: Decodable {
                struct Container: Decodable { var Image: String? }
                var ContainerSpec: Container?
            }
            var Name: String?
            var TaskTemplate: Template?
        }

        let answer = try decoder.container(keyedBy: Key.self)
        let spec: Spec = try answer.required("Spec")
        let before: Spec? = try answer.optional("PreviousSpec")
        name = spec.Name ?? ""
        // A service that runs a plugin has no container.
        images = [spec, before].compactMap { $0?.TaskTemplate?.ContainerSpec?.Image }
    }
}

extension EngineDeletion: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        untagged = try answer.optional("Untagged")
        deleted = try answer.optional("Deleted")
    }
}

extension EngineContainer: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("Id")
        let names: [String] = try answer.optional("Names") ?? []
        // A link shows as `/other/alias`; its own name has one slash.
        let own = names.first { $0.dropFirst().allSatisfy { $0 != "/" } } ?? ""
        name = own.hasPrefix("/") ? String(own.dropFirst()) : own
        state = try answer.optional("State") ?? ""
        imageID = try answer.optional("ImageID") ?? ""
        guard EntryName.isHexID(id) else { throw UnexpectedValue(detail: "container id \(id)") }
    }
}

extension EngineContainerDetail: Decodable {
    package init(from decoder: any Decoder) throws {
        struct State: Decodable { var Status: String }
        struct Storage: Decodable {
            var RootFS: RootFS?

            struct RootFS: Decodable { var Snapshot: Snapshot? }
            struct Snapshot: Decodable { var Name: String? }
        }

        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("Id")
        let slashed: String = try answer.required("Name")
        name = slashed.hasPrefix("/") ? String(slashed.dropFirst()) : slashed
        imageID = try answer.required("Image")
        driver = try answer.required("Driver")
        state = try (answer.required("State") as State).Status
        layers = try answer.optional("GraphDriver")
        snapshotter = try (answer.optional("Storage") as Storage?)?.RootFS?.Snapshot?.Name
        mounts = try answer.required("Mounts")
        guard EntryName.isHexID(id) else { throw UnexpectedValue(detail: "container id \(id)") }
        guard EnginePaths.hex(ofImage: imageID) != nil else { throw UnexpectedValue(detail: "image id \(imageID)") }
    }
}

extension EngineLayers: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        driver = try answer.required("Name")
        data = try answer.optional("Data")
    }
}

extension EngineMount: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        type = try answer.optional("Type") ?? ""
        name = try answer.optional("Name") ?? ""
        source = try answer.required("Source")
        destination = try answer.required("Destination")
        // Since 1.25 the engine says which kind it is; before, only volumes have a name.
        if type.isEmpty, !name.isEmpty { type = "volume" }
    }
}

/// `/volumes`. What `null` means in it depends on the engine's age.
struct VolumeList: Decodable {
    let volumes: [EngineVolume]?
    let warnings: [String]

    init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        guard answer.contains("Volumes") else {
            throw DecodingError.keyNotFound("Volumes" as Key, .init(codingPath: [], debugDescription: ""))
        }
        volumes = try answer.optional("Volumes")
        warnings = try answer.list("Warnings")
    }
}

extension EngineVolume: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        name = try answer.required("Name")
        driver = try answer.required("Driver")
        mountpoint = try answer.optional("Mountpoint") ?? ""
        labels = try answer.optional("Labels") ?? [:]
        scope = try answer.optional("Scope") ?? ""
        tellsOptions = answer.contains("Options")
        options = try answer.optional("Options") ?? [:]
        guard !name.isEmpty, !driver.isEmpty else { throw UnexpectedValue(detail: "a volume without name or driver") }
    }
}

extension EngineVolume {
    /// Itself; an answer about another volume is an error.
    func named(_ asked: String, from endpoint: String) throws(EngineError) -> EngineVolume {
        guard name.utf8.elementsEqual(asked.utf8) else {
            throw EngineError(endpoint, .unexpectedShape, "the answer is about another volume")
        }
        return self
    }
}

/// What `/volumes/create` takes, spelt as the engine spells it. Source: moby `api/swagger.yaml`, `VolumeCreateOptions`.
struct VolumeOrder: Encodable {
    var Name: String
    var Driver: String
    var DriverOpts: [String: String]
    var Labels: [String: String]

    /// The body of the request.
    func json(for endpoint: String) throws(EngineError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self))
        } catch {
            throw EngineError(
                endpoint, .invalidName, "it cannot be written as JSON: \(EntryName.escaped(text: "\(error)"))")
        }
    }
}

extension EngineBuildRecord: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("ID")
        isInUse = try answer.required("InUse")
        // What follows is only shown.
        type = try answer.optional("Type") ?? ""
        description = try answer.optional("Description") ?? ""
        isShared = try answer.optional("Shared")
        sizeBytes = try answer.optional("Size")
        created = try answer.optional("CreatedAt")
        lastUsed = try answer.optional("LastUsedAt")
        usageCount = try answer.optional("UsageCount")
        // `Parent` before 1.42; then `Parents`, which engines up to 29.7 spell with a leading space.
        let parent: String? = try answer.optional("Parent")
        parents =
            try answer.optional("Parents") ?? answer.optional(" Parents") ?? parent.map { $0.isEmpty ? [] : [$0] } ?? []
    }
}

extension EnginePlugin: Decodable {
    package init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        id = try answer.required("Id")
        name = try answer.required("Name")
        guard EntryName.isHexID(id) else { throw UnexpectedValue(detail: "plugin id \(id)") }
    }
}
