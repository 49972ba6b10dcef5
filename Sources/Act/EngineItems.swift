// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Items of the trash that hold no entries: images that the engine holds, and records of containers.
extension Trash {
    /// What became of such an item: `nil` if it is as it should be, and whether its folder may go.
    struct Settled {
        /// One sentence, if something was done.
        var did: String?
        /// One sentence, if something is in the way.
        var kept: String?
    }

    /// Brings an item out of every state between two. Without an engine to ask, it is left as it is.
    ///
    /// An image that has both its names and that of the trash gets all its names back: it was being held when the run was
    /// cut off, or somebody wants it again.
    func settle(_ item: ItemFolder, _ intent: Intent, _ hands: EngineHands?) async throws(DiskError) -> Settled {
        let place = "\(item.run)/\(item.name)"
        guard let hands, let description = intent.recreate else { return Settled() }
        do {
            if intent.step.action == .removeContainer {
                guard try await hands.removals.exists(intent.step) else { return Settled() }
                try drop(item)
                return Settled(did: "\(place): dropped, container \(intent.step.id) was not removed")
            }
            switch try await hands.images.state(description, intent.holdName) {
            case .held: return Settled()
            case .absent:
                try drop(item)
                return Settled(did: "\(place): dropped, the engine holds no image for it")
            case .partly:
                if let obstacle = try await hands.images.putBack(description, intent.holdName) {
                    return Settled(kept: "\(place): \(obstacle)")
                }
                try drop(item)
                return Settled(did: "\(place): put back image \(intent.step.names.joined(separator: ", "))")
            case .foreign: return Settled(kept: "\(place): another image is called \(intent.holdName)")
            }
        } catch let error as DiskError {
            throw error
        } catch {
            return Settled(kept: "\(place): the engine did not say where the image is: \(error)")
        }
    }

    /// Returns what was in the way of putting it back.
    func undo(_ item: ItemFolder, _ intent: Intent, _ hands: EngineHands?) async throws(ActError) -> String? {
        guard intent.step.action == .removeImage else {
            return "a removed container cannot be put back; how it was made is in \(item.directory.path)/meta"
        }
        guard let hands, let description = intent.recreate else {
            return "only the engine can give an image its names back, and it was not asked"
        }
        do {
            if let obstacle = try await hands.images.putBack(description, intent.holdName) { return obstacle }
        } catch {
            return "the engine did not put it back: \(error)"
        }
        try acting(drop(item))
        return nil
    }

    /// Removes for good what the engine holds; the record of a container just goes.
    func release(
        _ item: ItemFolder, _ intent: Intent, _ hands: EngineHands?, counting freed: inout Usage
    ) async -> Ending {
        do {
            if intent.step.action == .removeImage {
                guard let hands, let description = intent.recreate else {
                    return .skipped("only the engine can remove it, and it was not asked")
                }
                let answer = try await hands.images.release(description, intent.holdName)
                freed.allocatedBytes += answer.freed.allocatedBytes
                freed.inodes += answer.freed.inodes
                if let obstacle = answer.obstacle { return .skipped(obstacle) }
            }
            try drop(item)
            return .done
        } catch {
            return .failed("\(error)")
        }
    }
}
