// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
import SystemPackage

/// A command that changes things could not go on: why, what it was about, and what to do.
///
/// A single step that could not be done is no error; it is a line of the receipt.
package struct ActError: Error, Sendable {
    package enum Code: Hashable, Sendable {
        /// Another run holds the lock of the trash. Exit status 11.
        case locked
        /// The trash, the plan or a name is not what it must be; nothing was changed. Exit status 5.
        case refused
        /// The disk has no room to write down what would be moved; nothing was changed. Exit status 5.
        case noSpace(bytesNeeded: Int64)
        /// Something is neither at its place nor whole in the trash; the message names both places. Exit status 70.
        case invariantBroken
        /// The kernel refused something that has no better name. Exit status 1.
        case disk(DiskError)
    }

    package var code: Code
    /// What was attempted, on what, and why it failed; escaped.
    package var message: String
    /// What a person can do about it; empty if nothing comes to mind.
    package var advice: String
    /// What had been done before it failed, if anything had.
    package var receipt: Receipt?

    package init(_ code: Code, _ message: String, advice: String = "", receipt: Receipt? = nil) {
        self.code = code
        self.message = message
        self.advice = advice
        self.receipt = receipt
    }

    /// True if there was no room to write down what would be moved.
    package var isNoSpace: Bool {
        switch code {
        case .noSpace: true
        case .locked, .refused, .invariantBroken, .disk: false
        }
    }

    init(_ error: DiskError) { self.init(.disk(error), "\(error)") }

    /// The command's exit status.
    package var exitStatus: Int32 {
        switch code {
        case .locked: 11
        case .refused, .noSpace: 5
        case .invariantBroken: 70
        case .disk: 1
        }
    }
}

extension ActError: CustomStringConvertible {
    package var description: String { advice.isEmpty ? message : message + "\n  " + advice }
}

/// The value of `body`; what the kernel refused goes out as an `ActError`.
func acting<Value>(_ body: @autoclosure () throws(DiskError) -> Value) throws(ActError) -> Value {
    do { return try body() } catch { throw ActError(error) }
}

extension DiskError {
    /// True if the disk is full or the quota is used up.
    var isNoSpace: Bool { errno == .noSpace || errno == .diskQuotaExceeded }

    /// True if the next step would fail in the same way, so that the run ends here.
    var endsRun: Bool {
        switch errno {
        case .noSpace, .diskQuotaExceeded, .readOnlyFileSystem, .ioError, .tooManyOpenFiles, .tooManyOpenFilesInSystem,
            .noMemory, .invalidArgument, .noFunction:
            true
        default: false  // `Errno` is not ours: the kernel may say anything.
        }
    }
}

extension ActError {
    static func noSuchRun(_ run: String, held: [String]) -> ActError {
        let shown = EntryName.escaped(text: run)
        return ActError(
            .refused, "no run \(shown) is held in the trash",
            advice: held.isEmpty ? "nothing is held" : "held are: " + held.joined(separator: ", "))
    }
}
