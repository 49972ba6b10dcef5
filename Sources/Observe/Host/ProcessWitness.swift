// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// What the directories and files that processes hold open say about the items of a root.
///
/// A path that the kernel prints for another process is that of its namespace, and of where the file was when it was
/// opened: alone it proves nothing. So it is translated through the mount the file was opened on; where that mount is
/// not to be seen, device and inode of directories decide, and the end of the path for what lies deeper.
struct ProcessWitness {
    let territory: Territory
    let index: WitnessIndex
    /// Devices of the root's directories as `stat` names them, or `nil` where they tell nothing: btrfs and overlay
    /// number files otherwise than their mounts.
    let devices: Set<UInt64>?
    private(set) var findings = Findings()
    /// Who has something below the root, in a sentence each.
    var uses: Set<String> { Set(users.values) }
    private var users: [Int32: String] = [:]
    private var seen: Set<Sighting> = []
    /// Directories that only their inodes can identify, and who holds them.
    private var unplaced: [FileID: Set<Holder>] = [:]

    /// A process, and the link under which it holds something: `fd`, `cwd`, `root`, `exe`.
    struct Holder: Hashable {
        var pid: Int32
        var name: String
        var link: String
    }

    private struct Sighting: Hashable {
        var item: RelativePath
        var pid: Int32
    }

    private struct FileID: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    init(_ territory: Territory, _ index: WitnessIndex, devices: Set<UInt64>?) {
        self.territory = territory
        self.index = index
        self.devices = devices
    }

    /// - Parameter table: mounts of the holder's namespace; `nil` if they could not be read.
    mutating func look(at file: HeldFile, of holder: Holder, in table: MountTable?) {
        guard let target = file.target else {
            if mayBeOurs(file) { hide(holder) }
            return
        }
        guard target.hasPrefix("/"), target != "/dev/null" else { return }
        let path = target.hasSuffix(deleted) ? String(target.dropLast(deleted.count)) : target
        if let table, let mount = table[file.mountID], let rest = below(path, mount.point) {
            if case .inside(let places) = territory.relation(of: joined(mount.root, rest), on: mount.device) {
                for place in places {
                    if place != .root { use(place, holder) }
                    if case .item(let item) = index.match(place) { claim(item, holder) }
                }
                return
            }
            if table.tellsAll { return }
        }
        guard mayBeOurs(file) else { return }
        if let item = index.match(inside: path) { claim(item, holder) }
        if file.isDirectory, let inode = file.inode {
            unplaced[FileID(device: file.device, inode: inode), default: []].insert(holder)
        }
    }

    /// Identifies directories that no path led to by those of the items, which are looked at only if there are any.
    mutating func identify(in root: Directory) {
        guard !unplaced.isEmpty else { return }
        for (parent, paths) in Dictionary(grouping: index.places, by: { $0.path.parent ?? .root }) {
            identify(paths.map { (String($0.path.name), $0.item) }, below: parent, in: root)
        }
        for place in index.places {
            let children = WitnessIndex.children(of: place.path)
            identify(children.map { ($0, place.item) }, below: place.path, in: root)
        }
    }

    private mutating func identify(
        _ entries: [(name: String, item: RelativePath)], below parent: RelativePath, in root: Directory
    ) {
        guard !entries.isEmpty else { return }
        let statuses: [FileStatus?]
        do throws(DiskError) {
            statuses = try root.statuses(of: parent, names: entries.map(\.name))
        } catch {
            // What is no directory, or is gone, nobody can stand in.
            guard !error.isMissing, error.errno != .notDirectory, error.errno != .tooManySymbolicLinkLevels else {
                return
            }
            findings.problem(parent.text, hides: Set(entries.map { .item($0.item) }), because: error.description)
            return
        }
        for (entry, status) in zip(entries, statuses) {
            guard let status, status.kind == .directory else { continue }
            for holder in unplaced[FileID(device: status.device, inode: status.inode), default: []] {
                claim(entry.item, holder)
            }
        }
    }

    private mutating func use(_ place: RelativePath, _ holder: Holder) {
        if users[holder.pid] != nil { return }
        users[holder.pid] = "process \(holder.pid) (\(holder.name)) holds \(place) (\(holder.link))"
    }

    private func mayBeOurs(_ file: HeldFile) -> Bool { devices?.contains(file.device) ?? true }

    /// The kernel prints no path longer than a page: whatever it is, it is deep in something.
    private mutating func hide(_ holder: Holder) {
        findings.problem(
            "/proc/\(holder.pid)/\(holder.link)", hides: [.everything],
            because: "process \(holder.pid) (\(holder.name)) holds something whose path is too long to be told")
    }

    private mutating func claim(_ item: RelativePath, _ holder: Holder) {
        use(item, holder)
        guard seen.insert(Sighting(item: item, pid: holder.pid)).inserted else { return }
        findings.claim(
            item, by: .process(pid: holder.pid, name: holder.name), source: "/proc/\(holder.pid)/\(holder.link)")
    }
}

private let deleted = " (deleted)"

extension HeldFile {
    var isDirectory: Bool { mode & 0o170000 == 0o040000 }
}
