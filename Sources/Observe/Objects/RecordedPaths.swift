// SPDX-License-Identifier: Apache-2.0

import Model

/// Translates absolute paths out of metadata into paths below this root, also when the root was moved or is mounted
/// elsewhere.
///
/// The recorded root is inferred from the containers' own files. Beyond that, a path whose tail looks like a volume or
/// layer of this root always counts as one: keeping too much is harmless.
struct RecordedPaths: Sendable {
    private let roots: Set<String>
    private let index: ItemIndex

    /// - Parameters:
    ///   - root: where the root is now; escaped, absolute.
    ///   - recorded: where it was when the records were written; escaped, absolute.
    init(root: String, _ recorded: some Sequence<String>, index: ItemIndex) {
        roots = Set(recorded).union([root])
        self.index = index
    }

    /// What `source` (escaped, absolute) means below the root; nothing if it lies outside.
    func targets(of source: String) -> [RelativePath] {
        let components = source.split(separator: "/").filter { $0 != "." }
        guard !components.contains("..") else { return tails(of: components) }
        let path = "/" + components.joined(separator: "/")
        for root in roots where path.utf8.starts(with: root.utf8) {
            let rest = path.utf8.dropFirst(root.utf8.count)
            guard let next = rest.first else { return [.root] }
            if next == UInt8(ascii: "/") { return [RelativePath(String(Substring(rest.dropFirst())))] }
        }
        if roots.contains(where: { $0.hasPrefix(path == "/" ? path : path + "/") }) { return [.root] }
        return tails(of: components)
    }

    /// `…/volumes/<name>/…`, `…/vfs/dir/<id>/…` and the like, where this root has an entry of that name; and `…/vfs/dir` as a
    /// whole, which nothing else is called.
    private func tails(of components: [Substring]) -> [RelativePath] {
        var found: [RelativePath] = []
        for start in components.indices {
            for folder in Self.folders where components[start...].starts(with: folder) {
                let home = RelativePath(folder.joined(separator: "/"))
                if let name = components[start...].dropFirst(folder.count).first {
                    if index.has(home / name) { found.append(home / name) }
                } else if folder.count > 1, index.meaning(of: home) == .above {
                    found.append(home)
                }
            }
        }
        return found
    }

    /// True if `source` (escaped) differs in one byte from the place of all volumes, or from the root.
    func isNearlyAll(_ source: String) -> Bool {
        roots.contains { root in
            ["", "/volumes", "/vfs", "/vfs/dir"].contains { folder in
                let place = root + folder
                return place.utf8.count == source.utf8.count
                    && zip(place.utf8, source.utf8).lazy.filter { $0 != $1 }.prefix(2).count == 1
            }
        }
    }

    private static let folders: [[Substring]] = [
        ["volumes"], ["vfs", "dir"], ["aufs", "diff"], ["aufs", "mnt"], ["overlay"], ["overlay2"], ["fuse-overlayfs"],
        ["btrfs", "subvolumes"], ["containers"],
    ]
}
