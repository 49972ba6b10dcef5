// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import SystemPackage

/// One entry of a directory, as listing it tells.
package struct Entry: Hashable, Sendable {
    package enum Kind: Sendable { case directory, file, symbolicLink, other, unknown }

    /// In `EntryName`'s escaped form.
    package var name: String
    /// Of the entry itself; of what is below, if something is mounted on it.
    package var inode: UInt64
    /// `unknown` only if the entry was gone before it could be asked, on a file system that does not list types.
    package var kind: Kind
}

extension Directory {
    /// Entries of a directory, without `.` and `..`, in no order.
    package func entries(of relative: RelativePath = .root) throws(DiskError) -> [Entry] {
        var entries: [Entry] = []
        try unsafe list(relative) { name, inode, type in
            unsafe entries.append(Entry(name: escaped(name), inode: inode, kind: .init(listed: type)))
        }
        let untyped = entries.indices.filter { entries[$0].kind == .unknown }
        guard !untyped.isEmpty else { return entries }
        let statuses = try statuses(of: relative, names: untyped.map { entries[$0].name })
        for (index, status) in zip(untyped, statuses) {
            if let status { entries[index].kind = .init(status.kind) }
        }
        return entries
    }

    /// Names in the directory, escaped, without `.` and `..`, in no order.
    package func names(of relative: RelativePath = .root) throws(DiskError) -> [String] {
        var names: [String] = []
        try unsafe list(relative) { name, _, _ in unsafe names.append(escaped(name)) }
        return names
    }

    /// Names in a directory that need not exist: `nil` if it does not.
    package func namesIfPresent(of relative: RelativePath) throws(DiskError) -> [String]? {
        do { return try names(of: relative) } catch  where error.isMissing { return nil }
    }

    private func list(
        _ relative: RelativePath, _ body: (UnsafePointer<CChar>, UInt64, UInt8) -> Void
    ) throws(DiskError) {
        let opened = Owned(try open(relative, O_RDONLY | O_DIRECTORY))
        try unsafe EntryBuffer().forEachEntry(in: opened.descriptor, shown(relative), body)
    }
}

/// The name in `EntryName`'s form.
func escaped(_ name: UnsafePointer<CChar>) -> String {
    let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
    return unsafe EntryName.escaped(bytes.bindMemory(to: UInt8.self).span)
}

extension Entry.Kind {
    /// From `d_type`. Source: readdir(3).
    fileprivate init(listed type: UInt8) {
        self =
            switch type {
            case 0: .unknown
            case 4: .directory
            case 8: .file
            case 10: .symbolicLink
            default: .other
            }
    }

    fileprivate init(_ kind: FileStatus.Kind) {
        self =
            switch kind {
            case .directory: .directory
            case .file: .file
            case .symbolicLink: .symbolicLink
            case .other: .other
            }
    }
}
