// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the directories of the storage driver btrfs.
///
///     btrfs/subvolumes/<id>    a subvolume: the whole file system of a layer, sharing blocks with the one it was made of
///     btrfs/quotas/<id>        its limit in bytes, in decimal, if it has one
///
/// Ids are those of overlay2. A layer is a snapshot of the one below and needs it no more, so there are no lists of
/// layers below. A subvolume is a device of its own on the same mount.
///
/// Source: moby `daemon/graphdriver/btrfs/btrfs.go`, `Create`, `Remove`.
package struct Btrfs: Reader {
    package init() {}

    static let folder = RelativePath("btrfs")
    static let layers = folder / "subvolumes"
    private static let quotas = folder / "quotas"
    /// Unlisted layers are also images of old engines that seem to have none.
    private static let hidden: Set<Area> = [.driver("btrfs"), .images]

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(of: Self.folder, in: root, &findings) {
            let path = Self.folder / name
            findings.add(Item(path == Self.layers || path == Self.quotas ? .metadata : .foreign, [path]))
        }
        guard findings.has(Self.layers) else { return findings }
        let limits = Set(
            findings.has(Self.quotas) ? names(of: Self.quotas, in: root, &findings) : [])
        let layers = names(of: Self.layers, in: root, &findings)
        for name in layers {
            let quota = limits.contains(name) ? [Self.quotas / name] : []
            findings.add(Item(LayerName.thing(name) ?? .foreign, [Self.layers / name] + quota))
        }
        // Kept: a few bytes are not worth a risk.
        for name in limits.subtracting(layers) { findings.add(Item(.metadata, [Self.quotas / name])) }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for item in items.items(below: Self.folder) where item.thing == .metadata {
            findings.claim(item.path, by: .layout, source: Self.folder.text)
        }
        return findings
    }

    private func names(of path: RelativePath, in root: Directory, _ findings: inout Findings) -> [String] {
        (findings.reading(path, hides: Self.hidden) { try root.namesIfPresent(of: path) } ?? nil) ?? []
    }
}
