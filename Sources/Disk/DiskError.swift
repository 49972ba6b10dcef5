// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// A system call that failed: what was attempted, on what, and the kernel's reason.
package struct DiskError: Error, Hashable, Sendable {
    package enum Operation: String, Sendable {
        case open, read, list, stat, rename, create, write, sync, remove, lock
    }

    package let operation: Operation
    /// As it should be shown: escaped, so that no name can reach the terminal as an escape sequence.
    package let path: String
    package let errno: Errno

    package init(_ operation: Operation, _ path: String, _ errno: Errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// True when the thing is simply not there, which a reader treats as an answer, not a fault.
    package var isMissing: Bool { errno == .noSuchFileOrDirectory }
}

extension DiskError: CustomStringConvertible {
    package var description: String {
        switch (operation, errno) {
        case (.remove, .improperLink), (.remove, .resourceBusy):
            "cannot remove \(path): something is mounted there"
        default: "cannot \(operation) \(path): \(errno)"
        }
    }
}
