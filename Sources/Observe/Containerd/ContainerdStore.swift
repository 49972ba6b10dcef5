// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Where a containerd keeps its things: below the data root, or in a root of its own.
///
/// What lies outside the data root is known by its absolute path, which no item of the data root can have; so both are
/// items of one observation, and a container of the one can claim a lease of the other.
package struct ContainerdStore: Sendable {
    /// What its items are known by: a path below the data root, or an absolute one.
    package let base: RelativePath
    /// `nil` where it is the data root's.
    package let directory: Directory?

    /// The containerd that dockerd starts itself (18.09 and later).
    package static let inDataRoot = ContainerdStore(base: RelativePath("containerd/daemon"), directory: nil)

    /// A containerd of the system.
    ///
    /// - Parameter path: absolute, without symbolic links, escaped.
    package init(outside directory: Directory, at path: String) {
        self.init(base: RelativePath(path), directory: directory)
    }

    private init(base: RelativePath, directory: Directory?) {
        self.base = base
        self.directory = directory
    }

    package var isOutside: Bool { directory != nil }

    /// The path by which the store's own directory knows what is known by `path`.
    package func inside(_ path: RelativePath) -> RelativePath {
        guard isOutside, base.contains(path) else { return path }
        return RelativePath(String(path.text.dropFirst(base.text.count).drop { $0 == "/" }))
    }

    /// The same for items, of which those outside are left out.
    package func inside(_ items: some Sequence<Item>) -> [Item] {
        items.filter { base.contains($0.path) }.map { item in
            var inner = Item(item.thing, item.paths.map(inside), modified: item.modified, names: item.names)
            inner.path = inner.paths[0]
            return inner
        }
    }

    /// By what the store's items are known, for a path in its own directory.
    package func outside(_ path: RelativePath) -> RelativePath {
        isOutside ? (path == .root ? base : base / path.text) : path
    }

    /// What was found out by the paths inside, by those that the items are known by.
    package func outside(_ found: Findings) -> Findings {
        var findings = Findings()
        for claim in found.claims {
            var claim = claim
            claim.target = outside(claim.target)
            if case .item(let path) = claim.claimant { claim.claimant = .item(outside(path)) }
            findings.claims.append(claim)
        }
        for problem in found.problems {
            var problem = problem
            problem.areas = Set(
                problem.areas.map { area in
                    if case .item(let path) = area { .item(outside(path)) } else { area }
                })
            findings.problems.append(problem)
        }
        return findings
    }

    var content: RelativePath { base / "io.containerd.content.v1.content" }
    var database: RelativePath { base / "io.containerd.metadata.v1.bolt" / "meta.db" }

    static let snapshotterPrefix = "io.containerd.snapshotter.v1."

    func snapshotter(_ name: some StringProtocol) -> RelativePath { base / (Self.snapshotterPrefix + name) }

    /// A digest such as `sha256:<digits>`; `nil` if the text is none.
    func blob(_ digest: String) -> RelativePath? {
        let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, !digest.contains("/") else { return nil }
        return content / "blobs" / parts[0] / parts[1]
    }

    /// A lease is a record and nothing on the disk: its path leads into the database.
    func lease(_ id: String, of namespace: String) -> RelativePath {
        database / "v1" / Self.component(namespace) / "leases" / Self.component(id)
    }

    private static func component(_ name: String) -> String {
        name.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "%2F")
    }
}
