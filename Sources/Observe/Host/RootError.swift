// SPDX-License-Identifier: Apache-2.0

/// Why a data root was not found or not accepted: one line that says what is wrong, one that says what to do.
package struct RootError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of fault it is: tests and exit statuses compare codes, never text.
    package struct Code: Hashable, Sendable {
        private enum Value {
            case missing, notDirectory, unreadable, absurd, empty, notRoot, foreign, owner, settings, many
        }
        private let value: Value

        /// No such directory.
        package static let missing = Code(value: .missing)
        /// A file, a socket, anything but a directory.
        package static let notDirectory = Code(value: .notDirectory)
        /// The kernel refuses to show it.
        package static let unreadable = Code(value: .unreadable)
        /// `/`, or no path at all.
        package static let absurd = Code(value: .absurd)
        /// A directory without entries.
        package static let empty = Code(value: .empty)
        /// A directory that does not look like a data root.
        package static let notDataRoot = Code(value: .notRoot)
        /// The storage of another program, such as podman.
        package static let foreignStorage = Code(value: .foreign)
        /// It belongs to neither root nor the caller.
        package static let wrongOwner = Code(value: .owner)
        /// The daemon's settings could not be read or understood.
        package static let badSettings = Code(value: .settings)
        /// Several daemons run with different roots.
        package static let ambiguous = Code(value: .many)
    }

    package let code: Code
    /// Lower case, without full stop, names escaped.
    package let message: String
    /// What to do about it.
    package let advice: String

    package init(_ code: Code, _ message: String, advice: String) {
        self.code = code
        self.message = message
        self.advice = advice
    }

    package var description: String { advice.isEmpty ? message : message + "\n  " + advice }
}
