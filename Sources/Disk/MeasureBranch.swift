// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import Synchronization
import SystemPackage

/// A directory that is to be read, or is being read. One for each directory, nothing for each file.
///
/// Only the one worker that opens it writes to it, and does so before there is any child that another could see.
final class Branch: @unchecked Sendable {
    /// Kept also when its descriptor is closed, so that the way to here can be walked again.
    private(set) var parent: Branch?
    /// NUL-terminated; empty for a top.
    let name: [CChar]
    /// Where a top is; `nil` for what is below one.
    let top: Top?
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

    enum Top: Sendable {
        /// Below the directory that the crew measures in.
        case below(RelativePath)
        case anywhere(TopPath)

        /// For messages; escaped.
        var shown: String {
            switch self {
            case .below(let path): path.text
            case .anywhere(let path): path.shown
            }
        }
    }

    init(top: Top, group: Int) {
        self.top = top
        self.group = group
        name = []
        depth = 0
        leasesParent = false
    }

    init(_ name: [CChar], in parent: Branch) {
        self.parent = parent
        self.name = name
        top = nil
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

    /// Where it is, for messages; escaped.
    var path: String {
        var names: [String] = []
        var branch = self
        while let parent = branch.parent {
            names.append(EntryName.escaped(branch.name.dropLast().map { UInt8(bitPattern: $0) }))
            branch = parent
        }
        let top = branch.top?.shown ?? ""
        return names.reversed().reduce(top) { $0.isEmpty || $0.hasSuffix("/") ? $0 + $1 : $0 + "/" + $1 }
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
    private var directories: Set<Inode> = []

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

    /// What is given anywhere counts as a group of its own and nowhere else.
    init(_ tops: [TopPath]) {
        guard tops.count > 1 else { return }
        for top in tops {
            guard let status = top.status() else { continue }
            if status.isDirectory {
                directories.insert(Inode(status))
            } else if let folder = top.folderStatus() {
                names[Inode(folder), default: []].insert(top.name)
            }
        }
    }

    func names(in status: cdisk_usage) -> Set<String>? { names.isEmpty ? nil : names[Inode(status)] }

    /// True for a directory that no walk enters from above.
    func contains(_ status: cdisk_usage) -> Bool { !directories.isEmpty && directories.contains(Inode(status)) }
}

struct Inode: Hashable {
    var device: UInt64
    var inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ status: cdisk_usage) { self.init(device: status.device, inode: status.inode) }
}

/// A path that somebody gave, absolute or from where the process is.
struct TopPath: Sendable {
    /// NUL-terminated.
    private let bytes: [CChar]

    /// - Parameter path: as it was given: `FilePath` would drop the slash that it ends with.
    init(_ path: String) { bytes = Array(path.utf8CString) }

    /// Escaped.
    var shown: String { EntryName.escaped(text) }

    /// The last component, escaped.
    var name: String { EntryName.escaped(text[(text.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]) }

    private var text: [UInt8] { bytes.dropLast().map { UInt8(bitPattern: $0) } }

    /// Without following a link that it ends with.
    func status() -> cdisk_usage? { usage(of: bytes) }

    /// The directory that holds it, if it is no directory itself.
    func folderStatus() -> cdisk_usage? {
        let folder = text.lastIndex(of: UInt8(ascii: "/")).map { text[...$0] } ?? Array(".".utf8)[...]
        return usage(of: folder.map { CChar(bitPattern: $0) } + [0])
    }

    private func usage(of path: [CChar]) -> cdisk_usage? {
        var status = cdisk_usage()
        let result = unsafe path.withUnsafeBufferPointer {
            unsafe cdisk_usage_at(AT_FDCWD, $0.baseAddress!, &status)
        }
        return result == 0 ? status : nil
    }

    func open(_ flags: CInt) -> Result<CInt, Errno> {
        let descriptor = unsafe bytes.withUnsafeBufferPointer {
            unsafe cdisk_openat(AT_FDCWD, $0.baseAddress!, flags | O_NOFOLLOW, 0)
        }
        return descriptor < 0 ? .failure(Errno(rawValue: errno)) : .success(descriptor)
    }
}
