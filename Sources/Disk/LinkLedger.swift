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

    /// Takes over all that `other` has; `reduce` is due afterwards.
    mutating func merge(_ other: inout LinkLedger) {
        if links.isEmpty { swap(&links, &other.links) } else { links += other.links }
        other.links = []
        sharing.formUnion(other.sharing)
    }

    /// A digest of the files of which a name was not seen, in no order; to be asked after `reduce`.
    ///
    /// Notes their groups as `sharing`.
    mutating func strays() -> UInt64 {
        var digest: UInt64 = 0
        for link in links where link.names < link.links {
            sharing.insert(link.group)
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for part in [link.device, link.inode, UInt64(link.links)] {
                // FNV-1a over words, and a shift, since such numbers differ in their last bits only.
                hash = (hash ^ part) &* 0x100_0000_01B3
                hash ^= hash >> 29
            }
            digest &+= hash | 1
        }
        return digest
    }

    /// Leaves one record for each file. Among those of one file, the sums differ only if somebody wrote to it.
    mutating func reduce() {
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
