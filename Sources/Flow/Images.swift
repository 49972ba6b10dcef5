// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
import Engine
import FoundationEssentials
import Model
import Observe

/// The engine's part in taking out images, containers and build cache of `root`.
///
/// - Parameters:
///   - survey: what the layers are measured by that go for good; without it nothing is ever released.
///   - all: also what the builder keeps for itself.
func engineHands(_ request: Request, of root: DataRoot, _ survey: Survey? = nil, all: Bool = false) -> EngineHands {
    let engine = RootEngine(request: request, root: root)
    let images = RootImages(
        engine: engine, root: root.directory, layers: survey.map(LayerUsage.init), since: survey?.place.engineStarted,
        builds: survey.map { BuildWatch(root: root.directory, quietSince: $0.asked) })
    let removals = RootRemovals(engine: engine, all: all)
    return EngineHands(
        images: images.functions,
        removals: RemovalEngine(
            describe: { try await removals.describe($0) }, remove: { try await removals.remove($0) },
            exists: { try await removals.exists($0) }))
}

/// What an image was called, as it is kept in the trash.
struct ImageDescription: Codable {
    /// `sha256:…`.
    var id: String
    var tags: [String]
    /// `repository@sha256:…`: what it can be pulled again as. The engine forgets those of a repository with its last tag.
    var digests: [String]

