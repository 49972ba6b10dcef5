// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Recognises the layers of the storage driver devicemapper, up to Docker 24, which are devices of a thin pool.
///
///     devicemapper/metadata/<id>                  {"device_id": …, "size": …, "transaction_id": …, "initialized": …}
///     devicemapper/metadata/base                  the empty file system that every layer was made from
///     devicemapper/metadata/{deviceset-metadata,transaction-metadata}
///                                                 the driver's own state
///     devicemapper/mnt/<id>                       where the device is mounted
///     devicemapper/devicemapper/{data,metadata}   sparse files with the whole pool, unless it is on devices of its own
///
/// Only the engine can give a device back to its pool. So a layer that is claimed is in use, and one that is not is
/// reported and nothing more. Source: moby `daemon/graphdriver/devmapper/{deviceset,driver}.go` (23.0).
package struct Devicemapper: Reader {
    package init() {}

    static let folder = RelativePath("devicemapper")
    private static let records = folder / "metadata"
    private static let places = folder / "mnt"
    private static let own: Set<String> = ["base", "deviceset-metadata", "transaction-metadata"]
    /// Unlisted layers are also images of old engines that seem to have none.
    private static let hidden: Set<Area> = [.driver("devicemapper"), .images]

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        for name in names(of: Self.folder, in: root, &findings) {
            let thing: Thing =
                switch name {
                case "metadata", "mnt": .metadata
                case "devicemapper": .otherDriver
                default: .foreign
                }
            findings.add(Item(thing, [Self.folder / name]))
        }
        guard !findings.items.isEmpty else { return findings }
        var layers: [String: [RelativePath]] = [:]
        for folder in [Self.records, Self.places] {
            for name in names(of: folder, in: root, &findings) {
                if LayerName.thing(name) != nil {
                    layers[name, default: []].append(folder / name)
                } else {
                    let isOwn = folder == Self.records && Self.own.contains(name)
                    findings.add(Item(isOwn ? .metadata : .foreign, [folder / name]))
                }
            }
        }
        for paths in layers.values { findings.add(Item(.otherDriver, paths)) }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for item in items.items(below: Self.folder) {
            if item.thing == .metadata || item.path == Self.folder / "devicemapper" {
                findings.claim(item.path, by: .layout, source: Self.folder.text)
            } else if item.thing == .otherDriver, item.path.parent == Self.records {
                describe(item.path, in: root, &findings)
            }
        }
        return findings
    }

    private struct Device: Decodable {
        var device_id: Int
        var size: Int64
    }

    /// A record that cannot be read claims nothing, and so hides only itself.
    private func describe(_ path: RelativePath, in root: Directory, _ findings: inout Findings) {
        let device = findings.reading(path, hides: [.item(path)]) { () -> Device? in
            guard let bytes = try root.readIfPresent(path, limit: 64 << 10) else { return nil }
            return try decodeJSON(Device.self, bytes)
        }
        guard let device = device ?? nil else { return }
        findings.catalog.facts[path] = [
            "device \(device.device_id) of the thin pool, which may grow to \(ByteCount(device.size).text)"
        ]
    }

    private func names(of path: RelativePath, in root: Directory, _ findings: inout Findings) -> [String] {
        (findings.reading(path, hides: Self.hidden) { try root.namesIfPresent(of: path) } ?? nil) ?? []
    }
}
