// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Notices that a whole place of records is gone, while what was recorded there is still in the root.
///
/// One absent record claims nothing: that is how a removal ends. But no engine ever takes away the directory that all of
/// a kind are in. Where it is missing (deleted by hand, a file system that is not mounted, a backup that left it out),
/// what it held cannot be told from what nobody needs.
///
///     containers                       made by every engine when it starts
///     graph                            the same, up to 1.9; so are repositories-<driver>, linkgraph.db and the
///                                      config.json of a container, which stay after an upgrade
///     image/<driver>/layerdb           the same, since 1.10
///     image/<driver>/layerdb/sha256    made with the first layer
///
/// Source: moby `daemon/daemon.go` (`NewDaemon`), `layer/filestore.go` (`newFSMetadataStore`, `Commit`).
package struct MissingRecords: Reader {
    package init() {}

    private static let usedByContainers: Set<Thing> = [
        .image, .layer, .initLayer, .rwLayer, .mountRecord, .anonymousVolume, .namedVolume, .bindRecord,
    ]

    package func items(in root: Directory) -> Findings { Findings() }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        // What containers use, or a place where that may be and that cannot be listed: there may have been containers.
        let isSomethingSeen = items.items.values.contains { Self.usedByContainers.contains($0.thing) }
        if isSomethingSeen || !items.problems.isEmpty, isAbsent(Containers.folder, in: root, &findings) {
            let others = isSomethingSeen ? "there is what containers use" : "not all of the root can be read"
            findings.problem(
                Containers.folder.text, hides: Containers.allAreas, because: "the directory is missing, and \(others)")
        }
        let isGraphless = isAbsent(ImageGraph.folder, in: root, &findings)
        // Also where no whole layer can be seen any more, only what is left of one.
        let used = StorageDriver.allCases.filter { Self.isOld($0) && !Self.homes($0).flatMap(items.paths).isEmpty }
        if isGraphless, !used.isEmpty, let sign = signOfGraph(in: root, among: items, &findings) {
            let drivers = Set(used.map { Area.driver($0.rawValue) })
            findings.problem(
                ImageGraph.folder.text,
                hides: drivers.union(hasLayers(.vfs, items) ? [.images, .volumes] : [.images]),
                because: "the directory is missing, and \(sign) is of an engine that has its images there")
        }
        for driver in StorageDriver.allCases where hasLayers(driver, items) {
            check(driver, hasGraph: !isGraphless, in: root, &findings)
        }
        return findings
    }

    /// Engines that kept their images in `graph` had it.
    private static func isOld(_ driver: StorageDriver) -> Bool { driver != .overlay2 && driver != .fuseOverlayfs }

    private func check(
        _ driver: StorageDriver, hasGraph: Bool, in root: Directory, _ findings: inout Findings
    ) {
        let database = LayerDatabase(driver: driver.rawValue)
        let hides: Set<Area> = driver == .vfs ? [.images, .volumes] : [.images]
        var missing = database.folder
        if !isAbsent(missing, hides: hides.union([.layers]), in: root, &findings) {
            // So it is, too, if an engine was killed in the very first pull of a root; that layer waits for the next one.
            missing = database.records
            guard isAbsent(missing, hides: hides.union([.layers]), in: root, &findings) else { return }
        } else if Self.isOld(driver), hasGraph {
            return
        }
        findings.problem(
            missing.text, hides: hides.union([.driver(driver.rawValue)]),
            because: "there are layers of this driver, but the records of all of them are missing")
    }

    /// What an engine left that kept its images in `graph`; `nil` if nothing says that there was one.
    private func signOfGraph(
        in root: Directory, among items: Findings, _ findings: inout Findings
    ) -> RelativePath? {
        let signs =
            StorageDriver.allCases.filter(Self.isOld).map { RelativePath("repositories-\($0.rawValue)") }
            + ["repositories", "linkgraph.db"].map { RelativePath($0) }
            + items.paths(in: Containers.folder).map { $0 / "config.json" }
        return signs.first { !isAbsent($0, in: root, &findings) }
    }

    /// Where a driver has its layers.
    private static func homes(_ driver: StorageDriver) -> [RelativePath] {
        driver == .aufs ? AufsLayers.parts : [LayerDatabase(driver: driver.rawValue).driverFolder]
    }

    private func hasLayers(_ driver: StorageDriver, _ items: Findings) -> Bool {
        let kinds: Set<Thing> = [.layer, .initLayer, .rwLayer]
        return Self.homes(driver).flatMap(items.paths).lazy.compactMap { items.items[$0] }.contains { item in
            // With vfs a volume and a layer look the same, unless the volume has a record of its own.
            kinds.contains(item.thing) || (driver == .vfs && item.thing == .anonymousVolume && item.paths.count == 1)
        }
    }

    private func isAbsent(
        _ path: RelativePath, hides: Set<Area> = [.images, .layers], in root: Directory, _ findings: inout Findings
    ) -> Bool {
        findings.reading(path, hides: hides) { try root.statusIfPresent(path) == nil } ?? false
    }
}