    init(_ text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

    init(id: String, tags: [String], digests: [String]) {
        self.id = id
        self.tags = tags
        self.digests = digests
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

/// The images of one root, as its engine has them.
struct RootImages {
    let engine: any ImageCaller
    let root: Directory
    let layers: LayerUsage?
    /// When the engine started.
    let since: Timestamp?
    /// `nil` for who only puts back.
    let builds: BuildWatch?

    var functions: ImageEngine {
        ImageEngine(
            describe: { try await describe($0) }, hold: { try await hold($0, $1) },
            state: { try await state($0, $1) }, putBack: { try await putBack($0, $1) },
            release: { try await release($0, $1) })
    }

    /// - Throws: `FlowError` for an image that is not as the plan says, or that somebody needs by now.
    func describe(_ step: Plan.Step) async throws -> String {
        try await engine.calling { try await describe(step, $0) }
    }

    func hold(_ description: String, _ name: String) async throws -> String? {
        let wanted = try ImageDescription(description)
        return try await engine.calling { try await hold(wanted, name, $0) }
    }

    func state(_ description: String, _ name: String) async throws -> ImageEngine.State {
        let wanted = try ImageDescription(description)
        return try await engine.calling { try await state(wanted, name, $0) }
    }

    func putBack(_ description: String, _ name: String) async throws -> String? {
        let wanted = try ImageDescription(description)
        return try await engine.calling { try await putBack(wanted, name, $0) }
    }

    func release(_ description: String, _ name: String) async throws -> (freed: Usage, obstacle: String?) {
        let wanted = try ImageDescription(description)
        return try await engine.calling { try await release(wanted, name, $0) }
    }

    private func describe(_ step: Plan.Step, _ client: any ImageCalls) async throws -> String {
        let id = "sha256:" + step.id
        guard let image = try await client.image(id) else { throw FlowError(.refused, "gone already") }
        guard Set(image.tags) == Set(step.names) else {
            throw FlowError(.refused, "it has other names than when the plan was made")
        }
        let claim = try await user(of: image, client)
        if let claim { throw FlowError(.refused, claim) }
        let flight = try await flight(client)
        if let flight { throw FlowError(.refused, flight) }
        return try ImageDescription(id: id, tags: image.tags.sorted(), digests: image.digests.sorted()).json
    }

    /// What began since the survey and may be about to use an image.
    private func flight(_ client: any ImageCalls) async throws -> String? {
        if let flight = inFlight(in: root, since: since).first { return flight }
        return try await builds?.flight(client)
    }

    private func hold(_ wanted: ImageDescription, _ name: String, _ client: any ImageCalls) async throws -> String? {
        let taken = try await client.image(name)
        if taken != nil { return "an image is called \(name) already" }
        let trash = repository(of: name)
        try await client.tag(wanted.id, repository: trash.name, tag: trash.tag)
        let refusal = try await takeNames(of: wanted, client)
        guard let refusal else { return nil }
        let obstacle = try await putBack(wanted, name, client)
        if let obstacle {
            throw FlowError(.invariantBroken, "\(refusal); and its names could not be put back: \(obstacle)")
        }
        return refusal
    }

    /// Returns why not all of them could be taken, or who needs the image without them.
    private func takeNames(of wanted: ImageDescription, _ client: any ImageCalls) async throws -> String? {
        for tag in wanted.tags {
            let refusal = try await take(tag, from: wanted.id, client)
            if refusal != nil { return refusal }
        }
        guard let image = try await client.image(wanted.id) else { return nil }
        return try await user(of: image, client)
    }

    private func state(
        _ wanted: ImageDescription, _ name: String, _ client: any ImageCalls
    ) async throws -> ImageEngine.State {
        guard let held = try await client.image(name) else { return .absent }
        // The empty image that was to take the name along: the last call of putting back is missing.
        if held.id != wanted.id { return held.isEmptyOfOurs ? .partly : .foreign }
        return Set(held.tags).isDisjoint(with: wanted.tags) ? .held : .partly
    }

    private func release(
        _ wanted: ImageDescription, _ name: String, _ client: any ImageCalls
    ) async throws -> (freed: Usage, obstacle: String?) {
        guard let layers else { return (Usage(), "nobody measured it") }
        guard let held = try await client.image(name) else { return (Usage(), nil) }
        if held.id != wanted.id { return (Usage(), "another image is called \(name)") }
        let flight = try await flight(client)
        if let flight { return (Usage(), flight) }
        // Somebody gave it a name again: it only loses that of the trash.
        if held.tags.contains(where: { $0 != name }) {
            try refuseDeletions(try await client.removeImage(name), of: wanted.id)
            return (Usage(), nil)
        }
        let claim = try await user(of: held, client)
        if let claim { return (Usage(), "\(claim); `bilge undo` puts it back") }
        let before = layers.before(removing: wanted.id)
        for digest in held.digests { _ = try await client.removeImage(digest) }
        let refusal = try await remove(wanted.id, calledOnly: name, client)
        return (layers.gone(of: before), refusal)
    }

    /// Returns why the engine kept it.
    private func remove(_ id: String, calledOnly name: String, _ client: any ImageCalls) async throws -> String? {
        do {
            let gone = try await client.removeImage(name)
            let isGone = gone.contains { $0.deleted == id }
            return isGone ? nil : "the engine kept it: another image is built on it"
        } catch let error as EngineError {
            guard error.status == 409 else { throw error }
            return error.detail
        }
    }

    /// Takes one name from an image, if it is still that image's. Returns why it could not.
    private func take(_ tag: String, from id: String, _ client: any ImageCalls) async throws -> String? {
        let image = try await client.image(tag)
        guard image?.id == id else { return nil }
        do {
            let answer = try await client.removeImage(tag)
            try refuseDeletions(answer, of: id)
            return nil
        } catch let error as EngineError {
            guard error.code == .refused else { throw error }
            return error.detail
        }
    }

    private func putBack(_ wanted: ImageDescription, _ name: String, _ client: any ImageCalls) async throws -> String? {
        guard let held = try await client.image(name) else { return "the engine has no image \(name) any more" }
        if held.isEmptyOfOurs {
            _ = try await client.removeImage(name)
            return nil
        }
        guard held.id == wanted.id else { return "another image is called \(name)" }
        for tag in wanted.tags {
            if let image = try await client.image(tag), image.id != wanted.id {
                return "the name is in use again: \(tag)"
            }
        }
        for tag in wanted.tags where !held.tags.contains(tag) {
            let parts = repository(of: tag)
            try await client.tag(wanted.id, repository: parts.name, tag: parts.tag)
        }
        guard let image = try await client.image(wanted.id) else {
            return "the engine has no image \(wanted.id) any more"
        }
        let trash = repository(of: name)
        if image.tags.allSatisfy({ $0 == name }), image.digests.isEmpty {
            // The last name would take the image with it; so the name goes to an empty image, and goes with that one.
            try await client.importEmpty(repository: trash.name, tag: trash.tag)
            guard let empty = try await client.image(name), empty.id != wanted.id else {
                return "the name \(name) could not be taken from it"
            }
            _ = try await client.removeImage(name)
        } else {
            try refuseDeletions(try await client.removeImage(name), of: wanted.id)
        }
        return nil
    }

    private func refuseDeletions(_ answer: [EngineDeletion], of id: String) throws {
        guard let gone = answer.first(where: { $0.deleted != nil })?.deleted else { return }
        throw FlowError(.invariantBroken, "the engine deleted \(gone), though image \(id) had another name")
    }

    /// A container in any state, or a service, that needs the image now.
    private func user(of image: EngineImageDetail, _ client: any ImageCalls) async throws -> String? {
        let containers = try await client.containers()
        if let container = containers.first(where: { $0.imageID == image.id }) {
            return "container \(container.name.isEmpty ? String(container.id.prefix(12)) : container.name) needs it now"
        }
        let services = try await client.knownServices()
        guard let service = services.first(where: { $0.runs(image) }) else { return nil }
        return "service \(service.name) needs it"
    }
}
