// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How far a measuring has come, for who waits for it. Asked from any thread, while it goes on.
package final class MeasureProgress: Sendable {
    private let count = Atomic(0)

    package init() {}

    /// Inodes that were looked at so far, without files that have several names.
    package var inodes: Int { count.load(ordering: .relaxed) }

    func add(_ inodes: Int) { count.add(inodes, ordering: .relaxed) }
}
