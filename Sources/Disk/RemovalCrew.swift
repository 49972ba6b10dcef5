// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import Synchronization
import SystemPackage

/// How hard a removal works the disk.
package enum RemovalPace: Sendable {
    /// As many threads as keep the processors busy, sixteen at most: where the disk is told of each freed block at once
    /// (the mount option `discard`), nearly all of the time of a removal is waiting for it.
    case fast
    /// One thread, whose turn at the disk comes when nobody else wants it.
    case gentle
}

extension Directory {
    /// Removes one entry of this directory with everything below it, for good.
    ///
    /// It stays on the mount of this directory, follows no link, opens nothing but directories, and needs as many
    /// descriptors for 10,000 levels as for 64. It stops at the first entry that it cannot remove. It works in threads
    /// of its own, which the kernel (Landlock, Linux 5.13 and later) allows to change nothing outside this directory.
    ///
    /// - Parameter removed: grows by what was freed, also when it throws: a file with further names frees nothing.
    /// - Throws: `improperLink` (EXDEV) where something is mounted or a subvolume begins, `resourceBusy` for a mounted
    ///   file, `directoryNotEmpty` where somebody keeps on making new entries, and whatever else the kernel says.
    package func removeTree(
        _ name: String, pace: RemovalPace = .fast, counting removed: inout Usage
    ) throws(DiskError) {
        guard let name = unsafe withName(name, { unsafe Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) })
        else { throw DiskError(.remove, path, .invalidArgument) }
        var status = cdisk_usage()
        guard unsafe cdisk_usage_of(descriptor, &status) == 0 else {
            throw DiskError(.stat, path, Errno(rawValue: errno))
        }
        let crew = RemovalCrew(on: try MountID(of: descriptor, status, lookup, path), pace)
        crew.run(name, in: self)
        removed += crew.removed
        if let failure = crew.failure { throw failure }
    }
}

/// The threads that remove one tree together, and what they share.
///
/// It begins with one. Whoever has several directories waiting hands one to a thread that has nothing to do, and before
/// it removes their parent waits until it is gone. So who waits for whom is a tree, and nobody waits in a circle.
final class RemovalCrew: Sendable {
    /// The directories that were handed to others out of one directory.
    final class Family: Sendable { let open = Atomic(0) }

    struct Task: Sendable {
        var name: [CChar]
        var holder: Directory
        var family: Family
    }

    private struct State {
        var tasks: [Task] = []
        var helpers: [WorkThread] = []
        /// Helpers that have a task.
        var busy = 0
        var removed = Usage()
        var failure: DiskError?
        var size: CrewSize
        /// When that was last looked at, on the monotonic clock.
        var lastLook: Int64
    }

    let home: MountID
    private let pace: RemovalPace
    private let state: Mutex<State>
    private let hasFailed = Atomic(false)
    private let isOver = Atomic(false)
    private let starter = ThreadStarter()
    /// Threads that work far down, each of which waits for the next.
    private let farDown = Atomic(0)
    /// Each keeps two descriptors open.
    private static let mostFarDown = 128
    /// Rung for helpers.
    private let bell = Bell()
    /// Rung for those who wait for the directories that they handed out.
    private let ended = Bell()

    init(on home: MountID, _ pace: RemovalPace) {
        self.home = home
        self.pace = pace
        var descriptors = rlimit()
        let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0
        let free = isKnown ? Int(clamping: descriptors.rlim_cur) / 2 : 256
        // All threads together take no more than half of what this process may open.
        let most = pace == .gentle ? 1 : min(16, max(1, free / TreeRemoval.descriptorsPerThread))
        let now = nanoseconds(CLOCK_MONOTONIC)
        let size = CrewSize(
            most: most, processors: CrewSize.onlineProcessors, passed: now,
            worked: nanoseconds(CLOCK_PROCESS_CPUTIME_ID))
        state = Mutex(State(size: size, lastLook: now))
    }

    var removed: Usage { state.withLock { $0.removed } }
    var failure: DiskError? { hasFailed.load(ordering: .acquiring) ? state.withLock { $0.failure } : nil }

