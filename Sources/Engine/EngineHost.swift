// SPDX-License-Identifier: Apache-2.0

import Model

/// Where to ask: Unix sockets of this host, to be tried in order until somebody is there.
///
/// Docker's contexts are not read: a context names the engine that the CLI talks to, wherever that is, while Bilge asks
/// about the disks of this host.
package struct EngineHost: Hashable, Sendable {
    /// Absolute paths.
    package let sockets: [String]

    /// Where every Docker listens unless told otherwise. Usually one socket under two names.
    package static let standard = EngineHost(sockets: ["/var/run/docker.sock", "/run/docker.sock"])

    /// Longest path of a Unix socket that the kernel takes. Source: `unix(7)`.
    private static let pathBytes = 107

    private init(sockets: [String]) { self.sockets = sockets }

    /// What `--host`, else `DOCKER_HOST`, else nothing means.
    ///
    /// - Throws: `unsupportedHost` for an engine elsewhere, and for what cannot be understood.
    package init(option: String?, environment: [String: String]) throws(EngineError) {
        if let option, !option.isEmpty {
            try self.init(option)
        } else if let variable = environment["DOCKER_HOST"], !variable.isEmpty {
            try self.init(variable)
        } else {
            self = .standard
        }
    }

    /// From `unix:///path` or `/path`.
    ///
    /// - Throws: `unsupportedHost` for an engine elsewhere, and for what cannot be understood.
    package init(_ text: String) throws(EngineError) {
        let shown = EntryName.escaped(text: text)
        func refusal(_ detail: String) -> EngineError { EngineError(shown, .unsupportedHost, detail) }

        for scheme in ["tcp://", "http://", "https://", "ssh://", "fd://", "npipe://"] where text.hasPrefix(scheme) {
            throw refusal(
                "an engine reached by \(scheme) says nothing about this host's disks; give the path of its Unix socket")
        }
        let path = text.hasPrefix("unix://") ? String(text.dropFirst("unix://".count)) : text
        guard path.hasPrefix("/"), path.utf8.count > 1 else {
            throw refusal("a host is the absolute path of a Unix socket, as in unix:///var/run/docker.sock")
        }
        guard path.utf8.count <= Self.pathBytes, !path.utf8.contains(0) else {
            throw refusal("the path of a Unix socket has at most \(Self.pathBytes) bytes")
        }
        self.init(sockets: [path])
    }
}
