// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
import SystemPackage

/// The file systems that hold a root: one, unless somebody mounted another at a directory of items, such as `volumes`.
package struct RootFileSystems: Sendable {
    /// The first one is that of the root itself.
    package private(set) var all: [FileSystemFacts] = []
    /// What is mounted on top and holds no item.
    package private(set) var onTop: [MountOnTop] = []
    /// Processes that could not be asked what they hold.
    package private(set) var unasked = 0

    /// Where another file system than the root's begins, and which it is; longest path first.
    private var places: [(path: RelativePath, index: Int)] = []
    /// Which of `all` a device is. An overlay's files are those of the file system that its upper directory is on.
    private var devices: [UInt64: Int] = [:]
    private var overlays: [UInt64: Int] = [:]

    /// Looks at the mounts of this process, at statfs(2) of each file system, at its superblock where that can be read,
    /// and at what processes hold. What cannot be found out is left out, and `nil` in the facts.
    ///
    /// - Parameters:
    ///   - path: the root's real path, escaped.
    ///   - items: the paths of all items.
    package init(
        of root: Directory, at path: String, items: [RelativePath], sources: RootSources
    ) throws(DiskError) {
        let mounts = Self.mounts(sources.proc)
        let status = try root.status()
        let own = mounts[status.mountID] ?? mounts.holding(path)
        all = [try Self.facts(root, own, at: path)]
        devices[own?.device ?? status.device] = 0
        devices[status.device] = 0
        lookAtMounts(below: path, mounts, items, root)
        complete(root, at: path, mounts)
        for mount in mounts.all {
            guard let upper = mount.overlay?.upper, let holder = mounts.holding(upper),
                let index = devices[holder.device]
            else { continue }
            overlays[mount.device] = index
        }
        lookAtProcesses(sources.proc)
    }

    /// The index in `all` of the file system that an item's path is on.
    package func index(of path: RelativePath) -> Int { places.first { $0.path.contains(path) }?.index ?? 0 }
}

extension RootFileSystems {
    private static func mounts(_ proc: String) -> MountTable {
        do {
            guard case .value(let bytes) = try ProcFS(path: FilePath(proc)).mountinfo(of: .own) else {
                return MountTable([])
            }
            return MountTable(try Mount.parse(bytes))
        } catch {
            return MountTable([])
        }
    }

    private static func facts(_ directory: Directory, _ mount: Mount?, at path: String) throws(DiskError)
        -> FileSystemFacts
    {
        let system = try directory.fileSystem()
        return FileSystemFacts(
            type: mount?.type ?? system.name, point: mount?.point ?? path,
            totalBytes: Int64(clamping: system.totalBytes), freeBytes: Int64(clamping: system.freeBytes),
            availableBytes: Int64(clamping: system.availableBytes), totalInodes: Int64(clamping: system.totalInodes),
            freeInodes: Int64(clamping: system.freeInodes))
    }

    /// A mount that holds items is a file system of the root; every other one below it only covers something.
    private mutating func lookAtMounts(
        below path: String, _ mounts: MountTable, _ items: [RelativePath], _ root: Directory
    ) {
        var holders: Set<RelativePath> = []
        for item in items {
            var current: RelativePath? = item
            while let path = current, holders.insert(path).inserted { current = path.parent }
        }
        for mount in mounts.all {
            guard let rest = below(mount.point, path), !rest.isEmpty else { continue }
            let place = RelativePath(rest)
            let known = devices[mount.device]
            guard holders.contains(place) else {
                onTop.append(MountOnTop(path: place, type: mount.type, isBind: known != nil))
                continue
            }
            if let known {
                places.append((place, known))
                if !mount.isOnItself(in: mounts) {
                    onTop.append(MountOnTop(path: place, type: mount.type, isBind: true))
                }
                continue
            }
            do throws(DiskError) {
                all.append(try Self.facts(root.directory(place), mount, at: mount.point))
                devices[mount.device] = all.count - 1
                places.append((place, all.count - 1))
            } catch {
                onTop.append(MountOnTop(path: place, type: mount.type, isBind: false))
            }
        }
        // Of two mounts on one place the later one is what is seen.
        places = places.enumerated().sorted {
            ($0.element.path.text.utf8.count, $0.offset) > ($1.element.path.text.utf8.count, $1.offset)
        }.map(\.element)
    }

    /// Adds what each file system keeps for itself.
    private mutating func complete(_ root: Directory, at path: String, _ mounts: MountTable) {
        for (device, index) in devices {
            guard let mount = mounts.all.last(where: { $0.device == device }) else { continue }
            let top = mounts.all.last { $0.device == device && $0.root == "/" }
            // Below the root, it is measured with the rest.
            let topParts = top.map { below($0.point, path) == nil ? topDirectories(of: $0) : [] }
            let (own, overhead) = FileSystemParts.of(
                mount, totalBytes: all[index].totalBytes, inodes: all[index].totalInodes)
            all[index].overhead = overhead
            if let own, let topParts { all[index].own = topParts + own }
        }
    }

