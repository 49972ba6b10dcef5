// SPDX-License-Identifier: Apache-2.0

/// What a root held at one moment, to be compared with what it holds later.
package struct Snapshot: Hashable, Codable, Sendable {
    /// Of this form; another one is not understood.
    package static let currentSchema = 1

    package var schema = Snapshot.currentSchema
    /// The root's path, escaped.
    package var root: String
    /// The root directory itself, so that another one at that path is not taken for it.
    package var device: UInt64
    package var inode: UInt64
    /// RFC 3339; also what the snapshot is called.
    package var taken: String
    /// What is no item.
    package var rest: Usage
    package var items: [Line]
    /// The root's own first.
    package var filesystems: [Space]

    package struct Line: Hashable, Codable, Sendable {
        package var path: RelativePath
        package var thing: Thing
        /// What people call it; empty if it has no such name.
        package var names: [String]
        package var usage: Usage

        package init(path: RelativePath, thing: Thing, names: [String], usage: Usage) {
            self.path = path
            self.thing = thing
            self.names = names
            self.usage = usage
        }
    }

    /// What statfs(2) said.
    package struct Space: Hashable, Codable, Sendable {
        package var type: String
        package var point: String
        package var totalBytes: Int64
        package var usedBytes: Int64
        package var usedInodes: Int64

        package init(_ facts: FileSystemFacts) {
            type = facts.type
            point = facts.point
            totalBytes = facts.totalBytes
            usedBytes = facts.usedBytes
            usedInodes = facts.usedInodes
        }
    }

    package init(
        root: String, device: UInt64, inode: UInt64, taken: Timestamp, rest: Usage, items: [Line],
        filesystems: [FileSystemFacts]
    ) {
        self.root = root
        self.device = device
        self.inode = inode
        self.taken = taken.rfc3339
        self.rest = rest
        self.items = items
        self.filesystems = filesystems.map(Space.init)
    }

    package var total: Usage { items.reduce(rest) { $0 + $1.usage } }
    package var time: Timestamp? { Timestamp(rfc3339: taken) }
}
