// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Why a step is not begun.
struct Refusal: Error {
    let reason: String

    static let otherFileSystem = Refusal(reason: "on another file system than the root: no place for the trash there")
    static let changed = Refusal(reason: "changed since the plan was made")
}

extension Trash {
    /// Looks at every entry of a step and writes down what it is, if it is still what the plan said.
    func intent(
        for step: Plan.Step, sequence: Int, run: String, plan: String, at time: Timestamp, recreate: String? = nil
    ) throws(Refusal) -> Intent {
        guard !step.paths.isEmpty, step.paths.count == step.identities.count,
            step.paths.allSatisfy(Intent.isMovable), isInOrder(step.paths)
        else { throw Refusal(reason: "the plan names paths that cannot be moved") }
        var held: [Intent.Held] = []
        for (path, identity) in zip(step.paths, step.identities) {
            held.append(try look(at: path, expecting: identity))
        }
        if step.action == .removeVolume { held = [try dataOfVolume(held[0])] }
        let intent = Intent(
            run: run, sequence: sequence, plan: plan,
            root: Plan.Root(path: root.path, device: rootStatus.device, inode: rootStatus.inode), moved: time,
            step: step, held: held, recreate: recreate)
        guard intent.encoded().count <= Intent.limitBytes else { throw Refusal(reason: "too many paths for one item") }
        return intent
    }

    /// A child moves before its parent, and nothing twice.
    private func isInOrder(_ paths: [RelativePath]) -> Bool {
        var seen: Set<RelativePath> = []
        for path in paths {
            guard seen.insert(path).inserted else { return false }
            var above = path.parent
            while let parent = above, !parent.text.isEmpty {
                if seen.contains(parent) { return false }
                above = parent.parent
            }
        }
        return true
    }

    private func look(at path: RelativePath, expecting identity: Identity?) throws(Refusal) -> Intent.Held {
        do {
            let parent = try root.directory(path.parent ?? .root)
            let folder = try parent.status(.root)
            guard let entry = try parent.statusIfPresent(RelativePath(String(path.name))) else {
                throw Refusal(reason: "gone already: \(path)")
            }
            for status in [folder, entry]
            where status.device != rootStatus.device || status.mountID != rootStatus.mountID {
                throw Refusal.otherFileSystem
            }
            if let identity, !isSame(entry, identity) || identity.device != entry.device { throw Refusal.changed }
            return Intent.Held(path: path, identity: entry.identity, parent: folder.identity)
        } catch let refusal as Refusal {
            throw refusal
        } catch let error as DiskError {
            throw Refusal(reason: error.isNoFolder ? "gone already: \(path)" : "\(error)")
        } catch {
            throw Refusal(reason: "\(error)")
        }
    }

    /// Of a volume that the engine lists only the data is held; the engine removes the rest together with the name.
    private func dataOfVolume(_ volume: Intent.Held) throws(Refusal) -> Intent.Held {
        volume.path.name == "_data" ? volume : try look(at: volume.path / "_data", expecting: nil)
    }
}
