// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Whether the containerd image store was used in this root: then the engine may not show the storage driver's images and
/// containers, although they come back as soon as it is switched back.
///
///     meta.db: v1 / moby / images / <reference>    also `moby-<uid>.<gid>` with user namespaces
///
/// Where the engine uses a containerd of the system, that database is outside this root; then what the image store leaves
/// in the root tells: `buildkit/containerd-<snapshotter>/`, `image/identity-cache.db`, and mount points below `rootfs/`.
struct ImageStore {
    let root: Directory
    let store: ContainerdStore

    /// - Parameters:
    ///   - answer: `meta.db`; a problem tells where it could not be read.
    ///   - items: what all readers found; where no storage driver has a store, there is none to hide.
    func findings(_ answer: BoltAnswer, among items: Findings) -> Findings {
        var findings = Findings()
        guard hasOtherStore(items.index) else { return findings }
        let database = store.database
        switch answer {
        case .unreadable: break
        case .present(let file):
            let images = findings.reading(database, hides: Self.hidden) { try hasImages(file.root) }
            if images ?? false { report(database, &findings) }
        case .absent where store.isOutside: break
        case .absent:
            for trace in traces(&findings) { report(trace, &findings) }
        }
        return findings
    }

    /// A directory of a storage driver or of its records; both stay when the engine is switched.
    private func hasOtherStore(_ index: ItemIndex) -> Bool {
        StorageDriver.allCases.contains { driver in
            [driver.rawValue, "image/\(driver.rawValue)"].map { RelativePath($0) }.contains {
                index.has($0) || index.meaning(of: $0) == .above
            }
        }
    }

    /// Volumes are the same whichever store the engine uses.
    static let hidden: Set<Area> = [.layers, .images, .containers, .storageDrivers]

    private func hasImages(_ root: BoltBucket) throws(BoltError) -> Bool {
        for namespace in try root.entries(below: "v1") {
            guard namespace.name == "moby" || namespace.name.hasPrefix("moby-") else { continue }
            if try !namespace.bucket().entries(below: "images").isEmpty { return true }
        }
        return false
    }

    private func traces(_ findings: inout Findings) -> [RelativePath] {
        var traces: [RelativePath] = []
        for (folder, isTrace) in [
            (RelativePath("buildkit"), { $0.hasPrefix("containerd-") }),
            (RelativePath("image"), { $0 == "identity-cache.db" }),
            (RelativePath("rootfs"), { _ in true }),
        ] as [(RelativePath, (String) -> Bool)] {
            let names = findings.reading(folder, hides: Self.hidden) { try root.namesIfPresent(of: folder) }
            traces += ((names ?? nil) ?? []).filter(isTrace).sorted().map { folder / $0 }
        }
        return traces
    }

    private func report(_ path: RelativePath, _ findings: inout Findings) {
        findings.problem(
            path.text, hides: [.storageDrivers],
            because: "the containerd image store holds images or was used here, so this may be a hidden store")
    }
}
