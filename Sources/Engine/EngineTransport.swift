// SPDX-License-Identifier: Apache-2.0

/// Carries one request to an engine and its whole answer back; a socket in the product, a script in tests.
package protocol EngineTransport: Sendable {
    /// Returns the complete answer, whatever its status.
    ///
    /// - Throws: every way in which an answer can be less than complete; there is never a part of one.
    func send(_ request: EngineRequest, by deadline: ContinuousClock.Instant) async throws(EngineError)
        -> EngineResponse

    /// The process that listens at the other end, once something was sent; `nil` if the kernel does not tell, as when
    /// that process is in another process-id namespace.
    var peerPID: Int32? { get }

    /// Ends all connections. Nothing can be sent afterwards.
    func close() async
}

/// One request.
package struct EngineRequest: Hashable, Sendable {
    package enum Method: String, Sendable {
        case get = "GET", post = "POST", delete = "DELETE"

        /// True if asking twice is the same as asking once; nothing else is ever sent again.
        package var mayBeRepeated: Bool {
            switch self {
            case .get: true
            case .post, .delete: false
            }
        }
    }

    package var method: Method
    /// The path and query without the version: what errors and problems call it.
    package var endpoint: String
    /// `nil` for `/version`, which every engine answers without one.
    package var version: APIVersion?
    /// JSON; `nil` for a request without a body.
    package var body: [UInt8]?

    package init(_ method: Method, _ endpoint: String, version: APIVersion?, body: [UInt8]? = nil) {
        self.method = method
        self.endpoint = endpoint
        self.version = version
        self.body = body
    }

    /// What goes into the request line.
    package var target: String { version.map { "/v\($0)" + endpoint } ?? endpoint }
}

/// A complete answer.
package struct EngineResponse: Hashable, Sendable {
    package var status: Int
    /// By lowercase name; of several with one name, the first.
    package var headers: [String: String]
    package var body: [UInt8]

    package init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// A version of the Engine API, such as 1.41.
package struct APIVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// `nil` for anything but two numbers of at most four digits with a point between them.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { (1...4).contains($0.utf8.count) && $0.utf8.allSatisfy { 48...57 ~= $0 } }
        guard parts.count == 2, isPlain, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
        self.init(major, minor)
    }

    package static func < (left: APIVersion, right: APIVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    package var description: String { "\(major).\(minor)" }
}
