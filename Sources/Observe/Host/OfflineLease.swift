// SPDX-License-Identifier: Apache-2.0

import Disk
package import Model
import SystemPackage

/// The proof that no engine works on a root, and that none can begin to while this value lives.
///
/// A daemon locks its databases when it starts. Holding them shared makes its start fail cleanly ("timeout"), after
/// which systemd tries again: so hold a lease for less than a second at a time. Nothing on the disk changes by it.
package final class OfflineLease: Sendable {
    private let locks: [FileLock]
    /// What the proof rests on, in sentences.
    package let evidence: [String]

    private init(locks: [FileLock], evidence: [String]) {
        self.locks = locks
        self.evidence = evidence
    }

    /// Takes the lease, or throws the reasons against it.
    ///
    /// `items` are what the root holds, if that is known: then layers are also recognised by name in overlay mounts.
    ///
    /// The databases are locked first and everything else is looked at second: what is not there then cannot appear
    /// any more. A root without databases (Docker 1.0 to 1.8) rests on the looking alone.
    package static func take(
        of root: DataRoot, witness: KernelWitness, among items: Findings = Findings(),
        sources: RootSources = RootSources()
    ) throws(LeaseRefused) -> OfflineLease {
        var reasons: [String] = []
        var locks: [FileLock] = []
        var names: [String] = []
        for path in databases(in: root.directory, &reasons) {
            do throws(DiskError) {
                if let lock = try FileLock.acquire(path, in: root.directory, .shared) {
                    locks.append(lock)
                    names.append(path.text)
                } else {
                    reasons.append("\(path) is locked: an engine has it open")
                }
            } catch {
                reasons.append(error.description)
            }
        }
        let (pid, doubts) = engineSigns(of: root, sources)
        if let pid { reasons.append("a daemon works on \(root.path) (pid \(pid))") }
        reasons += doubts
        let (found, coverage) = witness.look(among: items)
        reasons += coverage.uses
        reasons += found.problems.map { "\($0.path): \($0.reason)" }
        guard reasons.isEmpty else {
            var told: Set<String> = []
            throw LeaseRefused(reasons: reasons.filter { told.insert($0).inserted })
        }
        let held = names.isEmpty ? "the root has no database to lock" : "locked " + names.joined(separator: ", ")
        return OfflineLease(
            locks: locks, evidence: [held, "no engine and nobody else uses it: \(coverage.description)"])
    }
}

/// Why an offline lease was refused; never empty.
package struct LeaseRefused: Error, Hashable, Sendable, CustomStringConvertible {
    package let reasons: [String]

    package var description: String { reasons.joined(separator: "\n") }
}

/// Says who works on a root, when the engine is not asked or does not answer. Locks and changes nothing, and so is out
/// of date the moment it returns: enough to read by, never to write.
package func ownerOffline(of root: DataRoot, sources: RootSources = RootSources()) -> Ownership {
    do {
        let proc = try ProcFS(path: FilePath(sources.proc))
        let holders = try lockHolders(in: root, proc) ?? []
        guard holders.count < 2 else {
            return .unknown(reasons: ["several processes hold the volume database: \(holders.sorted())"])
        }
        if let holder = holders.first { return .engine(pid: holder) }
        let (pid, doubts) = engineSigns(of: root, sources)
        if let pid { return .engine(pid: pid) }
        guard doubts.isEmpty else { return .unknown(reasons: doubts) }
        return .none(evidence: ["no process holds its databases, and none of the engine's processes refers to it"])
    } catch {
        return .unknown(reasons: ["\(error)"])
    }
}

/// Bolt files that a daemon holds locked as long as it runs, in a fixed order.
///
/// Source: moby `volume/service/db.go`, `builder/builder-next/controller.go`; containerd `core/metadata/plugin`,
/// `plugins/snapshots/*`.
private func databases(in root: Directory, _ reasons: inout [String]) -> [RelativePath] {
    var found = files(["metadata.db"], of: RelativePath("volumes"), in: root, &reasons)
    found += files(["identity-cache.db"], of: RelativePath("image"), in: root, &reasons)
    for folder in ["buildkit", "containerd/daemon"] {
        let parent = RelativePath(folder)
        if folder == "buildkit" { found += files(nil, of: parent, in: root, &reasons) }
        for name in directories(of: parent, in: root, &reasons) {
            found += files(
                folder == "buildkit" ? nil : ["meta.db", "metadata.db"], of: parent / name, in: root, &reasons)
        }
    }
    return found
}

private func files(
    _ names: [String]?, of folder: RelativePath, in root: Directory, _ reasons: inout [String]
) -> [RelativePath] {
    entries(of: folder, in: root, &reasons)
        .filter { $0.kind == .file && (names?.contains($0.name) ?? $0.name.hasSuffix(".db")) }
        .map { folder / $0.name }.sorted()
}

private func directories(of folder: RelativePath, in root: Directory, _ reasons: inout [String]) -> [String] {
    entries(of: folder, in: root, &reasons).filter { $0.kind == .directory }.map(\.name).sorted()
}

private func entries(of folder: RelativePath, in root: Directory, _ reasons: inout [String]) -> [Entry] {
    do throws(DiskError) { return try root.entries(of: folder) } catch {
        if !error.isMissing { reasons.append(error.description) }
        return []
    }
}
