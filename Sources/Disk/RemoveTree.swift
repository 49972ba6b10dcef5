// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import SystemPackage

/// What one thread of a removal does: the way from its top down to the directory that is being emptied.
struct TreeRemoval: ~Copyable {
    private(set) var removed = Usage()

    private let holder: Directory
    private let crew: RemovalCrew
    /// A thread that works far down may not touch what waits for others.
    private let isFarDown: Bool
    private let canStart: Bool
    private let buffer = EntryBuffer()
    private var levels: [Level] = []
    private var waitingBytes = 0

    /// Descriptors held at once; directories further up are closed, and opened again on the way back.
    private static let openLevels = 24
    static let descriptorsPerThread = openLevels + 4
    /// What lies deeper is left to a thread that is confined to the deepest of them.
    private static let confinedLevels = 200
    /// Smaller trees are gone before another thread has begun.
    private static let worthSharing = 64
    /// Names of directories that wait, over all levels; what does not fit is found again in another pass.
    private static let waitingLimitBytes = 4 << 20
    /// Passes over one directory. Each but the first means that names did not fit, or that somebody adds entries.
    private static let passLimit = 10_000
    private static let fruitlessLimit = 3
    private static let restartLimit = 100

    private struct Level {
        /// NUL-terminated.
        var name: [CChar]
        var inode: UInt64
        var blocks: UInt64
        /// -1 while closed.
        var descriptor: CInt
        /// Directories in it that are to be emptied next.
        var waiting: [[CChar]] = []
        var passes = 1
        var fruitless = 0
        /// Something went since the pass began.
        var progress = false
        /// Directories in it that others empty.
        var family: RemovalCrew.Family?
    }

    init(below holder: Directory, with crew: RemovalCrew, isFarDown: Bool, canStart: Bool) {
        self.holder = holder
        self.crew = crew
        self.isFarDown = isFarDown
        self.canStart = canStart
    }

    deinit { for level in levels where level.descriptor >= 0 { close(level.descriptor) } }

    mutating func remove(_ name: [CChar]) throws(DiskError) {
        for _ in 0..<Self.restartLimit {
            guard let error = unlink(name, in: holder.descriptor) else { return }
            guard error == .isDirectory else { throw failed(name, error) }
            try empty(name)
        }
        throw failed(name, .resourceTemporarilyUnavailable)
    }

    /// Removes a directory, or gives up half way because somebody moves directories about in it.
    private mutating func empty(_ name: [CChar]) throws(DiskError) {
        try enter(name)
        while let level = levels.indices.last {
            if let child = levels[level].waiting.popLast() {
                waitingBytes -= child.count
                if handOut(child, level) { continue }
                if try !leaveFarDown(child, level) { try enter(child) }
            } else if try !scan(level) {
                try leave(level)
            }
        }
    }

    /// Leaves a directory to another thread, if one has nothing to do and enough is left for this one.
    private mutating func handOut(_ child: [CChar], _ level: Int) -> Bool {
        guard !isFarDown, removed.inodes >= Self.worthSharing, !levels[level].waiting.isEmpty, crew.hasRoom else {
            return false
        }
        let family = levels[level].family ?? RemovalCrew.Family()
        let descriptor = levels[level].descriptor
        guard crew.handOut(child, in: descriptor, shown(nil), holder.lookup, family) else { return false }
        levels[level].family = family
        levels[level].progress = true
        return true
    }

    /// Has another thread remove a directory that lies deep below this thread's own.
    private mutating func leaveFarDown(_ child: [CChar], _ level: Int) throws(DiskError) -> Bool {
        guard canStart, level >= Self.confinedLevels else { return false }
        for index in levels.indices.dropLast() { closeLevel(index) }
        guard crew.removeFarDown(child, in: levels[level].descriptor, shown(nil), holder.lookup) else { return false }
        if let failure = crew.failure { throw failure }
        levels[level].progress = true
        return true
    }

