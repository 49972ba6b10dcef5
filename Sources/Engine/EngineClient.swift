// SPDX-License-Identifier: Apache-2.0

package import Logging
import Model

/// Connects to an engine for the time of `body`. Nothing is opened before the first question.
package func withEngine<Result>(
    at host: EngineHost, timeout: Duration = .seconds(60), logger: Logger = Logger(label: "engine"),
    _ body: (EngineClient) async throws -> Result
) async rethrows -> Result {
    let transport = SocketTransport(host: host)
    let client = EngineClient(transport: transport, timeout: timeout, logger: logger)
    do {
        let result = try await body(client)
        await transport.close()
        return result
    } catch {
        await transport.close()
        throw error
    }
}

/// Asks an engine what it knows, and tells it what to change. Never caches.
package struct EngineClient: Sendable {
    /// API versions that Bilge speaks: Docker 1.12 to 29.7. Source: moby `api/common.go`, `docs/api/version-history.md`.
    package static let versions = APIVersion(1, 24)...APIVersion(1, 55)

    /// Requests under way at once. More gain nothing: the engine answers most of them under one lock.
    static let width = 8

    /// What to ask for beside the lists.
    package struct Questions: Hashable, Sendable {
        /// The layers of each image, one request per image.
        package var imageLayers: Bool
        /// The build cache. Engines before 23.0 measure everything they store to answer, which takes long on large hosts.
        package var buildCache: Bool

        /// What the engine calls reclaimable of its images; asked for together with the build cache only.
        package var imageSpace: Bool
        /// Ask for the build cache also where the engine measures everything for it.
        package var allowsMeasuring: Bool

        package init(
            imageLayers: Bool = true, buildCache: Bool = true, imageSpace: Bool = false, allowsMeasuring: Bool = true
        ) {
            self.imageLayers = imageLayers
            self.buildCache = buildCache
            self.imageSpace = imageSpace
            self.allowsMeasuring = allowsMeasuring
        }
    }

    let transport: any EngineTransport
    let timeout: Duration
    private let logger: Logger

    /// - Parameter timeout: for all questions of one `ask` together; what is not answered by then is an error.
    package init(
        transport: any EngineTransport, timeout: Duration = .seconds(60), logger: Logger = Logger(label: "engine")
    ) {
        self.transport = transport
        self.timeout = timeout
        self.logger = logger
    }

    /// The engine's own process; `nil` before the first answer, or if the kernel does not tell.
    package var peerPID: Int32? { transport.peerPID }

    /// Asks for everything. Does not stop at an error: each is in the report beside the answers.
    package func ask(_ questions: Questions = Questions()) async -> EngineAnswer {
        let deadline = ContinuousClock.now + timeout
        let version: EngineVersion
        let api: APIVersion
        do {
            version = try await self.version(by: deadline)
            api = try Self.common(with: version)
        } catch {
            return error.code == .nobodyThere ? .nobodyThere(error) : .cannotTell(error)
        }
        let session = EngineSession(client: self, version: version, api: api, deadline: deadline)

        async let info = session.info()
        async let images = session.images()
        async let volumes = session.volumes()
        async let plugins = session.plugins()
        let asksForUsage = questions.buildCache && (questions.allowsMeasuring || session.listsCacheUnmeasured)
        async let usage = asksForUsage ? session.diskUsage(images: questions.imageSpace) : nil
        let (containers, containerDetails) = await session.containers()
        let imageDetails = await questions.imageLayers ? session.imageDetails(of: images) : nil
        return await .answered(
            EngineReport(
                version: version, api: api, peerPID: transport.peerPID, info: info, images: images,
                imageDetails: imageDetails, containers: containers, containerDetails: containerDetails,
                volumes: volumes, buildCache: usage?.buildCache, plugins: plugins,
                reclaimableImageBytes: usage?.reclaimableImageBytes, services: session.services(info)))
    }

    /// `/info` alone: which root an engine owns, at the price of two requests.
    package func info() async throws(EngineError) -> EngineInfo {
        let deadline = ContinuousClock.now + timeout
        let api = try Self.common(with: try await version(by: deadline))
        return try await get(EngineInfo.self, EngineRequest(.get, "/info", version: api), by: deadline)
    }

    /// The records of the build cache, with which of them a build uses; before API 1.42 at the price of measuring everything.
    package func buildCache() async throws(EngineError) -> [EngineBuildRecord] {
        let deadline = ContinuousClock.now + timeout
        let version = try await version(by: deadline)
        let session = EngineSession(
            client: self, version: version, api: try Self.common(with: version), deadline: deadline)
        return try await session.diskUsage(images: false).buildCache.get()
    }

    /// One volume, as the engine knows it.
    ///
    /// - Throws: `notFound` if the engine has no such volume.
    package func volume(_ name: String) async throws(EngineError) -> EngineVolume {
        let endpoint = try Self.volumeEndpoint(name)
        let deadline = ContinuousClock.now + timeout
        let api = try Self.common(with: try await version(by: deadline))
        let volume = try await get(EngineVolume.self, EngineRequest(.get, endpoint, version: api), by: deadline)
        return try volume.named(name, from: endpoint)
    }

    /// Makes a volume. An engine that has one of this name and driver already answers with that one.
    ///
    /// - Throws: `refused` with the engine's reason. After `deadline` and `incomplete` nobody knows whether it was made:
    ///   look again.
    package func createVolume(
        _ name: String, driver: String = "local", options: [String: String] = [:], labels: [String: String] = [:]
    ) async throws(EngineError) -> EngineVolume {
        _ = try Self.volumeEndpoint(name)
        let endpoint = "/volumes/create"
        let body = try VolumeOrder(Name: name, Driver: driver, DriverOpts: options, Labels: labels).json(for: endpoint)
        let deadline = ContinuousClock.now + timeout
        let api = try Self.common(with: try await version(by: deadline))
        let request = EngineRequest(.post, endpoint, version: api, body: body)
        let response = try await send(request, expecting: 201, by: deadline)
        return try response.decoded(EngineVolume.self, from: endpoint).named(name, from: endpoint)
    }

    /// Removes a volume through the engine, which refuses (`refused`, status 409) while a container uses it.
    ///
    /// - Throws: `notFound` if the engine has no such volume. After `deadline` and `incomplete` nobody knows whether it
    ///   was removed: look again.
    package func removeVolume(_ name: String) async throws(EngineError) {
        let endpoint = try Self.volumeEndpoint(name)
        let deadline = ContinuousClock.now + timeout
        let api = try Self.common(with: try await version(by: deadline))
        _ = try await send(EngineRequest(.delete, endpoint, version: api), expecting: 204, by: deadline)
    }

    private static func volumeEndpoint(_ name: String) throws(EngineError) -> String {
        guard let segment = segment(name) else {
            throw EngineError("/volumes/" + EntryName.escaped(text: name), .invalidName, "no volume has such a name")
        }
        return "/volumes/" + segment
    }

    func version(by deadline: ContinuousClock.Instant) async throws(EngineError) -> EngineVersion {
        try await get(EngineVersion.self, EngineRequest(.get, "/version", version: nil), by: deadline)
    }

    /// The highest version that both speak.
    static func common(with engine: EngineVersion) throws(EngineError) -> APIVersion {
        let api = min(engine.highestAPI, versions.upperBound)
        guard api >= max(versions.lowerBound, engine.lowestAPI ?? versions.lowerBound) else {
            let theirs = "\(engine.lowestAPI.map { "\($0) to " } ?? "")\(engine.highestAPI)"
            throw EngineError(
                "/version", .unsupportedVersion,
                "it speaks API \(theirs), bilge \(versions.lowerBound) to \(versions.upperBound)")
        }
        return api
    }

    func get<Value: Decodable>(
        _: Value.Type, _ request: EngineRequest, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> Value {
        try await send(request, expecting: 200, by: deadline).decoded(Value.self, from: request.endpoint)
    }

    func send(
        _ request: EngineRequest, expecting status: Int, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> EngineResponse {
        let response: EngineResponse
        do {
            response = try await transport.send(request, by: deadline)
        } catch {
            logger.debug("engine failed", metadata: ["endpoint": "\(request.endpoint)", "code": "\(error.code)"])
            throw error
        }
        logger.debug(
            "engine answered",
            metadata: [
                "method": "\(request.method.rawValue)", "target": "\(request.target)", "status": "\(response.status)",
                "bytes": "\(response.body.count)",
            ])
        guard response.status == status else {
            throw EngineError(
                request.endpoint, response.status == 404 ? .notFound : .refused, status: response.status,
                "status \(response.status)\(response.message())")
        }
        return response
    }

    /// A name as one segment of a path, or `nil` for what would be another path.
    static func segment(_ name: String) -> String? {
        guard !["", ".", ".."].contains(name), !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) else {
            return nil
        }
        var text = ""
        for byte in name.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isUnreserved =
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            if isUnreserved || "-._~".unicodeScalars.contains(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
