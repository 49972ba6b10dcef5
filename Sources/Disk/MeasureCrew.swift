// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model
import Synchronization
import SystemPackage

/// The threads that measure, and what they share.
///
/// Each has a stack of its own, from which it takes what it put there last: so the work goes deep first, and few
/// directories are open at once. Who has nothing left takes from the other end of somebody else's.
final class MeasureCrew: Sendable {
    enum Work: Sendable {
        case branch(Branch)
        case batch(Batch)
    }

    let directory: Directory
    let exclusions: Exclusions
    /// Directories that may be open for the sake of children that wait; further ones are closed, and their children
    /// look up the way again.
    let openLimit: Int
    let openDirectories = Atomic(0)
    let progress: MeasureProgress?

    private let slots: [Slot]
    private let totals: Mutex<[Usage]>
    private let missed = Mutex(Missed())
    private let pending = Atomic(0)
    private let sleepers = Atomic(0)
    /// How often somebody had nothing to do.
    private let sleeps = Atomic(0)
    private let bell = Bell()
    private let staff: Mutex<Staff>
    /// When to see again whether there are enough threads, on the monotonic clock; the end of time if there will be no more.
    private let nextLook: Atomic<Int64>

    private struct Staff {
        var size: CrewSize
        var threads: [WorkThread] = []
        /// Up to the last look.
        var sleeps = 0
        var isOver = false
    }

    final class Slot: Sendable {
        let stack = Mutex(WorkStack())
        let links = Mutex(LinkLedger())
    }

    private struct Missed {
        var vanished: Int64 = 0
        var named: [Measurement.Miss] = []
        /// Groups of which something vanished.
        var unsteady: Set<Int> = []
    }

    init(
        _ directory: Directory, groups: Int, excluding exclusions: Exclusions, threads: Int, openDirectories: Int?,
        progress: MeasureProgress? = nil
    ) {
        let free = Self.freeDescriptors()
        let workers = min(max(threads, 1), max(free / 8, 1), 256)
        self.directory = directory
        self.exclusions = exclusions
        self.progress = progress
        // A worker has three descriptors at most beside those: a directory, and the way to another.
        openLimit = openDirectories ?? min(max(free / 2 - 4 * workers, 0), 4096)
        let now = nanoseconds(CLOCK_MONOTONIC)
        let size = CrewSize(
            most: workers, processors: CrewSize.onlineProcessors, passed: now,
            worked: nanoseconds(CLOCK_PROCESS_CPUTIME_ID))
        nextLook = Atomic(size.isFull ? .max : now + CrewSize.interval)
        staff = Mutex(Staff(size: size))
        slots = (0..<workers).map { _ in Slot() }
        totals = Mutex(Array(repeating: Usage(), count: groups))
    }