    private mutating func closeLevel(_ index: Int) {
        guard levels[index].descriptor >= 0 else { return }
        close(levels[index].descriptor)
        levels[index].descriptor = -1
    }

    /// Opens a directory in the deepest level and makes it the deepest.
    private mutating func enter(_ name: [CChar]) throws(DiskError) {
        let parent = levels.last?.descriptor ?? holder.descriptor
        let descriptor = open(name, in: parent)
        if descriptor < 0 {
            let error = Errno(rawValue: errno)
            // Between the listing and now it went, or became something else than a directory.
            guard error == .notDirectory || error == .tooManySymbolicLinkLevels else {
                if error == .noSuchFileOrDirectory { return }
                throw failed(name, error)
            }
            // A directory again: another pass will meet it.
            if let error = unlink(name, in: parent), error != .isDirectory { throw failed(name, error) }
            return
        }
        var status = cdisk_usage()
        do throws(DiskError) {
            guard unsafe cdisk_usage_of(descriptor, &status) == 0 else { throw failed(name, Errno(rawValue: errno)) }
            // `openat2` refuses another mount by itself; a subvolume is another device on the same mount.
            guard try MountID(of: descriptor, status, holder.lookup, holder.path) == crew.home else {
                throw failed(name, .improperLink)
            }
        } catch {
            close(descriptor)
            throw error
        }
        levels.append(Level(name: name, inode: status.inode, blocks: status.blocks, descriptor: descriptor))
        let far = levels.count - 1 - Self.openLevels
        if far >= 0 { closeLevel(far) }
    }

    /// Empties the deepest level by one buffer of names; returns false at the end of its directory.
    private mutating func scan(_ level: Int) throws(DiskError) -> Bool {
        if let failure = crew.failure { throw failure }
        let descriptor = levels[level].descriptor
        let filled = buffer.fill(from: descriptor)
        guard filled > 0 else {
            // The kernel lists nothing in a directory that was itself removed meanwhile.
            guard filled == 0 || errno == ENOENT else { throw failedHere(Errno(rawValue: errno)) }
            return false
        }
        var failure: ([CChar], Errno)?
        unsafe buffer.forEachEntry(filled: filled) { start, _, type in
            guard failure == nil else { return }
            // What is listed as a directory and is none by then is met when it is opened.
            if type == UInt8(DT_DIR) { return unsafe wait(start, level) }
            switch unsafe unlink(start, in: descriptor) {
            case nil: levels[level].progress = true
            case Errno.isDirectory?: unsafe wait(start, level)
            case let error?: failure = unsafe (bytes(start), error)
            }
        }
        if let (name, error) = failure { throw failed(name, error) }
        return true
    }

    private mutating func wait(_ start: UnsafePointer<CChar>, _ level: Int) {
        guard waitingBytes < Self.waitingLimitBytes else { return }
        let name = unsafe bytes(start)
        waitingBytes += name.count
        levels[level].waiting.append(name)
    }

    /// Removes the deepest level, which a whole pass found empty, or begins another pass over it.
    private mutating func leave(_ level: Int) throws(DiskError) {
        if let family = levels[level].family {
            crew.wait(for: family)
            if let failure = crew.failure { throw failure }
        }
        guard let parent = try reopenedParent(of: level) else { return restart() }
        let name = levels[level].name
        let result = unsafe name.withUnsafeBufferPointer { unsafe cdisk_unlinkat(parent, $0.baseAddress!, 1) }
        let error = Errno(rawValue: result == 0 ? 0 : errno)
        if error == .directoryNotEmpty || error == .fileExists { return try rewind(level) }
        guard result == 0 || error == .noSuchFileOrDirectory else { throw failedHere(error) }
        if result == 0 { count(levels[level].blocks) }
        close(levels[level].descriptor)
        levels.removeLast()
        if level > 0 { levels[level - 1].progress = true }
    }

