// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
import Engine
import Model
import Observe

/// Asks every witness again, right before and right after the entries of a step move.
///
/// Before a batch of moves one complete look is taken, engine included; after it another one, in which what moved is
/// judged as if it still lay at its place: a container that was created on a volume meanwhile claims it, and the move is
/// undone. Between the two looks lies at most one batch.
final class Rechecks {
    private let survey: Survey
    private let request: Request
    /// By the path an item is known by.
    private let items: [RelativePath: Judged]
    /// The look of the current batch; none after a batch was looked at from behind.
    private var current: [RelativePath: Judged]?
    /// The data of volumes that the engine lists, by the volume's path: that is what moves, not what the plan identifies.
    private var data: [RelativePath: Object] = [:]

    init(_ survey: Survey, _ request: Request) {
        self.survey = survey
        self.request = request
        items = Dictionary(survey.items.map { ($0.item.path, $0) }, uniquingKeysWith: { first, _ in first })
    }

    var checks: Checks {
        Checks(before: { try await self.reason(toKeep: $0) }, after: { try await self.reasons(toReturn: $0) })
    }

    private func reason(toKeep step: Plan.Step) async throws -> String? {
        let look: [RelativePath: Judged]
        if let current {
            look = current
        } else {
            let taken = try await self.look()
            look = Dictionary(taken.items.map { ($0.item.path, $0) }, uniquingKeysWith: { first, _ in first })
            current = look
        }
        guard let judged = look[step.paths[0]] else { return "it is part of something else now" }
        guard Set(judged.item.paths) == Set(step.paths) else { return "other entries belong to it now" }
        if step.action == .removeVolume {
            data[step.paths[0]] = Object(try survey.directory.status(step.paths[0] / "_data").identity)
        }
        return objection(to: judged, step)
    }

    private func reasons(toReturn steps: [Plan.Step]) async throws -> [String?] {
        current = nil
        let moved = steps.compactMap { step in items[step.paths[0]]?.item }.map { ($0, survey.changed[$0.path]) }
        let look = try await self.look(moved: moved)
        let now = Dictionary(look.items.map { ($0.item.path, $0) }, uniquingKeysWith: { first, _ in first })
        let inUse = try usersOfHeldEntries()
        return steps.map { step in
            if let user = user(of: step, among: inUse) { return user }
            guard let judged = now[step.paths[0]] else { return "it is part of something else now" }
            return objection(to: judged, step)
        }
    }

    private func user(of step: Plan.Step, among users: [Object: String]) -> String? {
        guard step.action == .removeVolume else { return step.identities.lazy.compactMap { users[Object($0)] }.first }
        // A volume that a run before this one moved: whoever uses anything in the trash may be using it.
        guard let data = data[step.paths[0]] else { return users.values.min() }
        return users[data]
    }

    private func look(moved: [(item: Item, changed: Timestamp?)] = []) async throws -> Look {
        guard survey.engine.state == .running else { return survey.place.look(engine: Findings(), moved: moved) }
        return try await whileProblemsChange(\.findings.problems) {
            let answer = try await ask(request)
            guard case .answered(let report) = answer, answer.rootDirectory == survey.engineRoot else {
                throw FlowError(.engineUnreachable, "the engine stopped answering")
            }
            return survey.place.look(engine: findings(from: report), moved: moved)
        }
    }

    /// Why the step is no longer right; `nil` if it is.
    private func objection(to judged: Judged, _ step: Plan.Step) -> String? {
        if judged.isProtected { return "the keep list protects it" }
        switch judged.standing {
        case .orphan: return nil
        case .reclaimable where step.action == .removeVolume: return nil
        case .inUse, .reclaimable, .unknown:
            return judged.evidence.first { $0.says != .denied }?.by ?? judged.standing.rawValue
        }
    }

    /// Who uses each of these objects, wherever they lie now; for what is about to be deleted for good.
    func users(of identities: [Identity]) throws -> [String?] {
        let users = try usersOfHeldEntries()
        return identities.map { users[Object($0)] }
    }

    /// Who uses something that lies in the trash, by what it is: moving took the path away, but not an open file.
    private func usersOfHeldEntries() throws -> [Object: String] {
        var entries = Findings()
        var objects: [RelativePath: Object] = [:]
        for path in try heldEntries(in: survey.directory) {
            entries.add(Item(.scratch, [path]))
            objects[path] = Object(try survey.directory.status(path).identity)
        }
        let witness = KernelWitness(
            root: survey.directory, rootPath: survey.place.path, proc: survey.place.sources.proc)
        let found = witness.claims(among: entries)
        let index = ItemIndex(entries.items.values)
        var users: [Object: String] = [:]
        for claim in found.claims where claim.force == .needs {
            if case .item(let path) = index.meaning(of: claim.target), let object = objects[path] {
                users[object] = claim.claimant.description
            }
        }
        if let problem = found.problems.first {
            for object in objects.values { users[object] = users[object] ?? problem.reason }
        }
        return users
    }
}

/// A file system object, whatever it is called now.
struct Object: Hashable {
    var device: UInt64
    var inode: UInt64
    var birth: Int64

    init(_ identity: Identity) {
        device = identity.device
        inode = identity.inode
        birth = identity.birth
    }
}

/// Every entry that lies in the trash: `.bilge/<run>/<item>/data.<n>`.
func heldEntries(in root: Directory) throws -> [RelativePath] {
    func folders(in path: RelativePath) throws -> [RelativePath] {
        try root.entries(of: path).filter { $0.kind == .directory }.map { path / $0.name }
    }
    let trash = RelativePath(Trash.name)
    guard try root.statusIfPresent(trash) != nil else { return [] }
    return try folders(in: trash).flatMap(folders(in:)).flatMap { item in
        try root.names(of: item).filter { $0.hasPrefix("data.") }.map { item / $0 }
    }
}
