// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the top of a data root: which entries every engine makes, which scratch lies in `tmp`, and what is foreign.
///
///     tmp/<x>            scratch of pulls, builds and imports; emptied at start since 1.10, never before
///     tmp-old/           the same on its way out
///     plugins/<id>       managed plugins (1.13); `<id>-removing` is never cleaned by any engine
///     image/<driver>/    one store of images; several after a change of driver
///
/// Source: moby `daemon/daemon.go`, `prepareTempDir`; `plugin/manager.go`.
package struct TopLevel: Reader {
    package init() {}

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        let names = findings.reading(.root, hides: [.everything]) { try root.names() } ?? []
        for name in names {
            let path = RelativePath(name)
            if name == "tmp-old" {
                findings.add(Item(.scratch, [path]))
            } else if isRemappedRoot(name) {
                // A root of its own, in which nothing is read from here.
                findings.add(Item(.otherDriver, [path]))
            } else {
                findings.add(Item(Self.isEngines(name) || name == Self.trash ? .metadata : .foreign, [path]))
            }
        }
        if names.contains("tmp") { addScratch(in: root, to: &findings) }
        if names.contains("plugins") { addPlugins(in: root, to: &findings) }
        if names.contains("image") { addStores(in: root, to: &findings) }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let (image, plugins) = (RelativePath("image"), RelativePath("plugins"))
        let all = items.items(in: .root) + items.items(in: image) + items.items(below: plugins)
        for item in all where item.thing == .metadata || item.thing == .plugin {
            let components = item.path.components
            if components.count == 1 {
                findings.claim(
                    item.path, by: components[0] == Self.trash ? .bilge : .layout, source: "layout of a data root")
            } else if components.first == "plugins" {
                findings.claim(item.path, by: .layout, source: "plugins")
            } else if components.count == 2, components[0] == "image" {
                findings.claim(item.path, by: .layout, source: "layout of a data root")
            }
        }
        return findings
    }

    /// Bilge's own folder.
    package static let trash = ".bilge"

    /// Names at the top of a root that some Docker from 1.0 to 29 makes.
    static func isEngines(_ name: String) -> Bool {
        engineNames.contains(name) || name.hasPrefix("repositories-")
    }

    private static let engineNames: Set<String> = [
        "aufs", "btrfs", "buildkit", "builder", "containerd", "containers", "content", "devicemapper", "engine-id",
        "execdriver",
        "fuse-overlayfs", "graph", "image", "init", "linkgraph.db", "lcow", "network", "overlay", "overlay2", "plugins",
        "repositories", "rootfs", "runtimes", "swarm", "tmp", "trust", "vfs", "volumes", "windowsfilter", "zfs",
        ".migration-v1-images.json", ".migration-v1-tags",
    ]

    /// Names that engines give to scratch in `tmp`. Anything else there is somebody's own.
    private static let scratchPrefixes = [
        "docker-", "GetImageBlob", "GetV2ImageBlob", "rootfs-mount", "fetch-", "buildkit-mount", "containerd-mount",
    ]

    private func addScratch(in root: Directory, to findings: inout Findings) {
        let names =
            findings.reading(RelativePath("tmp"), hides: [.scratch]) { try root.names(of: RelativePath("tmp")) } ?? []
        for name in names {
            let isScratch = Self.scratchPrefixes.contains { name.hasPrefix($0) }
            findings.add(Item(isScratch ? .scratch : .foreign, [RelativePath("tmp") / name]))
        }
    }

    private func addPlugins(in root: Directory, to findings: inout Findings) {
        let plugins = RelativePath("plugins")
        let names = findings.reading(plugins, hides: [.plugins]) { try root.names(of: plugins) } ?? []
        for name in names {
            let thing: Thing =
                if EntryName.isHexID(name) {
                    .plugin
                } else if name.hasSuffix("-removing"), EntryName.isHexID(name.dropLast("-removing".count)) {
                    .removingPlugin
                } else if name == "storage" || name == "tmp" || name.hasSuffix(".json") {
                    .metadata
                } else {
                    .foreign
                }
            findings.add(Item(thing, [plugins / name]))
        }
    }

    private func addStores(in root: Directory, to findings: inout Findings) {
        let image = RelativePath("image")
        let names = findings.reading(image, hides: [.images, .layers]) { try root.names(of: image) } ?? []
        for name in names { findings.add(Item(.metadata, [image / name])) }
    }
}