    private mutating func rewind(_ level: Int) throws(DiskError) {
        levels[level].fruitless = levels[level].progress ? 0 : levels[level].fruitless + 1
        levels[level].progress = false
        levels[level].passes += 1
        guard levels[level].passes <= Self.passLimit, levels[level].fruitless <= Self.fruitlessLimit else {
            throw failedHere(.directoryNotEmpty)
        }
        lseek(levels[level].descriptor, 0, SEEK_SET)
    }

    /// The directory above, opened again if it was closed; `nil` if what is above now is another directory.
    private mutating func reopenedParent(of level: Int) throws(DiskError) -> CInt? {
        guard level > 0 else { return holder.descriptor }
        if levels[level - 1].descriptor >= 0 { return levels[level - 1].descriptor }
        let parent = unsafe cdisk_openat(levels[level].descriptor, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard parent >= 0 else { throw failedHere(Errno(rawValue: errno)) }
        var status = cdisk_usage()
        guard unsafe cdisk_usage_of(parent, &status) == 0, status.inode == levels[level - 1].inode,
            try MountID(of: parent, status, holder.lookup, holder.path) == crew.home
        else {
            close(parent)
            return nil
        }
        levels[level - 1].descriptor = parent
        return parent
    }

    /// Somebody moved the directory that we are in: what is above it now is not ours to touch.
    private mutating func restart() {
        for level in levels {
            if let family = level.family { crew.wait(for: family) }
            if level.descriptor >= 0 { close(level.descriptor) }
        }
        levels.removeAll()
        waitingBytes = 0
    }

    private func open(_ name: [CChar], in parent: CInt) -> CInt {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        return unsafe name.withUnsafeBufferPointer { name in
            switch holder.lookup {
            case .kernel:
                unsafe cdisk_openat2(
                    parent, name.baseAddress!, UInt64(UInt32(bitPattern: flags)), 0,
                    Resolve.inside.union(.noOtherMount).rawValue)
            case .components, .oldest: unsafe cdisk_openat(parent, name.baseAddress!, flags, 0)
            }
        }
    }

    private mutating func unlink(_ name: [CChar], in parent: CInt) -> Errno? {
        unsafe name.withUnsafeBufferPointer { unsafe unlink($0.baseAddress!, in: parent) }
    }

    /// Removes what is no directory, whatever it is, without opening it. What is counted was asked before and decides
    /// nothing. Returns the kernel's reason against it, `isDirectory` first of all.
    private mutating func unlink(_ name: UnsafePointer<CChar>, in parent: CInt) -> Errno? {
        var status = cdisk_usage()
        let known = unsafe cdisk_usage_at(parent, name, &status) == 0
        guard unsafe cdisk_unlinkat(parent, name, 0) == 0 else {
            return errno == ENOENT ? nil : Errno(rawValue: errno)
        }
        if known, status.links == 1 { count(status.blocks) }
        return nil
    }

    private mutating func count(_ blocks: UInt64) {
        removed.allocatedBytes += Int64(clamping: blocks) * 512
        removed.inodes += 1
    }

    private func failedHere(_ error: Errno) -> DiskError { failed(nil, error) }

    private func failed(_ name: [CChar]?, _ error: Errno) -> DiskError { DiskError(.remove, shown(name), error) }

    /// Names an entry of the deepest level, without more than its nearest levels of a deep tree.
    private func shown(_ name: [CChar]?) -> String {
        let names = levels.map(\.name) + (name.map { [$0] } ?? [])
        func texts(_ names: ArraySlice<[CChar]>) -> [String] {
            names.map { EntryName.escaped($0.dropLast().map { UInt8(bitPattern: $0) }) }
        }
        let shown = names.count <= 12 ? texts(names[...]) : texts(names.prefix(4)) + ["..."] + texts(names.suffix(7))
        return ([holder.path == "/" ? "" : holder.path] + shown).joined(separator: "/")
    }
}

private func bytes(_ name: UnsafePointer<CChar>) -> [CChar] {
    unsafe Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
}
