// SPDX-License-Identifier: Apache-2.0

/// A question that the engine did not answer completely: which one, what kind of failure, and the reason in words.
///
/// There is no partial answer: whatever is not a complete, well-formed, expected answer becomes one of these.
package struct EngineError: Error, Hashable, Sendable {
    /// What kind of failure it is. A struct, so that a new code breaks nobody's switch; tests compare codes, not text.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case nobodyThere, cannotConnect, unsupportedHost, unsupportedVersion, deadline, incomplete, malformed
            case tooLarge, refused, notFound, notJSON, unexpectedShape, engineChanged, closed, invalidName
        }

        private let value: Value

        /// The socket is not there, or nothing listens on it: the only failure that means "no engine".
        package static let nobodyThere = Code(value: .nobodyThere)
        /// The socket could not be reached for any other reason: an engine may be there.
        package static let cannotConnect = Code(value: .cannotConnect)
        /// A host that says nothing about this machine's disks, or that cannot be understood.
        package static let unsupportedHost = Code(value: .unsupportedHost)
        /// The engine and Bilge have no API version in common.
        package static let unsupportedVersion = Code(value: .unsupportedVersion)
        /// Not complete before the deadline.
        package static let deadline = Code(value: .deadline)
        /// The connection ended, or its framing broke off, before the answer was whole.
        package static let incomplete = Code(value: .incomplete)
        /// Not HTTP.
        package static let malformed = Code(value: .malformed)
        /// More bytes than anybody will look at.
        package static let tooLarge = Code(value: .tooLarge)
        /// A complete answer with another status than the question asks for.
        package static let refused = Code(value: .refused)
        /// Status 404: the engine, or whoever speaks for it, says that there is no such thing.
        package static let notFound = Code(value: .notFound)
        /// A complete answer that is no JSON.
        package static let notJSON = Code(value: .notJSON)
        /// JSON, but without what it must have.
        package static let unexpectedShape = Code(value: .unexpectedShape)
        /// Another process listens than at the start: what was heard before may be another engine's.
        package static let engineChanged = Code(value: .engineChanged)
        /// The transport was closed already.
        package static let closed = Code(value: .closed)
        /// A name that cannot be put into a request.
        package static let invalidName = Code(value: .invalidName)

        package var description: String { value.rawValue }
    }

    /// The path of the request without its version, such as `/images/json?all=1`, or the socket if there was none yet.
    package let endpoint: String
    package let code: Code
    /// The HTTP status, where there was one.
    package let status: Int?
    /// Why, in words; escaped, so that nothing in it can be an escape sequence.
    package let detail: String

    package init(_ endpoint: String, _ code: Code, status: Int? = nil, _ detail: String) {
        self.endpoint = endpoint
        self.code = code
        self.status = status
        self.detail = detail
    }
}

extension EngineError: CustomStringConvertible {
    package var description: String { "engine request \(endpoint) failed: \(detail)" }
}
