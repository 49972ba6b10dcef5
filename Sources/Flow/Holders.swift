// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// Which images, containers and build cache records hold each item: it is freed when the last of them goes. But a volume
/// stays when its containers go.
struct Holders {
    /// `Plan.Step.key` of each holder, by the item's path; the empty key is somebody who never goes.
    private(set) var byItem: [RelativePath: Set<String>] = [:]
    private var itemsByKey: [String: Set<RelativePath>] = [:]
    private var judged: [RelativePath: Judged] = [:]

    init(_ survey: Survey) {
        var owner: [RelativePath: RelativePath] = [:]
        for entry in survey.items {
            judged[entry.item.path] = entry
            for path in entry.item.paths { owner[path] = entry.item.path }
        }
        var starts: [String: Set<RelativePath>] = [:]
        for image in survey.catalog.images where image.driver != nil {
            starts["image " + image.id, default: []].insert(image.path)
        }
        for container in survey.catalog.containers {
            starts["container " + container.id, default: []].insert(container.path)
        }
        for entry in survey.items {
            for claim in survey.reach.claims(on: entry.item.path) {
                if let key = Self.key(claim) { starts[key, default: []].insert(entry.item.path) }
            }
        }
        for (key, paths) in starts {
            for held in survey.reach.closure(of: paths) {
                guard let item = owner[held], judged[item]?.item.thing.isVolume == false else { continue }
                byItem[item, default: []].insert(key)
                itemsByKey[key, default: []].insert(item)
            }
        }
    }

    func items(of key: String) -> [Judged] { (itemsByKey[key] ?? []).sorted().compactMap { judged[$0] } }

    /// What goes if exactly these go.
    func freed(by keys: Set<String>) -> [(item: Judged, holders: Set<String>)] {
        let paths = keys.reduce(into: Set<RelativePath>()) { $0.formUnion(itemsByKey[$1] ?? []) }
        return paths.sorted().compactMap { path in
            guard let holders = byItem[path], holders.isSubset(of: keys), let entry = judged[path] else { return nil }
            return (entry, holders)
        }
    }

    /// Who a claim is made for, if its item does not make it; `nil` for what holds nothing by itself: names of images, and
    /// the lists of the engine, which it writes anew.
    private static func key(_ claim: Claim) -> String? {
        switch claim.claimant {
        case .item, .tag: nil
        case .container(let id, _): claim.force == .mentions ? nil : "container " + id
        case .buildCache(let id): claim.force == .mentions ? nil : "buildCache " + id
        case .process, .mount, .engine, .containerd, .layout, .bilge: claim.force == .needs ? "" : nil
        }
    }
}
