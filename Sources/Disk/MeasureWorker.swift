// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import Synchronization
import SystemPackage

/// What one thread measures with, shared with nobody.
struct MeasureWorker: ~Copyable {
    private(set) var links = LinkLedger()

    private let crew: MeasureCrew
    private let slot: Int
    private let usesMountIDs: Bool
    private var buffer = MeasureWorker.newBuffer()
    private var blocks: UInt64 = 0
    private var inodes = 0
    private var unreadable = 0
    /// Entries that were looked at, for asking now and then whether there are enough threads.
    private var looks = 0
    /// How much of what is counted was told to who waits for it.
    private var shown = 0
    /// Whose turn it is.
    private var group = 0

    /// Deeper than any tree that somebody made on purpose; what is below counts as unreadable.
    private static let depthLimit = 1 << 16
    /// Attempts to open a directory, two milliseconds apart, while the process has no descriptor left.
    private static let patience = 5000
    /// Batches that may wait in a slot before its owner works on them itself.
    private static let batchLimit = 16

    /// More than 128 KiB gains nothing (measured).
    private static func newBuffer() -> EntryBuffer { EntryBuffer(capacityBytes: 128 << 10) }

    init(_ crew: MeasureCrew, slot: Int) {
        self.crew = crew
        self.slot = slot
        usesMountIDs = crew.directory.lookup != .oldest
    }

    mutating func take(_ work: MeasureCrew.Work) {
        switch work {
        case .branch(let branch):
            begin(branch.group)
            read(branch)
        case .batch(let batch): take(batch)
        }
        crew.progress?.add(inodes - shown)
        shown = inodes
        crew.finish()
    }

    private mutating func take(_ batch: Batch) {
        begin(batch.branch.group)
        count(batch.buffer, filled: batch.filled, in: batch.branch)
        giveBack(batch.branch)
    }

    /// Adds what was counted to its group, which is done only when another group's turn comes.
    mutating func report() {
        crew.add(
            Usage(allocatedBytes: Int64(clamping: blocks) * 512, inodes: Int64(inodes), unreadable: Int64(unreadable)),
            to: group)
        crew.progress?.add(inodes - shown)
        (blocks, inodes, unreadable, shown) = (0, 0, 0, 0)
    }

    private mutating func begin(_ group: Int) {
        guard group != self.group else { return }
        report()
        self.group = group
    }

    /// Counts and names what could not be looked at. What is gone since it was listed is part of no sum.
    private mutating func miss(_ error: Errno, _ branch: Branch, wasListed: Bool = true) {
        miss(error, branch.group, wasListed: wasListed) { branch.path }
    }

    private mutating func miss(_ error: Errno, _ name: UnsafePointer<CChar>, in branch: Branch) {
        miss(error, branch.group, wasListed: true) {
            let path = branch.path
            return unsafe (path.isEmpty || path.hasSuffix("/") ? path : path + "/") + escaped(name)
        }
    }

    private mutating func miss(_ error: Errno, _ group: Int, wasListed: Bool, _ path: () -> String) {
        let isVanished = wasListed && error == .noSuchFileOrDirectory
        if !isVanished { unreadable += 1 }
        crew.miss(error, isVanished: isVanished, group: group, path)
    }

    private mutating func read(_ branch: Branch) {
        guard open(branch) else { return }
        defer { giveBack(branch) }
        while true {
            let filled = buffer.fill(from: branch.place.descriptor)
            if filled == 0 { return }
            if filled < 0 {
                miss(Errno(rawValue: errno), branch)
                return
            }
            if branch.isShared, buffer.isFull(filled: filled) {
                handOn(branch, filled)
            } else {
                count(buffer, filled: filled, in: branch)
            }
        }
    }

    /// Lets others look at these entries while this thread lists further ones.
    private mutating func handOn(_ branch: Branch, _ filled: Int) {
        let waiting = crew.push(.batch(Batch(branch, buffer, filled: filled)), to: slot)
        buffer = Self.newBuffer()
        guard waiting > Self.batchLimit, let batch = crew.takeBatch(slot) else { return }
        // Mostly the same directory's, but if that batch is taken already, another one's.
        take(batch)
        crew.finish()
        begin(branch.group)
    }

    private mutating func count(_ buffer: EntryBuffer, filled: Int, in branch: Branch) {
        let (place, excluded) = (branch.place, branch.excluded)
        unsafe buffer.forEachEntry(filled: filled) { name, _, type in
            if let excluded, unsafe excluded.contains(escaped(name)) { return }
            if type == 4 {
                unsafe descend(name, in: branch)
            } else {
                unsafe count(name, in: branch, at: place)
            }
        }
    }