    /// The topmost directory and `lost+found`, which are nobody's data.
    private func topDirectories(of mount: Mount) -> [SpacePart] {
        do {
            let top = try Directory(path: FilePath(String(decoding: EntryName.bytes(mount.point), as: UTF8.self)))
            let status = try top.status()
            guard status.device == mount.device else { return [] }
            let lost = measure(in: top, groups: [["lost+found"].map { RelativePath($0) }], threads: 1)[0]
            return [
                SpacePart(
                    lost.inodes > 0 ? "topmost directory and lost+found" : "topmost directory",
                    bytes: status.allocatedBytes + lost.allocatedBytes, inodes: 1 + lost.inodes)
            ]
        } catch {
            return []
        }
    }

    private mutating func lookAtProcesses(_ path: String) {
        var found: [Held: DeletedFile] = [:]
        do {
            let proc = try ProcFS(path: FilePath(path))
            let parts = try proc.processes().parts(of: 16)
            let asked = concurrently(parts.map { part in { part.map { ($0, proc.heldWithoutName(by: $0)) } } })
            for (id, answer) in asked.joined() {
                switch answer {
                case .gone: continue
                case .unreadable: unasked += 1
                case .value(let files):
                    guard !files.isEmpty, case .value(let stat) = proc.stat(of: id) else { continue }
                    let holder = DeletedFile.Holder(pid: id.pid, name: stat.name)
                    for file in files { add(file, holder, to: &found) }
                }
            }
        } catch {
            unasked += 1
        }
        for index in all.indices {
            all[index].deleted = found.filter { $0.key.index == index }.map(\.value).sorted {
                ($1.allocatedBytes, $0.path) < ($0.allocatedBytes, $1.path)
            }
        }
    }

    /// A file, whoever holds it and however often.
    private struct Held: Hashable {
        var index: Int
        var inode: UInt64
    }

    private func add(_ file: HeldWithoutName, _ holder: DeletedFile.Holder, to found: inout [Held: DeletedFile]) {
        // What a container only reads may lie in a layer that is still whole, and is counted there; what it writes to is
        // its own copy.
        guard let index = devices[file.device] ?? (file.isWritable ? overlays[file.device] : nil) else { return }
        let key = Held(index: index, inode: file.inode)
        var known = found[key] ?? DeletedFile(path: file.path, allocatedBytes: file.allocatedBytes, holders: [])
        if !known.holders.contains(holder) { known.holders = (known.holders + [holder]).sorted() }
        found[key] = known
    }
}

/// What file systems keep for themselves, by their type.
private enum FileSystemParts {
    /// - Returns: what is in the size that statfs(2) tells, without the topmost directory, and what is beside it; `nil`
    ///   for what is not computed.
    static func of(_ mount: Mount, totalBytes: Int64, inodes: Int64) -> (own: [SpacePart]?, overhead: [SpacePart]?) {
        switch mount.type {
        case "ext2", "ext3", "ext4":
            let device = BlockDevice(mount)
            do {
                if let file = try device.open(), let made = try Ext4(file), Int64(clamping: made.inodes) == inodes,
                    made.sizeBytes >= totalBytes
                {
                    let rest = made.sizeBytes - totalBytes - made.overhead.reduce(0) { $0 + $1.bytes }
                    return (
                        [made.own],
                        made.overhead + [SpacePart("what these leave, superblocks and descriptors", bytes: rest)]
                    )
                }
            } catch {
                // Not everybody may read the device; then its size is what there is.
            }
            return (nil, device.overhead(totalBytes, "inode tables, journal, bitmaps and descriptors"))
        // Its directories and inodes are in the kernel's memory and in no count.
        case "tmpfs": return ([], [])
        case "xfs": return (nil, BlockDevice(mount).overhead(totalBytes, "log"))
        default: return (nil, nil)  // File system types are not ours.
        }
    }
}

/// The block device that a file system is on. Source: sysfs(5), Linux `Documentation/ABI/stable/sysfs-block`.
private struct BlockDevice {
    private let folder: String

    init(_ mount: Mount) { folder = "/sys/dev/block/" + mount.deviceName }

    /// Opens it for reading; `nil` if it has no node in `/dev`.
    func open() throws(DiskError) -> SmallFile? {
        guard let text = try text("uevent"),
            let name = text.split(separator: "\n").first(where: { $0.hasPrefix("DEVNAME=") })?.dropFirst(8)
        else { return nil }
        return try Directory(path: "/dev").file(RelativePath(String(name)))
    }

    /// What the device has more than the file system shows.
    func overhead(_ totalBytes: Int64, _ name: String) -> [SpacePart]? {
        do {
            // In sectors of 512 bytes, whatever the device's own are.
            guard let text = try text("size"), let sectors = Int64(text.split(separator: "\n").first ?? "") else {
                return nil
            }
            let rest = sectors * 512 - totalBytes
            return rest > 0 ? [SpacePart(name, bytes: rest)] : nil
        } catch {
            return nil
        }
    }

    /// Files of the kernel have no size and are made as they are read.
    private func text(_ name: String) throws(DiskError) -> String? {
        try ProcFS(path: FilePath(folder)).fileIfPresent(RelativePath(name)).map { String(decoding: $0, as: UTF8.self) }
    }
}
