// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many threads work on a tree: one for each processor, and more where they wait for the disk.
///
/// Where all is in the caches, more threads than processors only wait for each other's locks: a tenth of the time that
/// measuring small directories takes. Where nothing is, two keep half of two processors busy, and sixteen are done in
/// two thirds of the time. A single moment tells nothing: a thread is late, or another process had the processor.
struct CrewSize: Sendable {
    private let most: Int
    private let processors: Int
    private(set) var started: Int
    /// Nanoseconds that passed, and that this process worked, up to the last look.
    private var last: (passed: Int64, worked: Int64)
    /// Looks in a row that found the processors idle.
    private var waits = 0

    /// From one look to the next, in nanoseconds.
    static let interval: Int64 = 4_000_000
    private static let waitsBeforeMore = 3

    init(most: Int, processors: Int, passed: Int64, worked: Int64) {
        self.most = max(most, 1)
        self.processors = max(processors, 1)
        started = min(self.most, self.processors)
        last = (passed, worked)
    }

    var isFull: Bool { started == most }

    /// Returns how many more to start, by the clocks now.
    ///
    /// - Parameter hadIdle: since the last look somebody waited for work and not for the disk, which tells nothing.
    mutating func grow(passed: Int64, worked: Int64, hadIdle: Bool = false) -> Int {
        let (time, work) = (passed - last.passed, worked - last.worked)
        last = (passed, worked)
        waits = !hadIdle && work * 4 < time * 3 * Int64(min(started, processors)) ? waits + 1 : 0
        guard waits == Self.waitsBeforeMore else { return 0 }
        let more = most - started
        started = most
        return more
    }

    static var onlineProcessors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}

/// What a clock of the kernel says, in nanoseconds. Source: clock_gettime(2).
func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