    private func descend(_ name: UnsafePointer<CChar>, in branch: Branch) {
        let bytes = unsafe Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
        crew.push(.branch(Branch(bytes, in: branch)), to: slot)
    }

    /// Counts an entry that is listed as something else than a directory.
    @inline(__always)
    private mutating func count(_ name: UnsafePointer<CChar>, in branch: Branch, at place: Branch.Place) {
        var status = cdisk_usage()
        guard unsafe cdisk_usage_at(place.descriptor, name, &status) == 0 else {
            unsafe miss(Errno(rawValue: errno), name, in: branch)
            return
        }
        if status.isDirectory {
            // Not every file system lists types, and a name may be something else by now.
            unsafe descend(name, in: branch)
        } else if isOnMount(of: place, status) {
            add(status)
        }
    }

    /// Where the kernel does not tell the mount of an entry, the device has to do; for a directory there is more.
    @inline(__always)
    private func isOnMount(of place: Branch.Place, _ status: cdisk_usage) -> Bool {
        usesMountIDs && status.mount_id != 0 ? status.mount_id == place.mount : status.device == place.device
    }

    @inline(__always)
    private mutating func add(_ status: cdisk_usage) {
        looks &+= 1
        if looks & 15 == 0 { crew.seekHelp() }
        if status.links > 1, !status.isDirectory {
            links.append(
                LinkLedger.Link(
                    device: status.device, inode: status.inode, blocks: status.blocks, group: Int32(group),
                    links: status.links))
        } else {
            blocks &+= status.blocks
            inodes &+= 1
        }
    }

    // MARK: Opening

    /// Opens a directory, counts it, and makes it ready to be read.
    private mutating func open(_ branch: Branch) -> Bool {
        defer { if branch.leasesParent, let parent = branch.parent { giveBack(parent) } }
        guard branch.depth <= Self.depthLimit else {
            miss(.fileNameTooLong, branch)
            return false
        }
        for _ in 0..<Self.patience {
            switch descriptor(of: branch) {
            case .success(let descriptor): return begin(branch, descriptor)
            case .failure(.tooManyOpenFiles), .failure(.tooManyOpenFilesInSystem):
                // Others close theirs as they finish.
                usleep(2000)
            case .failure(let error):
                missed(branch, error)
                return false
            }
        }
        miss(.tooManyOpenFiles, branch)
        return false
    }

    private mutating func begin(_ branch: Branch, _ descriptor: CInt) -> Bool {
        var status = cdisk_usage()
        guard unsafe cdisk_usage_of(descriptor, &status) == 0 else {
            miss(Errno(rawValue: errno), branch)
            close(descriptor)
            return false
        }
        guard let mount = mount(of: descriptor, status) else {
            miss(.notSupported, branch)
            close(descriptor)
            return false
        }
        if let parent = branch.parent, parent.place.mount != mount || crew.exclusions.contains(status) {
            close(descriptor)
            return false
        }
        add(status)
        let open = crew.openDirectories.add(1, ordering: .relaxed).newValue
        branch.opened(
            Branch.Place(descriptor: descriptor, device: status.device, inode: status.inode, mount: mount),
            excluding: crew.exclusions.names(in: status), shared: open <= crew.openLimit)
        return true
    }

    private func mount(of descriptor: CInt, _ status: cdisk_usage) -> UInt64? {
        if usesMountIDs, status.mount_id != 0 { return status.mount_id }
        // `openat2` would not have crossed a mount; without it, nothing else tells a bind mount of the same device.
        if crew.directory.lookup == .kernel { return status.device }
        do { return try MountID(of: descriptor, status, crew.directory.lookup, "").mount } catch { return nil }
    }

    private func descriptor(of branch: Branch) -> Result<CInt, Errno> {
        guard let parent = branch.parent else { return open(branch.top, O_RDONLY | O_DIRECTORY) }
        if branch.leasesParent { return child(branch.name, of: parent.place.descriptor, O_RDONLY | O_DIRECTORY) }
        switch way(to: parent) {
        case .success(let way):
            defer { close(way) }
            return child(branch.name, of: way, O_RDONLY | O_DIRECTORY)
        case .failure(let error): return .failure(error)
        }
    }

