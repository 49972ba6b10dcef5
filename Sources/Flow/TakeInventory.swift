// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Engine
import FoundationEssentials
import Model
import Observe

/// What the engine keeps on a host, with the times and claims that a policy asks for.
///
/// - Parameter volumeBytes: what volumes take, by their items' paths.
func inventory(_ survey: Survey, volumeBytes: [RelativePath: Usage]) -> Inventory {
    let stock = Stock(survey)
    let entries =
        stock.images() + stock.containers() + stock.volumes(volumeBytes) + stock.cache()
    return Inventory(entries: entries, doubts: stock.doubts())
}

/// One survey, read for what a policy decides about.
struct Stock {
    let survey: Survey
    let judged: [RelativePath: Judged]
    /// Compose projects of which a container runs.
    let runningProjects: Set<String>
    let containerNames: [RelativePath: (id: String, name: String)]

    static let runningStates = ["running", "paused", "restarting"]

    init(_ survey: Survey) {
        self.survey = survey
        judged = Dictionary(survey.items.map { ($0.item.path, $0) }, uniquingKeysWith: { first, _ in first })
        runningProjects = Set(
            survey.catalog.containers.filter { Self.runningStates.contains($0.state) }.compactMap(\.project))
        containerNames = Dictionary(
            survey.catalog.containers.map { ($0.path, ($0.id, $0.name)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Why nobody may be sure about a kind.
    func doubts() -> [Policy.Kind: String] {
        var doubts: [Policy.Kind: String] = [:]
        func doubt(_ kinds: [Policy.Kind], _ areas: Set<Area>) {
            guard let problem = survey.problems.first(where: { !$0.areas.isDisjoint(with: areas) }) else { return }
            for kind in kinds where doubts[kind] == nil { doubts[kind] = "unknown: \(problem.path): \(problem.reason)" }
        }
        doubt(Policy.Kind.allCases, [.everything])
        doubt([.images], [.images])
        doubt([.containers], [.containers])
        doubt([.cache], [.layers])
        if survey.place.activeDriver == "containerd" {
            let reason = "in containerd's store, of which Bilge does not read the leases"
            for kind in [Policy.Kind.images, .cache] { doubts[kind] = doubts[kind] ?? reason }
        }
        if let flight = survey.inFlight.first {
            for kind in [Policy.Kind.images, .cache] { doubts[kind] = doubts[kind] ?? flight }
        }
        if let problem = survey.keepListProblem {
            for kind in Policy.Kind.allCases { doubts[kind] = doubts[kind] ?? problem }
        }
        return doubts
    }

    // MARK: - Images

    func images() -> [Inventory.Entry] {
        var used: [String: Timestamp] = [:]
        for container in survey.catalog.containers {
            guard let time = Self.lastUse(of: container) else { continue }
            used[container.imageID] = max(time, used[container.imageID] ?? time)
        }
        let parents = Set(survey.catalog.images.compactMap(\.parent))
        let shown = survey.catalog.images.filter { image in
            // Of those that stay whatever a policy says, steps of a build are nothing that anybody would look for.
            Self.beyond(image) == nil ? isActive(image.driver) : !image.tags.isEmpty || !parents.contains(image.id)
        }
        return shown.map { image in
            let isHeld = image.tags.contains { $0.hasPrefix("bilge-trash/") }
            var entry = Inventory.Entry(
                kind: .images, id: image.id, path: image.path,
                names: image.tags.filter { !$0.hasPrefix("bilge-trash/") })
            entry.digests = image.digests
            entry.parents = image.parent.map { [$0] } ?? []
            entry.created = image.created
            entry.arrived = arrival(of: image)
            entry.used = [entry.arrived, used[image.id]].compactMap(\.self).max()
            entry.labels = image.labels
            entry.bytes = virtualBytes(of: image)
            entry.isProtected = judged[image.path]?.isProtected ?? false
            if image.digests.isEmpty {
                entry.irreplaceable =
                    "irreplaceable: no registry is known to have it (built or imported here): --irreplaceable"
            }
            claims(on: image.path, &entry)
            if let reason = Self.beyond(image) { entry.claims.append(reason) }
            if isHeld { entry.claims.insert("held in the trash", at: 0) }
            return entry
        }
    }

    /// Why Bilge does not remove such an image; `nil` if it does.
    private static func beyond(_ image: ImageRecord) -> String? {
        if !image.content.isEmpty { return "in containerd's store, of which Bilge does not read the leases" }
        return image.driver == nil ? "of an engine before 1.10, of which Bilge removes no image: docker rmi does" : nil
    }

    /// When an image came to this host or last got a name here: what the engine wrote about it then.
    ///
    ///     imagedb/content/sha256/<id>                 written when it came
    ///     imagedb/metadata/sha256/<id>/lastUpdated    RFC 3339, written when it got a name
    ///
    /// Source: moby `image/store.go`, `SetLastUpdated`. Both must be readable: half of it may be too old.
    private func arrival(of image: ImageRecord) -> Timestamp? {
        do {
            let written = try survey.directory.status(image.path).modified
            guard let driver = image.driver else { return nil }
            let file = RelativePath("image/\(driver)/imagedb/metadata/sha256") / image.id / "lastUpdated"
            guard let bytes = try survey.directory.readIfPresent(file, limit: 4096) else { return written }
            guard let named = Timestamp(rfc3339: String(decoding: bytes, as: UTF8.self)) else { return nil }
            return max(written, named)
        } catch {
            return nil
        }
    }

    private func virtualBytes(of image: ImageRecord) -> Int64? {
        let layers = Dictionary(
            survey.catalog.layers.filter { $0.driver == image.driver }.map { ($0.chainID, $0.bytes) },
            uniquingKeysWith: { first, _ in first })
        var sum: Int64 = 0
        for chain in image.chain {
            guard let bytes = layers[chain] ?? nil else { return nil }
            sum += bytes
        }
        return sum
    }

    /// Sorts the claims on an item into containers, which a plan may take as well, and all others.
    private func claims(on path: RelativePath, _ entry: inout Inventory.Entry) {
        for claim in survey.reach.claims(on: path) where claim.force == .needs {
            switch claim.claimant {
            case .item(let claimant):
                if let container = containerNames[claimant] {
                    entry.containers[container.id] =
                        "container \(container.name.isEmpty ? String(container.id.prefix(12)) : container.name)"
                } else if judged[claimant]?.item.thing != .image {
                    entry.claims.append("\(claimant) needs it")
                }
            case .container(let id, let name):
                entry.containers[id] = "container \(name.isEmpty ? String(id.prefix(12)) : name)"
            // A name keeps an image from nobody but those who did not ask for named ones.
            case .tag: break
            case .process, .mount, .buildCache, .engine, .containerd, .layout, .bilge:
                entry.claims.append("\(claim.claimant.description) needs it")
            }
        }
        if judged[path]?.standing == .unknown {
            entry.claims.append("unknown: \(judged[path]?.evidence.first?.by ?? "its standing is not known")")
        }
        if let project = entry.project, runningProjects.contains(project) {
            entry.claims.append("Compose project \(project) is running")
        }
    }
}
