// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Recognises the layers of the storage driver zfs, which are datasets of a pool.
///
///     zfs/graph/<id>    where the dataset `<pool>/<id>` is mounted; empty or gone while it is not
///
/// Only ZFS can remove a dataset. So a layer that is claimed is in use, and one that is not is reported and nothing more.
/// Source: moby `daemon/graphdriver/zfs/zfs.go`, `mountPath`, `Put`.
package struct ZFS: Reader {
    package init() {}

    static let folder = RelativePath("zfs")
    static let layers = folder / "graph"
    /// Unlisted layers are also images of old engines that seem to have none.
    private static let hidden: Set<Area> = [.driver("zfs"), .images]

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(of: Self.folder, in: root, &findings) {
            findings.add(Item(name == "graph" ? .metadata : .foreign, [Self.folder / name]))
        }
        guard findings.has(Self.layers) else { return findings }
        for name in names(of: Self.layers, in: root, &findings) {
            findings.add(Item(LayerName.thing(name) == nil ? .foreign : .otherDriver, [Self.layers / name]))
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        if items.has(Self.layers) { findings.claim(Self.layers, by: .layout, source: Self.folder.text) }
        return findings
    }

    private func names(of path: RelativePath, in root: Directory, _ findings: inout Findings) -> [String] {
        (findings.reading(path, hides: Self.hidden) { try root.namesIfPresent(of: path) } ?? nil) ?? []
    }
}
