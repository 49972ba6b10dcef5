// SPDX-License-Identifier: Apache-2.0

import Model

/// Turns the absolute paths that an engine speaks of into paths below its data root.
///
/// The engine names paths as its own mount namespace and its own spelling of the root have them, so only text is
/// compared here, never the disk of this process.
struct EnginePaths: Sendable {
    /// What a path is, as seen from the root.
    enum Place: Hashable {
        /// The root itself or a directory above it.
        case aboveItems
        /// A directory whose entries are items, such as `volumes` or `overlay2`.
        case directoryOfItems(RelativePath)
        /// An item, or something in it; the path is the item's.
        case item(RelativePath)
        /// Somewhere else.
        case outside
    }

    /// Components of the root, escaped.
    private let root: [String]

    init(root: String) { self.root = Self.components(root) }

    func place(of path: String) -> Place {
        guard path.hasPrefix("/") else { return .outside }
        let components = Self.components(path)
        if root.starts(with: components) { return .aboveItems }
        guard components.starts(with: root) else { return .outside }
        let below = Array(components.dropFirst(root.count))
        let depth = Self.depth(below)
        return below.count < depth
            ? .directoryOfItems(Self.join(below)) : .item(Self.join(below.prefix(depth)))
    }

    /// The item that a path outside the root would be if the root had another name: reached through a symbolic link or
    /// another mount, `…/volumes/<name>/_data` and `…/vfs/dir/<id>` are this root's all the same.
    static func lookalike(_ path: String) -> RelativePath? {
        let parts = components(path)
        for (index, part) in parts.enumerated().dropLast() {
            let rest = parts[(index + 1)...]
            if part == "volumes", let name = rest.first, EntryName.isHexID(name) || rest.dropFirst().first == "_data" {
                return RelativePath("volumes") / name
            }
            if part == "vfs", rest.first == "dir", let id = rest.dropFirst().first, EntryName.isHexID(id) {
                return RelativePath("vfs/dir") / id
            }
        }
        return nil
    }

    /// Where a driver keeps the layer or build cache directory of that id; `nil` for drivers without such directories.
    static func layer(_ id: String, of driver: StorageDriver) -> RelativePath? {
        let home = RelativePath(driver.rawValue)
        let name = EntryName.escaped(text: id)
        return switch driver {
        case .overlay, .overlay2, .fuseOverlayfs: home / name
        case .vfs: home / "dir" / name
        case .btrfs: home / "subvolumes" / name
        case .zfs: home / "graph" / name
        case .aufs: home / "diff" / name
        case .devicemapper: nil
        }
    }

    /// The 64 digits of `sha256:…`.
    static func hex(ofImage id: String) -> String? {
        guard id.hasPrefix("sha256:") else { return nil }
        let hex = String(id.dropFirst("sha256:".count))
        return EntryName.isHexID(hex) ? hex : nil
    }

    /// Go writes U+FFFD for bytes that are not UTF-8: the name on disk cannot be told from it.
    static func isExact(_ text: String) -> Bool { !text.unicodeScalars.contains("\u{FFFD}") }

    /// How many components name an item below a directory of the root.
    private static func depth(_ components: [String]) -> Int {
        switch components.first {
        case "volumes", "containers", "plugins", "graph", "tmp": 2
        case "image": 6
        case let first?:
            switch StorageDriver(rawValue: first) {
            case .overlay, .fuseOverlayfs: 2
            case .overlay2: components.dropFirst().first == "l" ? 3 : 2
            case .vfs, .btrfs, .zfs, .aufs, .devicemapper: 3
            case nil: components.count
            }
        case nil: 1
        }
    }

    /// Escaped, without empty ones, `.` and `..`.
    private static func components(_ path: String) -> [String] {
        var components: [String] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            switch EntryName.escaped(part) {
            case ".": break
            case "..": _ = components.popLast()
            case let name: components.append(name)
            }
        }
        return components
    }

    private static func join(_ components: some Sequence<String>) -> RelativePath {
        RelativePath(components.joined(separator: "/"))
    }
}
