// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Reads BuildKit's databases, joins them, and reports what is missing or damaged.
struct BuildCache {
    let root: Directory
    /// What is in `buildkit/`.
    let names: Set<String>
    let items: Findings

    private static let folder = BuildKitReader.folder
    private static let snapshotsFile = folder / "snapshots.db"
    private static let leasesFile = folder / "containerdmeta.db"
    private static let cacheFile = folder / "cache.db"

    func findings() -> Findings {
        var findings = Findings()
        let recordsFile = Self.folder / (names.contains("metadata_v2.db") ? "metadata_v2.db" : "metadata.db")
        let snapshots = read(Self.snapshotsFile, into: &findings) { root in BuildSnapshots(root) }
        let records = read(recordsFile, into: &findings) { root throws(BoltError) in try BuildRecords(root) }
        let leases = read(Self.leasesFile, into: &findings) { root throws(BoltError) in try BuildLeases(root) }

        var claims = BuildClaims(snapshots, records, among: items)
        reportMissing(recordsFile, hasDirectories: claims.hasDirectories, in: &findings)
        checkCache(in: &findings)
        for name in snapshots?.strange ?? [] { report(name, Self.snapshotsFile, &findings) }
        for name in records?.strange ?? [] { report(name, recordsFile, &findings) }
        claims.claimSnapshots(Self.snapshotsFile.text)
        claims.claimRecords(recordsFile.text)
        if let leases { claims.claim(leases, Self.leasesFile.text) }
        findings.merge(claims.findings)
        describeContainerdStores(in: &findings)
        return findings
    }

    /// Reads one of the databases whose loss would make every layer suspect.
    private func read<Content>(
        _ path: RelativePath, into findings: inout Findings, _ body: (BoltBucket) throws(BoltError) -> Content
    ) -> Content? {
        switch findings.bolt(path, in: root, hides: [.layers]) {
        case .absent, .unreadable: return nil
        case .present(let file): return findings.reading(path, hides: [.layers]) { try body(file.root) }
        }
    }

    /// The engine creates its databases together, so if one is there the others were. In a root that only the containerd
    /// image store used there is none of them. Without `snapshots.db` nobody knows whose a directory with a BuildKit id is.
    private func reportMissing(_ recordsFile: RelativePath, hasDirectories: Bool, in findings: inout Findings) {
        let ofGraphDriver: Set = ["snapshots.db", "metadata.db", "metadata_v2.db", "containerdmeta.db", "history.db"]
        let hasContainerdStore = names.contains { $0.hasPrefix("containerd-") }
        let wasUsed =
            hasDirectories || !names.isDisjoint(with: ofGraphDriver)
            || (names.contains("cache.db") && !hasContainerdStore)
        guard wasUsed else { return }
        var expected = [Self.snapshotsFile, recordsFile]
        if names.contains("metadata_v2.db") || names.contains("containerdmeta.db") {
            expected = [Self.snapshotsFile, Self.folder / "metadata_v2.db", Self.leasesFile]
        }
        for path in expected where !names.contains(String(path.name)) {
            findings.problem(
                path.text, hides: [.layers], because: "BuildKit was used here, but its \(path.name) is missing")
        }
    }

    /// `cache.db` is written without syncing and only maps steps to records: its loss costs a rebuild, and claims nothing.
    private func checkCache(in findings: inout Findings) {
        guard names.contains(String(Self.cacheFile.name)) else { return }
        _ = findings.reading(Self.cacheFile, hides: [.item(Self.cacheFile)]) {
            try BoltFile.probe(root.file(Self.cacheFile))
        }
    }

    /// With the containerd image store the records are in a folder of their own, and their files are containerd's.
    private func describeContainerdStores(in findings: inout Findings) {
        for folder in names.sorted() where folder.hasPrefix("containerd-") {
            let path = Self.folder / folder / "metadata_v2.db"
            let areas: Set<Area> = [.item(Self.folder / folder)]
            guard case .present(let file) = findings.bolt(path, in: root, hides: areas) else { continue }
            let records = findings.reading(path, hides: areas) { try BuildRecords(file.root) }
            for name in records?.strange ?? [] { report(name, path, hides: areas, &findings) }
            for record in (records?.byID ?? [:]).values {
                var cache = record.described(at: nil, sizeBytes: nil)
                cache.snapshotter = String(folder.dropFirst("containerd-".count))
                cache.snapshotKey = record.snapshot ?? record.id
                findings.catalog.caches.append(cache)
            }
        }
    }

    private func report(
        _ strange: String, _ path: RelativePath, hides areas: Set<Area> = [.layers], _ findings: inout Findings
    ) {
        findings.problem(path.text, hides: areas, because: "\(strange) is nothing that BuildKit writes")
    }
}
