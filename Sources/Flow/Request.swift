// SPDX-License-Identifier: Apache-2.0

package import Model
package import Observe

/// What a command was asked to look at, and how the world outside is reached.
package struct Request: Sendable {
    /// `--data-root`, `-g`, `--graph`; `nil` to find it.
    package var dataRoot: String?
    /// `--host`, else `DOCKER_HOST`, else the default socket.
    package var host: String?
    /// `--offline`: do not ask the engine. It does not say that nobody is there.
    package var offline: Bool
    package var graceSeconds: Int64
    /// Patterns of whole names that are never removed (`--keep`).
    package var keep: [String]
    /// The keep list of the host.
    package var keepFile: String
    package var now: Timestamp
    /// The effective user id of whoever asks.
    package var caller: UInt32
    package var environment: [String: String]
    /// Ask the engine also what it calls reclaimable of its images.
    package var asksImageSpace = false
    /// Do without what an engine before 23.0 would have to measure everything for: its own list of the build cache, of
    /// which the records on disk tell as well. Only for who wants to know sizes; nothing may be moved on such an answer.
    package var asksQuickly = false
    /// Find out when things last changed, for showing.
    package var showsTimes = true
    /// `--exact`: believe no size that an earlier run measured.
    package var exact: Bool
    /// Where to look for roots and processes; tests look elsewhere.
    package var rootSources: RootSources

    package init(
        dataRoot: String? = nil, host: String? = nil, offline: Bool = false, graceSeconds: Int64 = 24 * 3600,
        keep: [String] = [], keepFile: String = "/etc/bilge/keep", now: Timestamp, caller: UInt32,
        environment: [String: String] = [:], exact: Bool = false, rootSources: RootSources = RootSources()
    ) {
        self.dataRoot = dataRoot
        self.host = host
        self.offline = offline
        self.graceSeconds = graceSeconds
        self.keep = keep
        self.keepFile = keepFile
        self.now = now
        self.caller = caller
        self.environment = environment
        self.exact = exact
        self.rootSources = rootSources
    }

    var proc: String { rootSources.proc }
}