    private func open(_ top: Branch.Top?, _ flags: CInt) -> Result<CInt, Errno> {
        switch top {
        case .below(let path): crew.directory.lookup.open(path, in: crew.directory.descriptor, flags)
        case .anywhere(let path): path.open(flags)
        case nil: .failure(.invalidArgument)
        }
    }

    /// Opens by name, or by several joined with slashes, without leaving the mount.
    private func child(_ name: [CChar], of directory: CInt, _ flags: CInt) -> Result<CInt, Errno> {
        let descriptor = unsafe name.withUnsafeBufferPointer { name in
            switch crew.directory.lookup {
            case .kernel:
                unsafe cdisk_openat2(
                    directory, name.baseAddress!, UInt64(UInt32(bitPattern: flags | O_NOFOLLOW)), 0,
                    Resolve.inside.union(.noOtherMount).rawValue)
            case .components, .oldest: unsafe cdisk_openat(directory, name.baseAddress!, flags | O_NOFOLLOW, 0)
            }
        }
        return descriptor < 0 ? .failure(Errno(rawValue: errno)) : .success(descriptor)
    }

    /// Opens a directory again that was closed because too many were open, and makes sure that it is the same.
    private func way(to branch: Branch) -> Result<CInt, Errno> {
        var names: [[CChar]] = []
        var top = branch
        while let parent = top.parent {
            names.append(top.name)
            top = parent
        }
        let flags = cdisk_o_path() | O_DIRECTORY
        let opened = open(top.top, flags)
        guard case .success(var current) = opened else { return opened }
        while let name = names.popLast() {
            let next = child(joined(name, &names), of: current, flags)
            close(current)
            guard case .success(let descriptor) = next else { return next }
            current = descriptor
        }
        var status = cdisk_usage()
        guard unsafe cdisk_usage_of(current, &status) == 0, status.device == branch.place.device,
            status.inode == branch.place.inode
        else {
            close(current)
            return .failure(.staleNFSFileHandle)
        }
        return .success(current)
    }

    /// As many names as one system call takes: a tree of thousands of levels needs a few calls, not thousands.
    private func joined(_ first: [CChar], _ names: inout [[CChar]]) -> [CChar] {
        var path = first
        while crew.directory.lookup == .kernel, let next = names.last, path.count + next.count < Int(PATH_MAX) {
            path[path.count - 1] = CChar(bitPattern: UInt8(ascii: "/"))
            path += next
            names.removeLast()
        }
        return path
    }

    /// Counts what was listed as a directory and cannot be opened as one.
    private mutating func missed(_ branch: Branch, _ error: Errno) {
        // Something is mounted on it; of a top this says that it is out of bounds.
        if error == .improperLink, branch.parent != nil { return }
        if error == .noSuchFileOrDirectory {
            switch branch.top {
            case .below: return
            case .anywhere: return miss(error, branch, wasListed: false)
            case nil: return miss(error, branch)
            }
        }
        var status = cdisk_usage()
        let known = ask(about: branch, &status)
        if known { add(status) }
        let isOther = error == .notDirectory || error == .tooManySymbolicLinkLevels
        if !known || !isOther || status.isDirectory { miss(error, branch) }
    }

    /// What stands in the place of a directory.
    private func ask(about branch: Branch, _ status: inout cdisk_usage) -> Bool {
        if let parent = branch.parent {
            // Where the way would have to be walked again for it, it is not worth that.
            guard branch.leasesParent else { return false }
            let result = unsafe branch.name.withUnsafeBufferPointer {
                unsafe cdisk_usage_at(parent.place.descriptor, $0.baseAddress!, &status)
            }
            return result == 0 && isOnMount(of: parent.place, status)
        }
        let path: RelativePath
        switch branch.top {
        case .below(let relative): path = relative
        case .anywhere(let top):
            guard let found = top.status() else { return false }
            status = found
            return true
        case nil: return false
        }
        do {
            let found = try crew.directory.status(path)
            status = cdisk_usage(
                device: found.device, inode: found.inode, blocks: UInt64(found.allocatedBytes / 512),
                mount_id: found.mountID, mode: found.mode, links: found.links)
            return true
        } catch {
            return false
        }
    }

    private func giveBack(_ branch: Branch) {
        if branch.giveBack() { crew.openDirectories.subtract(1, ordering: .relaxed) }
    }
}

extension cdisk_usage {
    var isDirectory: Bool { mode & 0o170000 == 0o040000 }
}
