// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads what BuildKit keeps inside the engine since 18.06, and which directories of the storage driver are its own.
///
///     buildkit/snapshots.db           its driver directories and the engine's layers it holds
///     buildkit/metadata_v2.db         the records of the build cache (`metadata.db` before 20.10)
///     buildkit/containerdmeta.db      leases (since 20.10)
///     buildkit/cache.db               which step gives which record
///     buildkit/cache.db.<id>.bak      a damaged one that BuildKit put aside
///     buildkit/content/               blobs
///     buildkit/executor/<id>          a step that runs, or that was killed; `hosts.<id>` and `resolv.conf.<id>` likewise
///     buildkit/containerd-<name>/     the same for the containerd image store
///
/// Idle build cache is known, not needed: BuildKit can do without it, but is the one to remove it.
/// Source: moby `builder/builder-next/controller.go`; `docs/formats/buildkit.md`.
package struct BuildKitReader: Reader {
    static let folder = RelativePath("buildkit")
    static let executor = folder / "executor"

    package init() {}

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        let names = findings.reading(Self.folder, hides: [.layers]) { try root.namesIfPresent(of: Self.folder) }
        guard let names = names ?? nil else { return findings }
        for name in names {
            findings.add(Item(Self.isSetAside(name) ? .buildScratch : .metadata, [Self.folder / name]))
        }
        guard names.contains("executor") else { return findings }
        let steps = findings.reading(Self.executor, hides: [.item(Self.executor)]) {
            try root.namesIfPresent(of: Self.executor) ?? []
        }
        addSteps(steps ?? [], to: &findings)
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for item in items.items(below: Self.folder) where item.thing == .metadata {
            findings.claim(item.path, by: .layout, source: Self.folder.text)
        }
        let names = findings.reading(Self.folder, hides: [.layers]) { try root.namesIfPresent(of: Self.folder) }
        guard let names = names ?? nil else { return findings }
        findings.merge(BuildCache(root: root, names: Set(names), items: items).findings())
        return findings
    }

    /// One item per id: its directory, then its files.
    private func addSteps(_ names: [String], to findings: inout Findings) {
        var steps: [String: [RelativePath]] = [:]
        for name in names.sorted() {
            let id =
                ["hosts.", "resolv.conf."].first { name.hasPrefix($0) }.map { name.dropFirst($0.count) } ?? name[...]
            if EntryName.isBuildKitID(id) {
                steps[String(id), default: []].append(Self.executor / name)
            } else {
                findings.add(Item(.metadata, [Self.executor / name]))
            }
        }
        for (id, paths) in steps {
            findings.add(Item(.buildScratch, paths.filter { $0.name == id } + paths.filter { $0.name != id }))
        }
    }

    /// `cache.db.<id>.bak`. Source: BuildKit `util/db/boltutil/safe_open.go`.
    private static func isSetAside(_ name: String) -> Bool {
        name.hasPrefix("cache.db.") && name.hasSuffix(".bak")
            && EntryName.isBuildKitID(name.dropFirst("cache.db.".count).dropLast(".bak".count))
    }
}
