// SPDX-License-Identifier: Apache-2.0

/// Files with more than one name, each with the first group that holds one of them.
struct LinkLedger: Sendable {
    struct Link {
        var device: UInt64
        var inode: UInt64
        var blocks: UInt64
        var group: Int32
        /// Names that were seen, in any group.
        var names: UInt32 = 1
        /// Names that it has.
        var links: UInt32
    }

    private(set) var links: [Link] = []
    /// Groups that share a file with another group, or with what was not measured, as far as `reduce` saw.
    private(set) var sharing: Set<Int32> = []
    private var sortAt = 1 << 14

    mutating func append(_ link: Link) {
        links.append(link)
        if links.count >= sortAt {
            reduce()
            sortAt = max(sortAt, links.count * 2)
        }
    }

    mutating func merge(_ other: LinkLedger) {
        links += other.links
        sharing.formUnion(other.sharing)
        reduce()
    }

    /// True if every name of every file was seen; to be asked after everything was merged.
    ///
    /// Notes the groups that lack one as `sharing`.
    mutating func hasAllNames() -> Bool {
        let partial = links.filter { $0.names < $0.links }
        sharing.formUnion(partial.map(\.group))
        return partial.isEmpty
    }

    /// Leaves one record for each file. Among those of one file, the sums differ only if somebody wrote to it.
    private mutating func reduce() {
        links.sort { ($0.device, $0.inode, $0.group) < ($1.device, $1.inode, $1.group) }
        var kept = 0
        for index in links.indices {
            if kept > 0, links[index].inode == links[kept - 1].inode, links[index].device == links[kept - 1].device {
                links[kept - 1].names += links[index].names
                if links[index].group != links[kept - 1].group {
                    sharing.formUnion([links[index].group, links[kept - 1].group])
                }
            } else {
                links[kept] = links[index]
                kept += 1
            }
        }
        links.removeSubrange(kept...)
    }
}
