// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the storage driver overlay, of Docker 1.4 to 23: not overlay2, which came later and keeps its layers apart.
///
///     overlay/<id>/root/       an image's layer: the whole tree, with unchanged files hard-linked to the parent's
///     overlay/<id>/{upper,work,merged}/, lower-id
///                              a container's layer or init layer; lower-id is the image it stands on
///
/// An image's layer needs no other one. `lower-id` ends without a newline.
///
/// Source: docker 1.9 `daemon/graphdriver/overlay/overlay.go`, `Create`, `ApplyDiff`.
package struct OverlayLayers: Reader {
    package init() {}

    static let folder = RelativePath("overlay")
    private static let area: Set<Area> = [.driver("overlay")]
    /// Unlisted layers are also images that seem to have none.
    private static let hidden = area.union([.images])

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(in: root, &findings) {
            findings.add(Item(LayerName.thing(name) ?? .foreign, [Self.folder / name]))
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for name in names(in: root, &findings).sorted() where LayerName.thing(name) != nil {
            let path = Self.folder / name
            let file = path / "lower-id"
            let read = findings.reading(file, hides: Self.area) { try root.readIfPresent(file, limit: 4096) }
            guard let bytes = read ?? nil else { continue }
            guard !bytes.isEmpty else {
                // The engine was killed between making and filling it; nothing had got the layer's name by then.
                findings.problem(file.text, hides: Self.area, unlessOrphan: path, because: "the file is empty")
                continue
            }
            guard let lower = findings.reading(file, hides: Self.area, { try Self.lower(bytes) }) else { continue }
            findings.claim(Self.folder / lower, by: items.claimant(path), as: .layer, source: file.text)
        }
        return findings
    }

    private func names(in root: Directory, _ findings: inout Findings) -> [String] {
        (findings.reading(Self.folder, hides: Self.hidden) { try root.namesIfPresent(of: Self.folder) } ?? nil) ?? []
    }

    /// The layer that a file `lower-id` names.
    static func lower(_ bytes: [UInt8]) throws(FormatError) -> String {
        let name = EntryName.escaped(bytes)
        // Never an init layer: the driver copies the id of the image up from there.
        guard LayerName.isReference(name), LayerName.thing(name) == .layer else {
            throw FormatError("it names no layer: \(name)")
        }
        return name
    }
}
