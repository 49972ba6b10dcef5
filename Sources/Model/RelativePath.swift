// SPDX-License-Identifier: Apache-2.0

/// A path below a data root, such as `overlay2/<id>`, in the escaped form of `EntryName`.
///
/// It is what items are known by: everything that names a thing in a root (a reader, the engine's answer, a mount)
/// names it by such a path, so that joining their answers is a dictionary look-up. What belongs to the engine and lies
/// outside its root (containerd's own root) is known by its absolute path, which no path below the root can equal.
package struct RelativePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Components in `EntryName`'s escaped form, joined by `/`; no leading or trailing slash; empty for the root itself.
    package let text: String

    package init(_ text: String) { self.text = text }

    /// From the bytes of a path that is relative already.
    package init(bytes: some Collection<UInt8>) { text = EntryName.escaped(bytes) }

    package static let root = RelativePath("")

    package static func / (parent: RelativePath, name: some StringProtocol) -> RelativePath {
        parent.text.isEmpty ? RelativePath(String(name)) : RelativePath(parent.text + "/" + name)
    }

    package var description: String { text }

    /// Outside the data root.
    package var isAbsolute: Bool { text.utf8.first == UInt8(ascii: "/") }

    /// The bytes the kernel knows it by.
    package var bytes: [UInt8] { EntryName.bytes(text) }

    package var components: [Substring] { text.split(separator: "/") }

    package var name: Substring {
        text.utf8.lastIndex(of: UInt8(ascii: "/")).map { text[text.utf8.index(after: $0)...] } ?? text[...]
    }

    /// The path above, or `nil` for the root itself.
    package var parent: RelativePath? {
        guard !text.isEmpty else { return nil }
        return text.utf8.lastIndex(of: UInt8(ascii: "/")).map { RelativePath(String(text[..<$0])) } ?? .root
    }

    /// True if `other` is this path or lies below it.
    package func contains(_ other: RelativePath) -> Bool {
        text.isEmpty || other.text == text
            || (other.text.utf8.starts(with: text.utf8)
                && other.text.utf8.dropFirst(text.utf8.count).first == UInt8(ascii: "/"))
    }

    package static func < (left: RelativePath, right: RelativePath) -> Bool { left.text < right.text }
}

extension RelativePath: Codable {
    package init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
