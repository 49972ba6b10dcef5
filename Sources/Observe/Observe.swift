// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads a data root: what exists first, who needs it second.
///
/// Nothing here changes anything, and nothing here decides anything.
///
/// - Parameters:
///   - root: the open root.
///   - path: its absolute path, escaped; recorded paths below it are the root's own.
///   - moved: things that were just taken out of the root. Readers see them as if they were still there, so that a
///     claim on one made meanwhile comes to light.
package func observe(_ root: Directory, at path: String, moved: [Item] = []) -> Findings {
    var findings = Findings()
    let readers = readers(rootPath: path)
    for reader in readers { findings.merge(reader.items(in: root)) }
    for item in moved where findings.items[item.path] == nil { findings.add(item) }
    for reader in readers { findings.merge(reader.claims(in: root, among: findings)) }
    return findings
}

/// Every reader; each ignores what is not there. Containers come before volumes, which look at their mounts.
private func readers(rootPath: String) -> [any Reader] {
    let drivers: [any Reader] = [
        ImageGraph(), AufsLayers(), OverlayLayers(), Overlay2(driver: .overlay2), Overlay2(driver: .fuseOverlayfs),
        ReportedDrivers(),
    ]
    return [TopLevel(), Containers(rootPath: rootPath), Volumes()] + drivers
        + StorageDriver.allCases.map(ContentAddressed.init(driver:)) + [BuildKitReader(), ContainerdReader()]
}