    /// How many descriptors this process may still open.
    private static func freeDescriptors() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 64 }
        do {
            return max(0, Int(clamping: limit.rlim_cur) - (try Directory(path: "/proc/self/fd").names().count))
        } catch {
            return max(0, Int(clamping: limit.rlim_cur) - 64)
        }
    }

    /// Before `run` only.
    func add(_ top: Branch) {
        let number = pending.add(1, ordering: .relaxed).oldValue
        slots[number % slots.count].stack.withLock { $0.push(.branch(top)) }
    }

    /// Works on all that was added, on this thread and others.
    func run() -> Measurement {
        var links = LinkLedger()
        if pending.load(ordering: .relaxed) > 0 {
            staff.withLock { start(1..<$0.size.started, &$0) }
            work(0)
            let threads = staff.withLock { staff in
                staff.isOver = true
                return staff.threads
            }
            for thread in threads { thread.join() }
            for slot in slots { slot.links.withLock { links.merge(&$0) } }
            links.reduce()
        }
        let strays = links.strays()
        var usages = totals.withLock { $0 }
        for link in links.links {
            usages[Int(link.group)] += Usage(allocatedBytes: Int64(clamping: link.blocks) * 512, inodes: 1)
        }
        return missed.withLock { missed in
            let isSelfContained = usages.indices.map { group in
                usages[group].unreadable == 0 && !links.sharing.contains(Int32(group))
                    && !missed.unsteady.contains(group)
            }
            return Measurement(
                usages: usages, isSelfContained: isSelfContained, strays: strays, vanished: missed.vanished,
                misses: missed.named.sorted { $0.path < $1.path })
        }
    }

    private func start(_ slots: Range<Int>, _ staff: inout Staff) {
        staff.threads += slots.compactMap { slot in WorkThread { self.work(slot) } }
    }

    /// Starts further threads if those at work wait for the disk. Costs next to nothing where it is not time to see.
    func seekHelp() {
        let due = nextLook.load(ordering: .relaxed)
        guard due < .max else { return }
        let now = nanoseconds(CLOCK_MONOTONIC)
        guard now >= due,
            nextLook.compareExchange(expected: due, desired: now + CrewSize.interval, ordering: .relaxed).exchanged
        else { return }
        staff.withLock { staff in
            guard !staff.isOver else { return }
            let sleeps = sleeps.load(ordering: .relaxed)
            let hadIdle = sleeps != staff.sleeps || sleepers.load(ordering: .relaxed) > 0
            staff.sleeps = sleeps
            let first = staff.size.started
            let more = staff.size.grow(
                passed: now, worked: nanoseconds(CLOCK_PROCESS_CPUTIME_ID), hadIdle: hadIdle)
            start(first..<(first + more), &staff)
            if staff.size.isFull { nextLook.store(.max, ordering: .relaxed) }
        }
    }

    /// Notes what could not be looked at; `path` is asked for only where it will be named.
    func miss(_ error: Errno, isVanished: Bool, group: Int, _ path: () -> String) {
        missed.withLock { missed in
            if isVanished {
                missed.vanished += 1
                missed.unsteady.insert(group)
            }
            // Those that vanish are many on a busy host, and must not hide the others.
            let limit = isVanished ? Measurement.namedMisses / 2 : Measurement.namedMisses
            guard missed.named.count < limit else { return }
            missed.named.append(Measurement.Miss(path: path(), error: error, isVanished: isVanished))
        }
    }

    /// What one thread does until nothing is left.
    func work(_ slot: Int) {
        var worker = MeasureWorker(self, slot: slot)
        while true {
            // Raised after every push that could matter, so what is missed below ends the wait at once.
            let seen = bell.seen
            if let work = next(slot) {
                worker.take(work)
                continue
            }
            if pending.load(ordering: .acquiring) == 0 { break }
            sleeps.add(1, ordering: .relaxed)
            sleepers.add(1, ordering: .sequentiallyConsistent)
            let work = next(slot)
            if work == nil, pending.load(ordering: .acquiring) > 0 { bell.wait(seen) }
            sleepers.subtract(1, ordering: .sequentiallyConsistent)
            if let work { worker.take(work) }
        }
        worker.report()
        slots[slot].links.withLock { $0 = worker.links }
    }

    /// Returns how much waits in that slot.
    @discardableResult
    func push(_ work: Work, to slot: Int) -> Int {
        pending.add(1, ordering: .relaxed)
        let count = slots[slot].stack.withLock { stack in
            stack.push(work)
            return stack.count
        }
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 { bell.ring(1) }
        return count
    }

    /// The batch that this slot put on its stack last.
    func takeBatch(_ slot: Int) -> Batch? { slots[slot].stack.withLock { $0.popBatch() } }

    func add(_ usage: Usage, to group: Int) { totals.withLock { $0[group] += usage } }

    /// Says that one piece of work is done, after all that came out of it was pushed.
    func finish() {
        if pending.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { bell.ring(.max) }
    }

    private func next(_ slot: Int) -> Work? {
        if let work = slots[slot].stack.withLock({ $0.pop() }) { return work }
        for step in 1..<max(slots.count, 2) where step < slots.count {
            if let work = slots[(slot + step) % slots.count].stack.withLock({ $0.steal() }) { return work }
        }
        return nil
    }
}

/// Last in, first out for its owner; first in, first out for the others.
struct WorkStack: ~Copyable {
    private var items: [MeasureCrew.Work?] = []
    private var head = 0

    var count: Int { items.count - head }

    mutating func push(_ work: MeasureCrew.Work) { items.append(work) }

    mutating func pop() -> MeasureCrew.Work? {
        guard count > 0, let work = items.removeLast() else { return nil }
        rewind()
        return work
    }

    mutating func popBatch() -> Batch? {
        guard count > 0, case .batch(let batch)?? = items.last else { return nil }
        items.removeLast()
        rewind()
        return batch
    }

    mutating func steal() -> MeasureCrew.Work? {
        guard count > 0, let work = items[head].take() else { return nil }
        head += 1
        rewind()
        return work
    }

    private mutating func rewind() {
        if head == items.count {
            items.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1024, head * 2 > items.count {
            items.removeSubrange(..<head)
            head = 0
        }
    }
}

/// Wakes threads that have nothing to do (futex(2)).
@safe final class Bell: Sendable {
    private nonisolated(unsafe) let word: UnsafeMutablePointer<UInt32>

    init() {
        unsafe word = .allocate(capacity: 1)
        unsafe word.initialize(to: 0)
    }

    deinit { unsafe word.deallocate() }

    var seen: UInt32 { unsafe cdisk_word(word) }

    /// Sleeps until somebody rings after `seen` was taken, at most 20 milliseconds.
    func wait(_ seen: UInt32) { unsafe cdisk_word_wait(word, seen, 20_000_000) }

    func ring(_ threads: CInt) { unsafe cdisk_word_raise(word, threads) }
}
