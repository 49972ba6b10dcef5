// SPDX-License-Identifier: Apache-2.0

package import Model

/// The account of one file system: all that it says is used, each byte under a name.
///
/// Every part but `other` is counted or computed by itself; `other` is what they leave, so that it shows what none of
/// them explains. It can be negative: where files share blocks, the parts are more than the whole.
package struct Ledger: Hashable, Sendable {
    package var facts: FileSystemFacts
    /// What lies below the root on this file system.
    package var below: Usage
    /// How many items begin on it.
    package var items: Int

    package init(_ facts: FileSystemFacts, below: Usage, items: Int = 0) {
        self.facts = facts
        self.below = below
        self.items = items
    }

    /// What the file system keeps for itself of what it says is used.
    package var own: SpacePart {
        facts.own?.reduce(into: SpacePart("", bytes: 0)) { sum, part in
            sum.bytes += part.bytes
            sum.inodes += part.inodes
        } ?? SpacePart("", bytes: 0)
    }

    /// What files without a name take.
    package var deleted: Usage {
        facts.deleted.reduce(into: Usage()) { $0 += Usage(allocatedBytes: $1.allocatedBytes, inodes: 1) }
    }

    /// What is used and is none of the rest.
    package var other: Usage {
        Usage(
            allocatedBytes: facts.usedBytes - below.allocatedBytes - own.bytes - deleted.allocatedBytes,
            inodes: facts.totalInodes == 0
                ? 0 : facts.usedInodes - below.inodes - own.inodes - deleted.inodes)
    }

    /// True if the parts are more than what the file system says is used: files share blocks, or something grew meanwhile.
    package var isOverdrawn: Bool { other.allocatedBytes < 0 }
}

/// What would go if every image that no container and no other thing needs went at once.
///
/// Layers that only such images share go too, which no sum over single images can show: of two images that share a
/// layer, neither has it for itself.
package struct UnclaimedImages: Hashable, Sendable {
    /// Images that nothing needs but their own tags.
    package var count = 0
    package var allocatedBytes: Int64 = 0

    package init(count: Int = 0, allocatedBytes: Int64 = 0) {
        self.count = count
        self.allocatedBytes = allocatedBytes
    }

    /// - Parameters:
    ///   - items: all of a root.
    ///   - reach: who needs what.
    ///   - usage: of `items`, by path.
    package init(_ items: [Judged], _ reach: Reach, _ usage: [RelativePath: Usage]) {
        let images = items.filter { $0.item.thing.isOfImages }
        let own = Set(images.map(\.item.path))
        // Whatever else there is may need a layer: containers, caches, plugins, things that nobody understands; and so
        // may who is no item: a process, a mount, the engine. Only a tag gives way when its image goes.
        var seeds = Set(items.map(\.item.path)).subtracting(own)
        for entry in images where entry.standing == .unknown || reach.isHeldByOthers(entry.item.path) {
            seeds.insert(entry.item.path)
        }
        let kept = reach.closure(of: seeds)
        for entry in images where !kept.contains(entry.item.path) && entry.standing != .orphan {
            if entry.item.thing == .image { count += 1 }
            allocatedBytes += usage[entry.item.path]?.allocatedBytes ?? 0
        }
    }
}

extension Reach {
    /// True if somebody who is neither an item nor a tag needs it.
    fileprivate func isHeldByOthers(_ item: RelativePath) -> Bool {
        (claimsOn[item] ?? []).contains { claim in
            guard claim.force == .needs else { return false }
            switch claim.claimant {
            case .item, .tag: return false
            case .container, .process, .mount, .buildCache, .engine, .layout, .bilge: return true
            }
        }
    }
}

extension Thing {
    /// The things that images are made of.
    package var isOfImages: Bool {
        switch self {
        case .layer, .image, .layerRecord: true
        case .initLayer, .rwLayer, .removingLayer, .buildCache, .buildScratch, .danglingLink, .mountRecord, .container,
            .containerLeftover, .log, .anonymousVolume, .namedVolume, .bindRecord, .scratch, .plugin, .removingPlugin,
            .snapshot, .blob, .ingest, .metadata, .otherDriver, .foreign:
            false
        }
    }
}
