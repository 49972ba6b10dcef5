// SPDX-License-Identifier: Apache-2.0

package import Act
import Model

/// Why a command could not do what it was asked to, with the exit status it ends in.
package struct FlowError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Int32, Sendable {
        case failed = 1
        /// A safety guard refused; nothing was changed.
        case refused = 5
        case engineUnreachable = 6
        /// Another run holds the lock.
        case locked = 11
        case usage = 64
        case invariantBroken = 70
    }

    package var code: Code
    /// What was attempted, on what, and why it failed; escaped.
    package var message: String
    /// What to do about it; empty if nothing comes to mind.
    package var advice: String

    package init(_ code: Code, _ message: String, advice: String = "") {
        self.code = code
        self.message = message
        self.advice = advice
    }

    package init(_ error: ActError) {
        self.init(Code(rawValue: error.exitStatus) ?? .failed, error.message, advice: error.advice)
    }

    package var description: String { advice.isEmpty ? message : message + "\n  " + advice }
}
