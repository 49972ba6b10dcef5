// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model
import Observe

extension Thing {
    /// What only containerd removes.
    var isContainerds: Bool {
        switch self {
        case .snapshot, .blob, .ingest, .lease: true
        case .layer, .initLayer, .rwLayer, .removingLayer, .buildCache, .buildScratch, .danglingLink, .image,
            .layerRecord, .mountRecord, .container, .containerLeftover, .log, .anonymousVolume, .namedVolume,
            .bindRecord, .scratch, .plugin, .removingPlugin, .metadata, .otherDriver, .foreign:
            false
        }
    }
}

extension Survey {
    /// What a person should do about a thing of containerd's; `nil` for all else. Bilge itself never touches one.
    func containerdAdvice(on entry: Judged) -> [String]? {
        guard entry.item.thing.isContainerds else { return nil }
        switch entry.standing {
        case .unknown: return nil
        case .inUse:
            let leases = leasesOfNobody(holding: entry)
            guard let first = leases.first else { return ["Nothing. Something needs it."] }
            let title =
                leases.count == 1
                ? "Only the lease of a container that is gone holds it:"
                : "Only leases of containers that are gone hold it:"
            return [title] + leases.map { "  " + $0.removal } + [Self.socketNote(first.namespace)]
        case .reclaimable, .orphan:
            if let lease = LeaseName(entry.item) {
                return [
                    "Let containerd drop it, with what only it holds: \(lease.removal)",
                    Self.socketNote(lease.namespace),
                ]
            }
            return [
                "containerd removes it when it next collects what nobody needs, which it does after each removal.",
                "To have that now: ctr -n moby leases rm --sync $(ctr -n moby leases create)", Self.socketNote("moby"),
            ]
        }
    }

    /// The leases that hold the item, if they are of containers that are gone and nothing else needs it.
    private func leasesOfNobody(holding entry: Judged) -> [LeaseName] {
        let standings = Dictionary(items.map { ($0.item.path, $0) }) { first, _ in first }
        var leases: [LeaseName] = []
        var roots = 0
        for claim in reach.claims(on: entry.item.path) where claim.force == .needs {
            switch claim.claimant {
            case .containerd: roots += 1
            case .item(let path):
                guard let holder = standings[path] else { return [] }
                if holder.standing == .reclaimable, let lease = LeaseName(holder.item) {
                    leases.append(lease)
                } else if holder.standing == .inUse {
                    return []
                }
            case .tag, .container, .process, .mount, .buildCache, .engine, .layout, .bilge: return []
            }
        }
        // Each lease says it twice: as an item, and as what containerd never collects from.
        return roots == leases.count ? leases.sorted { $0.id < $1.id } : []
    }

    private static func socketNote(_ namespace: String) -> String {
        "An engine that runs its own containerd has its socket elsewhere: ctr -a /run/docker/containerd/containerd.sock -n \(namespace) …"
    }
}
