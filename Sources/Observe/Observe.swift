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
///   - stores: roots of containerd outside this one that the engine uses. What lies in them is known by its absolute path.
///   - now: by which leases of containerd expire; without it none has.
///   - moved: things that were just taken out of the root. Readers see them as if they were still there, so that a
///     claim on one made meanwhile comes to light.
package func observe(
    _ root: Directory, at path: String, stores: [ContainerdStore] = [], now: Timestamp? = nil, moved: [Item] = []
) -> Findings {
    let readers = readers(rootPath: path) + ([.inDataRoot] + stores).map { ContainerdReader($0, now: now) }
    var findings = items(in: root, readers, moved)
    findings.merge(all: claims(in: root, readers, among: findings))
    return findings
}

private func items(in root: Directory, _ readers: [any Reader], _ moved: [Item]) -> Findings {
    let found = concurrently(
        readers.map { reader in
            {
                var found = reader.items(in: root)
                found.sort()
                return found
            }
        })
    var findings = Findings(arranging: found, both: together)
    for item in moved where !findings.has(item.path) { findings.add(item) }
    return findings
}

private func claims(in root: Directory, _ readers: [any Reader], among items: Findings) -> [Findings] {
    concurrently(readers.map { reader in { reader.claims(in: root, among: items) } })
}

/// Every reader; each ignores what is not there. The order is that in which they start; those that read most come first.
private func readers(rootPath: String) -> [any Reader] {
    let drivers: [any Reader] = [
        ImageGraph(), AufsLayers(), OverlayLayers(), Overlay2(driver: .overlay2), Overlay2(driver: .fuseOverlayfs),
        Btrfs(), Devicemapper(), ZFS(),
    ]
    return [Owners(rootPath: rootPath)] + StorageDriver.allCases.map(ContentAddressed.init(driver:)) + drivers
        + [BuildKitReader(), TopLevel(), MissingRecords()]
}

/// Containers, then volumes, which look at the mounts of containers.
private struct Owners: Reader {
    let rootPath: String

    func items(in root: Directory) -> Findings {
        var findings = Containers(rootPath: rootPath).items(in: root)
        findings.merge(Volumes().items(in: root))
        return findings
    }

    func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Containers(rootPath: rootPath).claims(in: root, among: items)
        var known = items
        known.catalog.merge(findings.catalog)
        findings.merge(Volumes().claims(in: root, among: known))
        return findings
    }
}