    func run(_ name: [CChar], in holder: Directory) {
        let first = WorkThread {
            // Threads that it starts inherit both. Where the kernel can do neither, the removal itself is as careful.
            _ = holder.confineThread()
            if self.pace == .gentle { cdisk_be_idle() }
            self.remove(name, in: holder)
            self.starter.end()
        }
        if let first {
            starter.serve()
            first.join()
        } else {
            remove(name, in: holder, canStart: false)
        }
        isOver.store(true, ordering: .releasing)
        bell.ring(.max)
        for helper in state.withLock({ $0.helpers }) { helper.join() }
    }

    /// False if there is nobody to hand anything to, for the moment.
    var hasRoom: Bool {
        state.withLock { state in
            if Self.hasRoom(state) { return true }
            let now = nanoseconds(CLOCK_MONOTONIC)
            guard !state.size.isFull, now - state.lastLook >= CrewSize.interval else { return false }
            state.lastLook = now
            return state.size.grow(passed: now, worked: nanoseconds(CLOCK_PROCESS_CPUTIME_ID)) > 0
        }
    }

    private static func hasRoom(_ state: State) -> Bool { state.busy + state.tasks.count < state.size.started - 1 }

    /// Hands a directory to somebody who has nothing to do; false if everybody is busy.
    func handOut(
        _ name: [CChar], in descriptor: CInt, _ path: String, _ lookup: Lookup, _ family: Family
    ) -> Bool {
        let isTaken = state.withLock { state in
            guard Self.hasRoom(state) else { return false }
            if state.helpers.count - state.busy <= state.tasks.count {
                guard let helper = WorkThread({ self.serve() }) else { return false }
                state.helpers.append(helper)
            }
            // Its own descriptor: the other one is closed when its level is far up.
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { return false }
            family.open.add(1, ordering: .relaxed)
            state.tasks.append(
                Task(
                    name: name, holder: Directory(descriptor: copy, path: path, lookup: lookup), family: family))
            return true
        }
        if isTaken { bell.ring(1) }
        return isTaken
    }

    /// Removes a directory in a thread that may change nothing outside of its parent, and waits until it is gone.
    ///
    /// With Landlock the kernel climbs at every call from the entry up to the directory that the thread is confined to:
    /// with one such directory for all of a deep tree, its removal takes the square of its depth.
    ///
    /// - Returns: false where that gains nothing, or no further thread is to be had.
    func removeFarDown(_ name: [CChar], in descriptor: CInt, _ path: String, _ lookup: Lookup) -> Bool {
        guard Directory.canConfineRemovals else { return false }
        defer { farDown.subtract(1, ordering: .relaxed) }
        guard farDown.add(1, ordering: .relaxed).newValue <= Self.mostFarDown else { return false }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return false }
        let holder = Directory(descriptor: copy, path: path, lookup: lookup)
        let thread = starter.start {
            _ = holder.confineThread(isFarDown: true)
            if self.pace == .gentle { cdisk_be_idle() }
            self.remove(name, in: holder, isFarDown: true)
        }
        thread?.join()
        return thread != nil
    }

    /// Waits until nothing that was handed out of a directory is left.
    func wait(for family: Family) {
        while true {
            let seen = ended.seen
            if family.open.load(ordering: .acquiring) == 0 { return }
            ended.wait(seen)
        }
    }

    private func serve() {
        while true {
            let seen = bell.seen
            let task = state.withLock { state -> Task? in
                guard let task = state.tasks.popLast() else { return nil }
                state.busy += 1
                return task
            }
            if let task {
                remove(task.name, in: task.holder)
                state.withLock { $0.busy -= 1 }
                if task.family.open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { ended.ring(.max) }
            } else if isOver.load(ordering: .acquiring) {
                return
            } else {
                bell.wait(seen)
            }
        }
    }

    private func remove(_ name: [CChar], in holder: Directory, isFarDown: Bool = false, canStart: Bool = true) {
        var removal = TreeRemoval(below: holder, with: self, isFarDown: isFarDown, canStart: canStart)
        do {
            try removal.remove(name)
        } catch {
            state.withLock { $0.failure = $0.failure ?? error }
            hasFailed.store(true, ordering: .releasing)
        }
        let removed = removal.removed
        state.withLock { $0.removed += removed }
    }
}
