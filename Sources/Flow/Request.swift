// SPDX-License-Identifier: Apache-2.0

package import Model

/// What a command was asked to look at.
package struct Request: Sendable {
    /// `--data-root`, `-g`, `--graph`; `nil` to find it.
    package var dataRoot: String?
    /// `--host`, else `DOCKER_HOST`, else the default socket.
    package var host: String?
    /// `--offline`: do not ask the engine. It does not say that nobody is there.
    package var offline: Bool
    package var graceSeconds: Int64
    /// Patterns of whole names that are never removed (`--keep`, `/etc/bilge/keep`).
    package var keep: [String]
    package var now: Timestamp
    /// Where `/proc` is; tests have their own.
    package var proc: String

    package init(
        dataRoot: String? = nil, host: String? = nil, offline: Bool = false, graceSeconds: Int64 = 24 * 3600,
        keep: [String] = [],
        now: Timestamp, proc: String = "/proc"
    ) {
        self.dataRoot = dataRoot
        self.host = host
        self.offline = offline
        self.graceSeconds = graceSeconds
        self.keep = keep
        self.now = now
        self.proc = proc
    }
}
