// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// What Bilge has an engine remove, one thing at a time and never by force. Sources: moby `api/swagger.yaml`,
/// `daemon/images/image_delete.go`, `daemon/delete.go`, `builder/builder-next/builder.go`.
///
/// A change is never sent twice: after `deadline` and `incomplete` nobody knows whether it was made.
extension EngineClient {
    /// An image as the engine knows it now, by id or by any of its names; `nil` if it has none of that name.
    package func image(_ reference: String) async throws(EngineError) -> EngineImageDetail? {
        let endpoint = try Self.imageEndpoint(reference) + "/json"
        do {
            return try await call(.get, endpoint).decoded(EngineImageDetail.self, from: endpoint)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Gives an image one more name. A name that another image has is taken from that one.
    package func tag(_ id: String, repository: String, tag: String) async throws(EngineError) {
        let query = "?repo=\(try Self.query(repository))&tag=\(try Self.query(tag))"
        _ = try await call(.post, try Self.imageEndpoint(id) + "/tag" + query, expecting: 201)
    }

    /// Takes a name from an image; the image goes with its last name. What it was made from stays.
    ///
    /// - Throws: `refused` with status 409 while a container uses it; `notFound`.
    package func removeImage(_ reference: String) async throws(EngineError) -> [EngineDeletion] {
        let endpoint = try Self.imageEndpoint(reference) + "?noprune=1"
        return try await call(.delete, endpoint).decoded([EngineDeletion].self, from: endpoint)
    }

    /// Makes an empty image of that name, which is so taken from the image that had it.
    package func importEmpty(repository: String, tag: String) async throws(EngineError) {
        let label = try Self.query("LABEL \(EngineImageDetail.emptyLabel)=true")
        let endpoint =
            "/images/create?fromSrc=-&repo=\(try Self.query(repository))&tag=\(try Self.query(tag))&changes=\(label)"
        // A tar archive without entries is two blocks of zeros.
        let response = try await call(.post, endpoint, body: [UInt8](repeating: 0, count: 1024))
        guard !String(decoding: response.body, as: UTF8.self).contains("\"error\"") else {
            throw EngineError(endpoint, .refused, "the engine could not make an empty image")
        }
    }

    /// Removes a container that does not run, and leaves its volumes.
    ///
    /// - Throws: `refused` with status 409 if it runs; `notFound`.
    package func removeContainer(_ id: String) async throws(EngineError) {
        _ = try await call(.delete, try Self.containerEndpoint(id) + "?v=0&force=0", expecting: 204)
    }

    /// What the engine says about a container, as it says it: what somebody needs to make it again.
    package func containerText(_ id: String) async throws(EngineError) -> String {
        let response = try await call(.get, try Self.containerEndpoint(id) + "/json")
        return String(decoding: response.body, as: UTF8.self)
    }

    /// The containers in any state.
    package func containers() async throws(EngineError) -> [EngineContainer] {
        let endpoint = "/containers/json?all=1"
        return try await call(.get, endpoint).decoded([EngineContainer].self, from: endpoint)
    }

    /// One container.
    package func container(_ id: String) async throws(EngineError) -> EngineContainerDetail {
        let endpoint = try Self.containerEndpoint(id) + "/json"
        return try await call(.get, endpoint).decoded(EngineContainerDetail.self, from: endpoint)
    }

    /// The services of a Swarm; only its managers know them.
    package func services() async throws(EngineError) -> [EngineService] {
        try await call(.get, "/services").decoded([EngineService].self, from: "/services")
    }

    /// Has the builder forget one record. Returns false if it kept it: something uses it, or was made from it.
    ///
    /// - Parameter all: also what the builder keeps for itself.
    package func removeBuildRecord(_ id: String, all: Bool) async throws(EngineError) -> Bool {
        struct Answer: Decodable { var CachesDeleted: [String]? }
        guard EntryName.isBuildKitID(id) else {
            throw EngineError("/build/prune", .invalidName, "no record has such an id")
        }
        let filters = try Self.query("{\"id\":{\"\(id)\":true}}")
        let endpoint = "/build/prune?filters=\(filters)" + (all ? "&all=1" : "")
        let answer = try await call(.post, endpoint).decoded(Answer.self, from: "/build/prune")
        return answer.CachesDeleted?.contains(id) ?? false
    }

    private func call(
        _ method: EngineRequest.Method, _ endpoint: String, body: [UInt8]? = nil, expecting status: Int = 200
    ) async throws(EngineError) -> EngineResponse {
        let deadline = ContinuousClock.now + timeout
        let api = try Self.common(with: try await version(by: deadline))
        return try await send(
            EngineRequest(method, endpoint, version: api, body: body), expecting: status, by: deadline)
    }

    /// Only what the engine's own grammar of names allows, so that it is one path and no other.
    /// Source: distribution `reference/regexp.go`.
    private static func imageEndpoint(_ reference: String) throws(EngineError) -> String {
        let isPlain = reference.utf8.allSatisfy { byte in
            let isAlphanumeric =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            return isAlphanumeric || "._-/:@".utf8.contains(byte)
        }
        let segments = reference.split(separator: "/", omittingEmptySubsequences: false)
        guard isPlain, segments.allSatisfy({ !["", ".", ".."].contains($0) }) else {
            throw EngineError(
                "/images/" + EntryName.escaped(text: reference), .invalidName, "no image has such a name")
        }
        return "/images/" + reference
    }

    private static func containerEndpoint(_ id: String) throws(EngineError) -> String {
        guard EntryName.isHexID(id) else {
            throw EngineError("/containers/" + EntryName.escaped(text: id), .invalidName, "no container has such an id")
        }
        return "/containers/" + id
    }

    private static func query(_ text: String) throws(EngineError) -> String {
        // A slash is no more special in a query than any other letter.
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { segment(String($0)) ?? "" }
        return parts.joined(separator: "%2F")
    }
}
