// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Recognises the storage drivers whose layers are no plain directories: they are reported, and nothing is said of them.
///
///     btrfs/subvolumes/<id>              a subvolume: removing it takes a call of its own
///     zfs/graph/<id>                     where a dataset is mounted; nothing is there while it is not
///     devicemapper/devicemapper/         sparse files that hold every layer; only the engine can free a part
///     devicemapper/{metadata,mnt}/       the records of the layers, and where they are mounted
///
/// Source: docker 1.9 `daemon/graphdriver/{btrfs,zfs,devmapper}`.
package struct ReportedDrivers: Reader {
    package init() {}

    static let drivers: [StorageDriver] = [.btrfs, .devicemapper, .zfs]

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for driver in Self.drivers {
            let top = RelativePath(driver.rawValue)
            for name in names(of: top, in: root, &findings) ?? [] {
                let path = top / name
                if Self.foldersOfLayers.contains(path), let layers = names(of: path, in: root, &findings) {
                    for layer in layers { findings.add(Item(.otherDriver, [path / layer])) }
                } else {
                    findings.add(Item(.otherDriver, [path]))
                }
            }
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for driver in Self.drivers {
            let top = RelativePath(driver.rawValue)
            guard let names = names(of: top, in: root, &findings), !names.isEmpty else { continue }
            findings.problem(
                top.text, hides: [.driver(driver.rawValue)],
                because: "layers of the storage driver \(driver.rawValue) are only reported")
        }
        return findings
    }

    private static let foldersOfLayers = [RelativePath("btrfs/subvolumes"), RelativePath("zfs/graph")]

    private func names(of path: RelativePath, in root: Directory, _ findings: inout Findings) -> [String]? {
        let driver = String(path.components[0])
        return findings.reading(path, hides: [.driver(driver)]) { try root.namesIfPresent(of: path) } ?? nil
    }
}
