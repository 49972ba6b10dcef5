// SPDX-License-Identifier: Apache-2.0

/// What would be done, as a value: what is printed is what is saved is what is done.
package struct Plan: Codable, Hashable, Sendable {
    package var schema = 1
    /// A few hexadecimal digits derived from the steps: two equal plans have one name.
    package var plan: String
    package var created: String
    package var policy: Policy
    package var root: Root
    package var steps: [Step]
    package var kept: [Kept]
    package var totals: Totals
    /// What steps that go through the engine free, by the item it is: it goes with the last step that holds it.
    package var shared: [Shared]

    package init(
        plan: String, created: String, policy: Policy, root: Root, steps: [Step], kept: [Kept], totals: Totals,
        shared: [Shared] = []
    ) {
        self.plan = plan
        self.created = created
        self.policy = policy
        self.root = root
        self.steps = steps
        self.kept = kept
        self.totals = totals
        self.shared = shared
    }

    /// The root a plan was made for; `apply` refuses another.
    package struct Root: Codable, Hashable, Sendable {
        package var path: String
        package var device: UInt64
        package var inode: UInt64

        package init(path: String, device: UInt64, inode: UInt64) {
            self.path = path
            self.device = device
            self.inode = inode
        }
    }

    package struct Policy: Codable, Hashable, Sendable {
        /// `orphans`, `volumes`, `images`, `containers`, `cache`.
        package var kinds: [String]
        package var graceSeconds: Int64
        /// Volumes with a chosen name may go.
        package var named: Bool
        package var keep: [String]
        /// What decides about images, containers, volumes and build cache.
        package var retention: Model.Policy

        package init(
            kinds: [String], graceSeconds: Int64, named: Bool, keep: [String], retention: Model.Policy = Model.Policy()
        ) {
            self.kinds = kinds
            self.graceSeconds = graceSeconds
            self.named = named
            self.keep = keep
            self.retention = retention
        }
    }

    package struct Step: Codable, Hashable, Sendable {
        package enum Action: String, Codable, Sendable {
            case quarantine, removeImage, untagImage, removeContainer, removeVolume, removeCache, trimLog
        }

        package var action: Action
        package var kind: String
        package var id: String
        package var names: [String]
        package var paths: [RelativePath]
        /// Who each path was when the plan was made; the same number as `paths`.
        package var identities: [Identity]
        package var freesBytes: Int64
        package var inodes: Int64
        package var undo: Bool
        package var why: [String]
        /// Only with `trimLog`: how many of the newest bytes stay.
        package var keepsBytes: Int64?

        package init(
            action: Action, kind: String, id: String, names: [String], paths: [RelativePath], identities: [Identity],
            freesBytes: Int64, inodes: Int64, undo: Bool, why: [String]
        ) {
            self.action = action
            self.kind = kind
            self.id = id
            self.names = names
            self.paths = paths
            self.identities = identities
            self.freesBytes = freesBytes
            self.inodes = inodes
            self.undo = undo
            self.why = why
        }

        /// What a reason begins with that says how an image can be had again.
        package static let pullable = "pullable as "

        /// `repository@sha256:…` by which an image can be pulled again; `nil` if it has none.
        package var pullableAs: String? {
            why.first { $0.hasPrefix(Self.pullable) }.map { String($0.dropFirst(Self.pullable.count)) }
        }
    }

    package struct Kept: Codable, Hashable, Sendable {
        package var kind: String
        package var id: String
        package var names: [String]
        package var why: [String]

        package init(kind: String, id: String, names: [String], why: [String]) {
            self.kind = kind
            self.id = id
            self.names = names
            self.why = why
        }
    }

    package struct Totals: Codable, Hashable, Sendable {
        package var freesNowBytes: Int64
        package var freesWhenTrashEmptiesBytes: Int64
        /// What is missing to the policy's target of free space; `nil` without one.
        package var wantedBytes: Int64?

        package init(freesNowBytes: Int64, freesWhenTrashEmptiesBytes: Int64, wantedBytes: Int64? = nil) {
            self.wantedBytes = wantedBytes
            self.freesNowBytes = freesNowBytes
            self.freesWhenTrashEmptiesBytes = freesWhenTrashEmptiesBytes
        }
    }
}

/// Which file system object a path was: an inode number alone may be used again, together with the birth time it is not.
package struct Identity: Codable, Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    /// Nanoseconds since 1970; 0 where the file system records no birth time.
    package var birth: Int64
    /// `ctime` in nanoseconds since 1970.
    package var changed: Int64
    /// `st_mode`: type and permissions.
    package var mode: UInt32

    package init(device: UInt64, inode: UInt64, birth: Int64, changed: Int64, mode: UInt32) {
        self.device = device
        self.inode = inode
        self.birth = birth
        self.changed = changed
        self.mode = mode
    }

    /// True if both are the same object, whatever happened to it since (a rename changes `ctime`).
    package func isSameObject(as other: Identity) -> Bool {
        device == other.device && inode == other.inode && birth == other.birth
            && mode & 0o170000 == other.mode & 0o170000
    }
}

/// A plan somebody said yes to. Executing consumes it, so it cannot run twice.
package struct ApprovedPlan: ~Copyable, Sendable {
    package let plan: Plan
    /// Who said yes: `prompt`, `--yes`, `--force`, `--unsafe-count`.
    package let approver: String

    package init(_ plan: Plan, approver: String) {
        self.plan = plan
        self.approver = approver
    }
}

/// What was done: the plan's steps with what became of each.
package struct Receipt: Codable, Hashable, Sendable {
    package enum Outcome: String, Codable, Sendable { case done, skipped, failed }

    package struct Line: Codable, Hashable, Sendable {
        package var step: Plan.Step
        package var outcome: Outcome
        package var reason: String
        /// The trash holds it now. That is another question than how the step ended: what was moved, and of which that
        /// could not be written down, has failed and is held.
        package var isHeld: Bool

        package init(_ step: Plan.Step, _ outcome: Outcome, reason: String = "", isHeld: Bool = false) {
            self.step = step
            self.outcome = outcome
            self.reason = reason
            self.isHeld = isHeld
        }
    }

    package var schema = 1
    package var plan: String
    /// What `undo` takes: the folder of the run in the trash. Empty if nothing was moved.
    package var run: String
    package var steps: [Line]
    /// What went wrong beside the steps, one sentence each, such as a log that could not be written.
    package var troubles: [String]

    package init(plan: String, run: String, steps: [Line], troubles: [String] = []) {
        self.plan = plan
        self.run = run
        self.steps = steps
        self.troubles = troubles
    }
}
