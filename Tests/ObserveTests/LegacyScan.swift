// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport

/// What the readers of Docker 1.0 to 1.9 say of a root, and what follows from it.
///
/// The conclusion is drawn here once more, in the shortest way there is, so that no test of a reader rests on `Decide`.
struct LegacyScan {
    let items: Findings
    let findings: Findings
    /// Those that count: not what is said of the record of an orphan, as long as that is true of nothing but orphans.
    private(set) var problems: [Problem]
    private let owner: [RelativePath: RelativePath]
    private let needed: Set<RelativePath>
    private let known: Set<RelativePath>

    static let readers: [any Reader] = [ImageGraph(), AufsLayers(), OverlayLayers(), Btrfs(), Devicemapper(), ZFS()]

    /// - Parameter others: claims and items that readers of other formats would add.
    init(_ path: String, others: Findings = Findings()) throws {
        let root = try Directory(path: FilePath(path))
        var items = Findings()
        for reader in Self.readers { items.merge(reader.items(in: root)) }
        items.merge(others)
        var all = items
        for reader in Self.readers { all.merge(reader.claims(in: root, among: items)) }
        self.init(items: items, findings: all)
    }

    init(items: Findings, findings: Findings) {
        self.items = items
        self.findings = findings
        var owner: [RelativePath: RelativePath] = [:]
        for item in items.items.values { for path in item.paths { owner[path] = item.path } }
        self.owner = owner
        needed = Self.reached(findings, owner) { $0 == .needs }
        known = Self.reached(findings, owner) { $0 != .mentions }
        problems = findings.problems.filter { $0.unlessOrphan == nil }
        let owners = findings.problems.compactMap(\.unlessOrphan)
        if owners.contains(where: { standing($0) != .orphan }) { problems = findings.problems }
    }

    private static func reached(
        _ findings: Findings, _ owner: [RelativePath: RelativePath], by counts: (Claim.Force) -> Bool
    ) -> Set<RelativePath> {
        var edges: [RelativePath: [RelativePath]] = [:]
        var pending: [RelativePath] = []
        for claim in findings.claims where counts(claim.force) {
            guard let target = owner[claim.target] else { continue }
            if case .item(let from) = claim.claimant {
                edges[owner[from] ?? from, default: []].append(target)
            } else {
                pending.append(target)
            }
        }
        var reached: Set<RelativePath> = []
        while let path = pending.popLast() {
            if reached.insert(path).inserted { pending += edges[path] ?? [] }
        }
        return reached
    }

    func standing(_ path: RelativePath) -> Standing? {
        guard let path = owner[path], let item = items.items[path] else { return nil }
        if item.thing == .foreign { return .unknown }
        if needed.contains(path) { return .inUse }
        if problems.contains(where: { $0.areas.contains { $0.covers(item) } }) { return .unknown }
        return known.contains(path) ? .reclaimable : .orphan
    }

    func standing(_ path: String) -> Standing? { standing(RelativePath(path)) }

    func paths(_ standings: Set<Standing>) -> Set<RelativePath> {
        Set(items.items.keys.filter { path in standing(path).map(standings.contains) ?? false })
    }
}

extension Area {
    fileprivate func covers(_ item: Item) -> Bool {
        let isLayer = [.layer, .initLayer, .rwLayer, .removingLayer, .buildCache, .otherDriver].contains(item.thing)
        return switch self {
        case .everything: true
        case .images: item.thing == .image
        case .layers: isLayer
        case .storageDrivers: isLayer || item.thing == .image
        case .driver(let name): item.path.components.first.map { $0 == name } ?? false
        case .item(let path): item.paths.contains { path.contains($0) }
        case .scratch: item.thing == .scratch
        case .containers, .volumes, .plugins, .containerd: false
        }
    }
}

extension Findings {
    /// What the reader of `containers/` claims for a container with this image, in a root of Docker 1.0 to 1.9.
    mutating func addContainer(_ id: String, image: String, to root: Directory? = nil) {
        let path = RelativePath("containers") / id
        add(Item(.container, [path]))
        claim(path, by: .container(id: id, name: ""), source: "\(path)/config.json")
        claim(RelativePath("graph") / image, by: .item(path), source: "\(path)/config.json")
        for folder in ["aufs/diff", "aufs/mnt", "aufs/layers", "overlay", "vfs/dir"] {
            for name in [id, id + "-init"] {
                claim(RelativePath(folder) / name, by: .item(path), source: "\(path)/config.json")
            }
        }
    }
}

/// A root made by hand, in the words of the engine that would have written it.
struct LegacyRecipe {
    let folder: TemporaryDirectory
    var others = Findings()

    init(_ name: String) throws { folder = try TemporaryDirectory("legacy-\(name)") }

    /// 64 hexadecimal digits that begin with `short`.
    static func id(_ short: String) -> String { short + String(repeating: "0", count: 64 - short.utf8.count) }

    func scan() throws -> LegacyScan { try LegacyScan(folder.path, others: others) }

    func tag(_ names: [String: [String: String]], driver: String = "aufs") throws {
        let data = try JSONSerialization.data(withJSONObject: ["Repositories": names], options: [.sortedKeys])
        try folder.write("repositories-\(driver)", String(decoding: data, as: UTF8.self))
    }

    func image(_ id: String, parent: String? = nil, layersize: String? = "10") throws {
        let above = parent.map { #""parent":"\#($0)","# } ?? ""
        let json = #"{"id":"\#(id)",\#(above)"created":"2015-06-01T10:00:00.5Z","container":"\#(id)","Size":7}"#
        try folder.write("graph/\(id)/json", json)
        if let layersize { try folder.write("graph/\(id)/layersize", layersize) }
    }

    func aufs(_ name: String, _ below: [String] = []) throws {
        try folder.makeDirectory("aufs/diff/\(name)")
        try folder.makeDirectory("aufs/mnt/\(name)")
        try folder.write("aufs/layers/\(name)", below.map { $0 + "\n" }.joined())
    }

    mutating func container(_ id: String, image: String) { others.addContainer(id, image: image) }
}
