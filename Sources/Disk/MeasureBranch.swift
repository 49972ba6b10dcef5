// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import Synchronization

/// A directory that is to be read, or is being read. One for each directory, nothing for each file.
///
/// Only the one worker that opens it writes to it, and does so before there is any child that another could see.
final class Branch: @unchecked Sendable {
    /// Kept also when its descriptor is closed, so that the way to here can be walked again.
    private(set) var parent: Branch?
    /// NUL-terminated; empty for a top.
    let name: [CChar]
    /// Where a top is.
    let top: RelativePath
    let group: Int
    let depth: Int
    /// The parent keeps its descriptor until this one is opened.
    let leasesParent: Bool

    private(set) var place = Place()
    /// Names in it that are left out.
    private(set) var excluded: Set<String>?
    /// Its children may use its descriptor.
    private(set) var isShared = false

    private let leases = Atomic(0)

    struct Place {
        /// -1 before it is opened; not to be used after the last lease.
        var descriptor: CInt = -1
        var device: UInt64 = 0
        var inode: UInt64 = 0
        /// Which mount it is on: two that differ are two mounts.
        var mount: UInt64 = 0
    }

    init(top: RelativePath, group: Int) {
        self.top = top
        self.group = group
        name = []
        depth = 0
        leasesParent = false
    }

    init(_ name: [CChar], in parent: Branch) {
        self.parent = parent
        self.name = name
        top = .root
        group = parent.group
        depth = parent.depth + 1
        leasesParent = parent.isShared
        if leasesParent { parent.lease() }
    }

    // One release after the other: a long chain would otherwise release itself recursively, and a tree of many
    // thousand levels would exhaust the stack.
    deinit {
        var next = parent.take()
        while next != nil, isKnownUniquelyReferenced(&next) { next = next?.parent.take() ?? nil }
    }

    /// Takes over an open descriptor, which lives until the last lease is given back.
    func opened(_ place: Place, excluding excluded: Set<String>?, shared: Bool) {
        self.place = place
        self.excluded = excluded
        isShared = shared
        lease()
    }

    func lease() { leases.add(1, ordering: .relaxed) }

    /// Returns true if that was the last one, which closes the descriptor.
    func giveBack() -> Bool {
        guard leases.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return false }
        close(place.descriptor)
        return true
    }
}

/// A full buffer of names of a large directory, handed on to whoever has nothing to do.
final class Batch: Sendable {
    let branch: Branch
    let buffer: EntryBuffer
    let filled: Int

    init(_ branch: Branch, _ buffer: EntryBuffer, filled: Int) {
        self.branch = branch
        self.buffer = buffer
        self.filled = filled
        branch.lease()
    }
}

/// What is left out, by the identity of the directory that holds it: a walk knows no paths.
struct Exclusions: Sendable {
    private var names: [Inode: Set<String>] = [:]

    var isEmpty: Bool { names.isEmpty }

    init(_ paths: Set<RelativePath>, in directory: Directory) {
        for (parent, paths) in Dictionary(grouping: paths, by: { $0.parent ?? .root }) {
            do {
                let status = try directory.status(parent)
                names[Inode(device: status.device, inode: status.inode), default: []]
                    .formUnion(paths.map { String($0.name) })
            } catch {
                // What cannot be found here cannot be walked either.
            }
        }
    }

    func names(in status: cdisk_usage) -> Set<String>? {
        isEmpty ? nil : names[Inode(device: status.device, inode: status.inode)]
    }
}

struct Inode: Hashable {
    var device: UInt64
    var inode: UInt64
}

/// Files with more than one name, each with the first group that holds one of them.
struct LinkLedger: Sendable {
    struct Link {
        var device: UInt64
        var inode: UInt64
        var blocks: UInt64
        var group: Int
    }

    private(set) var links: [Link] = []
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
        reduce()
    }

    /// Leaves one record for each file. Among those of one file, the sums differ only if somebody wrote to it.
    private mutating func reduce() {
        links.sort { ($0.device, $0.inode, $0.group) < ($1.device, $1.inode, $1.group) }
        var kept = 0
        for index in links.indices
        where kept == 0 || links[index].inode != links[kept - 1].inode
            || links[index].device != links[kept - 1].device
        {
            links[kept] = links[index]
            kept += 1
        }
        links.removeSubrange(kept...)
    }
}
