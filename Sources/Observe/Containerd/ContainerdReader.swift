// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the root of the containerd that dockerd starts itself (18.09 and later), as far as to say what each entry is.
///
///     containerd/daemon/io.containerd.content.v1.content/blobs/<algorithm>/<digits>    content
///     containerd/daemon/io.containerd.content.v1.content/ingest/<digits>/              content on its way in
///     containerd/daemon/io.containerd.snapshotter.v1.<name>/snapshots/<number>         file systems
///     containerd/daemon/io.containerd.metadata.v1.bolt/meta.db                         who needs which
///     containerd/daemon/<anything else>                                                state of other plug-ins
///
/// Who needs a snapshot or a blob is decided by containerd, over all its namespaces, and only containerd removes them.
/// So they are reported and never judged. Source: containerd `core/metadata/buckets.go`, `plugins/content/local/store.go`,
/// `plugins/snapshots/overlay/overlay.go`; `docs/formats/containerd.md`.
package struct ContainerdReader: Reader {
    static let folder = RelativePath("containerd")
    static let daemon = folder / "daemon"
    static let database = daemon / "io.containerd.metadata.v1.bolt" / "meta.db"
    private static let content = "io.containerd.content.v1.content"
    private static let snapshotter = "io.containerd.snapshotter.v1."

    package init() {}

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(of: Self.folder, in: root, &findings) {
            findings.add(Item(name == "daemon" ? .metadata : .foreign, [Self.folder / name]))
        }
        guard findings.items[Self.daemon] != nil else { return findings }
        for name in names(of: Self.daemon, in: root, &findings) {
            let store = Self.daemon / name
            findings.add(Item(.metadata, [store]))
            if name == Self.content {
                for algorithm in names(of: store / "blobs", in: root, &findings) {
                    add(.blob, in: store / "blobs" / algorithm, root, &findings)
                }
                add(.ingest, in: store / "ingest", root, &findings)
            } else if name.hasPrefix(Self.snapshotter) {
                add(.snapshot, in: store / "snapshots", root, &findings)
            }
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for item in items.items.values where item.thing == .metadata && Self.folder.contains(item.path) {
            guard item.path != Self.folder else { continue }
            findings.claim(item.path, by: .layout, source: Self.folder.text)
        }
        findings.merge(ImageStore(root: root).findings())
        return findings
    }

    private func add(_ thing: Thing, in folder: RelativePath, _ root: Directory, _ findings: inout Findings) {
        for name in names(of: folder, in: root, &findings) { findings.add(Item(thing, [folder / name])) }
    }

    /// Names in a directory that need not exist.
    private func names(of folder: RelativePath, in root: Directory, _ findings: inout Findings) -> [String] {
        let names = findings.reading(folder, hides: [.item(folder)]) { try root.namesIfPresent(of: folder) }
        return (names ?? nil) ?? []
    }
}
