// SPDX-License-Identifier: Apache-2.0

package import Decide
package import Disk
import Engine
package import Model
package import Observe

/// One look at a host: the root, its engine, and a verdict for everything in it.
package struct Survey: Sendable {
    package var root: Root
    /// Roots of containerd outside it; their items are known by absolute paths.
    package var stores: [Root] = []
    package var engine: EngineSummary
    /// Every item once, sorted by path.
    package var items: [Judged]
    package var problems: [Problem]
    package var catalog: Catalog
    /// Who reaches what, for `why` and for the order of a plan.
    package var reach: Reach
    /// Stores of the root that the engine does not show, or perhaps not.
    package var hiddenStores: [HiddenStore]
    /// What the kernel was asked about.
    package var coverage: WitnessCoverage
    /// The open root, for measuring and for moving.
    package var directory: Directory
    /// When each thing that nobody claims last changed.
    package var changed: [RelativePath: Timestamp]
    var place: Place
    var remembering: Remembering
    var opened: DataRoot
    /// The records of the engine's build cache; `nil` if it was not asked, or did not answer.
    var caches: [EngineBuildRecord]?
    /// Before the engine was asked, by the clock of this host.
    var asked: Timestamp
    /// Why nobody knows what the keep list of the host protects; `nil` if it was read.
    package var keepListProblem: String?
    /// `DockerRootDir` of the engine that answered, whether the root is its own or not.
    var engineRoot: String?
    /// What all of this follows from. It goes with the process: giving its memory back piece by piece takes time.
    var findings = Findings()

    /// The root that was looked at.
    package struct Root: Sendable {
        /// Absolute, escaped.
        package var path: String
        /// How it was found: `--data-root`, `the engine's DockerRootDir`, …
        package var how: String
        /// `ext4`, `xfs`, …
        package var filesystem: String
        package var eras: [Era]
        package var drivers: [StorageDriver]
        /// `engine`, `none`, `unknown`.
        package var owner: String
        /// What a person should know about it; one sentence each.
        package var notes: [String]
        /// Why nothing may be written here; empty if it may.
        package var writeObstacles: [String]
        /// Of a root of containerd's: for measuring.
        package var outside: FoundStore?
    }

    /// What the engine said of itself.
    package struct EngineSummary: Sendable {
        package var state: EngineState
        package var version: String?
        package var apiVersion: String?
        package var storageDriver: String?
        /// `graphdriver` or `containerd`.
        package var imageStore: String?
        /// What `docker system df` calls reclaimable of its images; `nil` if it did not say.
        package var reclaimableImageBytes: Int64?
        /// Why it could not be asked.
        package var reason: String?
    }
}

extension Survey.Root {
    /// A root of containerd's, in which nothing is ever changed.
    init(_ found: FoundStore) {
        self.init(
            path: found.path, how: found.how, filesystem: found.filesystem, eras: [.containerd], drivers: [],
            owner: found.isRunning ? "engine" : "unknown", notes: [],
            writeObstacles: ["only containerd removes from its store"], outside: found)
    }
}
