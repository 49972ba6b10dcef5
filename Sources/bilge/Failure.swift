// SPDX-License-Identifier: Apache-2.0

import Flow
import Observe

/// Why a command could not go on: what happened, what to do about it, and how the process ends.
struct Failure: Error, Sendable {
    var status: ExitStatus
    /// Lower case, no full stop.
    var message: String
    /// Empty if nothing comes to mind.
    var advice = ""

    init(_ status: ExitStatus, _ message: String, advice: String = "") {
        self.status = status
        self.message = message
        self.advice = advice
    }

    /// Any error as a person should read it. Statuses follow from codes, never from texts.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as FlowError:
            self.init(ExitStatus(rawValue: error.code.rawValue) ?? .failed, error.message, advice: error.advice)
        case let error as RootError: self.init(ExitStatus(error.code), error.message, advice: error.advice)
        default: self.init(.failed, "\(error)")
        }
    }

    var lines: [String] {
        ["bilge: " + Shown.raw(message)] + (advice.isEmpty ? [] : ["  " + Shown.raw(advice)])
    }
}

extension ExitStatus {
    /// A root that is refused is no failure to find it: it was found, and must not be touched.
    fileprivate init(_ code: RootError.Code) {
        let refused: [RootError.Code] = [.absurd, .foreignStorage, .wrongOwner, .ambiguous]
        self = refused.contains(code) ? .refused : .failed
    }
}
