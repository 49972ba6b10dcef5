// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the storage driver aufs, of Docker 1.0 to 23.
///
///     aufs/diff/<id>      the files of the layer; a symbolic link where a root from before 0.7 was upgraded
///     aufs/mnt/<id>       an empty directory to mount it at
///     aufs/layers/<id>    all layers below it, nearest first, one on each line; empty for a base
///     aufs/{diff,mnt}/<id>-removing
///                         renamed by the engine, which was stopped before it had deleted it
///
/// Source: docker 1.6 `daemon/graphdriver/aufs/aufs.go` (`Create`, `Remove`), `dirs.go`, `migrate.go`.
package struct AufsLayers: Reader {
    package init() {}

    static let folder = RelativePath("aufs")
    static let lists = folder / "layers"
    /// In moving order: the data first. The engine takes a layer for whole as long as it finds it in `layers`.
    static let parts = [folder / "diff", folder / "mnt", lists]
    /// Unlisted layers are also images that seem to have none.
    private static let hidden: Set<Area> = [.driver("aufs"), .images]

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        let top = findings.reading(Self.folder, hides: Self.hidden) { try root.namesIfPresent(of: Self.folder) }
        for name in (top ?? nil) ?? [] where !Self.parts.contains(Self.folder / name) {
            findings.add(Item(.foreign, [Self.folder / name]))
        }
        guard top ?? nil != nil else { return findings }

        var paths: [String: [RelativePath]] = [:]
        for part in Self.parts {
            let names = findings.reading(part, hides: Self.hidden) { try root.namesIfPresent(of: part) }
            for name in (names ?? nil) ?? [] {
                if LayerName.thing(name, removing: part != Self.lists) == nil {
                    findings.add(Item(.foreign, [part / name]))
                } else {
                    paths[name, default: []].append(part / name)
                }
            }
        }
        for (name, paths) in paths { findings.add(Item(LayerName.thing(name, removing: true) ?? .foreign, paths)) }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        // Listed anew: a layer that was finished since the first listing needs those below it.
        let names = findings.reading(Self.lists, hides: Self.hidden) { try root.namesIfPresent(of: Self.lists) }
        guard let names else { return findings }
        checkParts(in: root, among: items, &findings)
        var lists = AufsParents(items: items)
        for name in names ?? [] where LayerName.thing(name) != nil {
            let path = Self.lists / name
            let list = findings.reading(path, hides: [.driver("aufs")]) {
                try root.read(path, limit: AufsParents.limitBytes)
            }
            if let list { lists.add(name, list) }
        }
        lists.claim(&findings)
        lists.checkBases(in: root, &findings)
        return findings
    }

    /// The engine makes all three when it starts. Where one is missing (deleted, or a file system that is not mounted), what
    /// is left in the others looks like layers that were removed half way, and is not.
    private func checkParts(in root: Directory, among items: Findings, _ findings: inout Findings) {
        guard Self.parts.contains(where: { items.items(in: $0).contains(where: Self.isLayer) }) else { return }
        for part in Self.parts {
            let isThere = findings.reading(part, hides: Self.hidden) { try root.statusIfPresent(part) != nil }
            if isThere == false {
                findings.problem(part.text, hides: Self.hidden, because: "the directory is missing")
            }
        }
    }

    /// The item that holds the layer `name`, by whichever of its entries exist.
    static func item(_ name: String, among items: Findings) -> RelativePath? {
        parts.lazy.map { $0 / name }.first { items.has($0) }
    }

    private static func isLayer(_ item: Item) -> Bool {
        item.thing != .foreign && item.thing != .removingLayer
    }
}
