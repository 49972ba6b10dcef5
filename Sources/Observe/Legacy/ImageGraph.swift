// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the images of Docker 1.0 to 1.9, which later engines leave in place after an upgrade.
///
///     graph/<id>/json             the image: its parent, when it was made
///     graph/<id>/layersize        bytes of its own layer, in decimal; may be absent
///     graph/<id>/layer/           the layer itself, before 0.7
///     graph/_tmp/<x>              scratch of a pull, build, push or removal
///     repositories-<driver>       names of images; `repositories` before 0.7
///
/// One `graph/` serves all storage drivers: the layer of an image has the image's id in whichever driver it was made
/// with. The engine skips an image without a layer and never looks at it again.
///
/// Source: docker 1.6 `graph/graph.go` (`restore`, `Register`, `Delete`), `graph/tags.go`.
package struct ImageGraph: Reader {
    package init() {}

    static let folder = RelativePath("graph")
    private static let scratch = folder / "_tmp"

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(in: root, &findings) {
            let path = Self.folder / name
            if path == Self.scratch {
                findings.add(Item(.metadata, [path]))
                let inside = findings.reading(path, hides: [.scratch]) { try root.names(of: path) } ?? []
                for name in inside { findings.add(Item(.scratch, [path / name])) }
            } else {
                findings.add(Item(EntryName.isHexID(name) ? .image : .foreign, [path]))
            }
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let top = findings.reading(.root, hides: Self.proof) { try root.names() } ?? []
        // Listed anew: an image that was finished since the first listing needs its parent.
        let names = names(in: root, &findings)
        if names.contains("_tmp") { findings.claim(Self.scratch, by: .layout, source: "layout of a data root") }

        let ids = names.filter(EntryName.isHexID).sorted()
        let images = GraphImages(
            root: root, items: items, names: tags(top, in: root, among: items, &findings),
            layers: ImageLayers(of: ids, top, in: root, items: items, &findings), isMigrated: top.contains("image"))
        for id in ids { images.read(id, &findings) }
        return findings
    }

    /// What an unreadable record of images may have claimed.
    static let proof: Set<Area> = [.images, .layers]

    private func names(in root: Directory, _ findings: inout Findings) -> [String] {
        (findings.reading(Self.folder, hides: Self.proof) { try root.namesIfPresent(of: Self.folder) } ?? nil) ?? []
    }

    /// Claims every named image, and returns the names by the image's id.
    private func tags(
        _ top: [String], in root: Directory, among items: Findings, _ findings: inout Findings
    ) -> [String: Set<ImageName>] {
        var names: [String: Set<ImageName>] = [:]
        for file in top.filter({ $0 == "repositories" || $0.hasPrefix("repositories-") }).sorted() {
            let document = findings.reading(RelativePath(file), hides: Self.proof) {
                try RepositoriesDocument.read(root.read(RelativePath(file), limit: RepositoriesDocument.limitBytes))
            }
            for (repository, tags) in document?.repositories ?? [:] {
                for (tag, id) in tags {
                    let name = ImageName(EntryName.escaped(text: repository), EntryName.escaped(text: tag))
                    names[id, default: []].insert(name)
                    findings.claim(Self.folder / id, by: .tag(name.text), source: file)
                    if items.hasNearly(Self.folder / id) {
                        findings.problem(
                            file, hides: Self.proof,
                            because: "no image has the id of \(name.text), but one has nearly the same")
                    }
                }
            }
        }
        return names
    }
}

/// Where the layer of an image may be: under its own id in the directory of every storage driver.
struct ImageLayers {
    /// Not all layers can be listed, or those of a driver never: every image may have one.
    private var mayBeElsewhere: Bool
    /// `nil` if it could not be listed.
    private let vfs: Set<String>?
    private let items: Findings

    init(of ids: [String], _ top: [String], in root: Directory, items: Findings, _ findings: inout Findings) {
        let folder = RelativePath("vfs/dir")
        let names = findings.reading(folder, hides: [.images]) { try root.namesIfPresent(of: folder) }
        vfs = names.map { Set($0 ?? []) }
        // A dataset need not be mounted, and a device has no directory; a record is kept rather than argued about.
        mayBeElsewhere =
            vfs == nil || !items.problems.isEmpty
            || [StorageDriver.btrfs, .devicemapper, .zfs].contains { top.contains($0.rawValue) }
        self.items = items
        // Not one image with a layer: a driver's directory was deleted, or is on a file system that is not mounted.
        if ids.allSatisfy({ paths(of: $0).isEmpty }) { mayBeElsewhere = true }
    }

    private static let folders = [
        OverlayLayers.folder, Btrfs.layers, ZFS.layers, Devicemapper.folder / "metadata",
    ]

    /// The items, or the paths of items, that hold the layer of `id`.
    func paths(of id: String) -> [RelativePath] {
        var paths = AufsLayers.item(id, among: items).map { [$0] } ?? []
        for folder in Self.folders where items.has(folder / id) { paths.append(folder / id) }
        let full = RelativePath("vfs/dir") / id
        if vfs?.contains(id) != false || items.has(full) { paths.append(full) }
        return paths
    }

    func mayExist(_ paths: [RelativePath]) -> Bool { mayBeElsewhere || !paths.isEmpty }
}
