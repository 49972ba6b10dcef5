// SPDX-License-Identifier: Apache-2.0

/// Space that something takes on disk.
package struct Usage: Hashable, Codable, Sendable {
    /// Blocks × 512, as `du` counts.
    package var allocatedBytes: Int64
    package var inodes: Int64
    /// Entries that could not be looked at: the sum is at least this much, and must say so.
    package var unreadable: Int64

    package init(allocatedBytes: Int64 = 0, inodes: Int64 = 0, unreadable: Int64 = 0) {
        self.allocatedBytes = allocatedBytes
        self.inodes = inodes
        self.unreadable = unreadable
    }

    package static func + (left: Usage, right: Usage) -> Usage {
        Usage(
            allocatedBytes: left.allocatedBytes + right.allocatedBytes, inodes: left.inodes + right.inodes,
            unreadable: left.unreadable + right.unreadable)
    }

    package static func += (left: inout Usage, right: Usage) { left = left + right }
}
