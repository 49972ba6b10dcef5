// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// SIGINT and SIGTERM while something is being changed: the step at hand is finished and no other begun.
struct StopRequest: Sendable {
    private static let made = Atomic(false)

    /// From now on signals ask instead of killing. A closed pipe must not kill either.
    static func listening() -> StopRequest {
        // Looked at once here, so that the handler never is the one to make it.
        made.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in StopRequest.made.store(true, ordering: .relaxed) }
        }
        signal(SIGPIPE) { _ in }
        return StopRequest()
    }

    var isMade: Bool { StopRequest.made.load(ordering: .relaxed) }
}

/// Counts steps for the status line.
final class Counter: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
