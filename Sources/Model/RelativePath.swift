// SPDX-License-Identifier: Apache-2.0

/// A path below a data root, such as `overlay2/<id>`, in the escaped form of `EntryName`.
///
/// It is what items are known by: everything that names a thing in a root (a reader, the engine's answer, a mount)
/// names it by such a path, so that joining their answers is a dictionary look-up. What belongs to the engine and lies
/// outside its root (containerd's own root) is known by its absolute path, which no path below the root can equal.
package struct RelativePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Components in `EntryName`'s escaped form, joined by `/`; no leading or trailing slash; empty for the root itself.
    package let text: String
    /// The hash of `text`, computed once: a path is looked up in many dictionaries, and each would compute it again.
    private let digest: Int

    package init(_ text: String) {
        self.text = text
        digest = ByteDigest.of(text.utf8.span)
    }

    /// From the bytes of a path that is relative already.
    package init(bytes: some Collection<UInt8>) { self.init(EntryName.escaped(bytes)) }

    package static let root = RelativePath("")

    package static func / (parent: RelativePath, name: some StringProtocol) -> RelativePath { parent / String(name) }

    /// The same, much faster: generic code is not specialised across modules.
    package static func / (parent: RelativePath, name: String) -> RelativePath { parent / name[...] }

    package static func / (parent: RelativePath, name: Substring) -> RelativePath {
        if parent.text.isEmpty { return RelativePath(String(name)) }
        return RelativePath(String(parent.text, slash: name))
    }

    package static func == (left: RelativePath, right: RelativePath) -> Bool {
        left.digest == right.digest && left.text == right.text
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    package var description: String { text }

    /// Outside the data root.
    package var isAbsolute: Bool { text.utf8.first == UInt8(ascii: "/") }

    /// The bytes the kernel knows it by.
    package var bytes: [UInt8] { EntryName.bytes(text) }

    package var components: [Substring] { text.utf8.split(separator: UInt8(ascii: "/")).map(Substring.init) }

    package var name: Substring {
        guard let slash = Self.lastSlash(in: text.utf8.span) else { return text[...] }
        return text[text.utf8.index(text.startIndex, offsetBy: slash + 1)...]
    }

    /// The path above, or `nil` for the root itself.
    package var parent: RelativePath? {
        guard !text.isEmpty else { return nil }
        guard let slash = Self.lastSlash(in: text.utf8.span) else { return .root }
        return RelativePath(String(text[..<text.utf8.index(text.startIndex, offsetBy: slash)]))
    }

    private static func lastSlash(in bytes: Span<UInt8>) -> Int? {
        var index = bytes.count
        while index > 0 {
            index -= 1
            if bytes[index] == UInt8(ascii: "/") { return index }
        }
        return nil
    }

    /// True if the path is an entry of `folder` itself.
    func isDirectly(in folder: RelativePath) -> Bool {
        guard let slash = Self.lastSlash(in: text.utf8.span) else { return folder.text.isEmpty }
        return slash == folder.text.utf8.count && Self.begins(text.utf8.span, with: folder.text.utf8.span)
    }

    private static func begins(_ bytes: Span<UInt8>, with start: Span<UInt8>) -> Bool {
        guard bytes.count >= start.count else { return false }
        for index in start.indices where bytes[index] != start[index] { return false }
        return true
    }

    /// True if `other` is this path or lies below it.
    package func contains(_ other: RelativePath) -> Bool {
        text.isEmpty || other.text == text
            || (other.text.utf8.count > text.utf8.count && Self.begins(other.text.utf8.span, with: text.utf8.span)
                && other.text.utf8.span[text.utf8.count] == UInt8(ascii: "/"))
    }

    package static func < (left: RelativePath, right: RelativePath) -> Bool { left.text < right.text }
}

extension RelativePath: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
