// SPDX-License-Identifier: Apache-2.0

package import Model

/// What the engine keeps and a policy may decide about: every image, container, volume and build cache record, with all
/// that rules ask for. Times that nobody recorded are `nil`, and never count as old.
package struct Inventory: Sendable {
    package struct Entry: Sendable {
        package var kind: Policy.Kind
        package var id: String
        /// The item of the survey that it is.
        package var path: RelativePath
        /// Tags of an image; the name of a container or a volume; what a build step did.
        package var names: [String]
        /// Images: `repository@sha256:…`.
        package var digests: [String] = []
        /// What it was made from, of the same kind: that cannot go before it does.
        package var parents: [String] = []
        /// When it was made; an image: when it was built, wherever that was.
        package var created: Timestamp?
        /// Images: when it came to this host or last got a name here.
        package var arrived: Timestamp?
        /// The latest moment at which anything shows that somebody used it.
        package var used: Timestamp?
        package var labels: [String: String] = [:]
        /// Bytes with all that it shares; `nil` if nobody counted.
        package var bytes: Int64?
        /// Why it could not be had again; `nil` if it could.
        package var irreplaceable: String?
        /// Why it must stay, whatever a policy says; empty if nobody needs it.
        package var claims: [String] = []
        /// Containers that keep it, by their ids, with how to call them. One that goes in the same plan keeps nothing.
        package var containers: [String: String] = [:]
        /// A label, or the keep list of the host.
        package var isProtected = false
        /// What the builder keeps for itself: only with `all`.
        package var isInternal = false

        package init(kind: Policy.Kind, id: String, path: RelativePath, names: [String] = []) {
            self.kind = kind
            self.id = id
            self.path = path
            self.names = names
        }

        /// The label that Compose puts on what belongs to a project.
        package var project: String? { labels["com.docker.compose.project"] }

        /// Repositories that an image is in, without a tag.
        package var repositories: Set<String> {
            guard kind == .images else { return [] }
            return Set(names.map { repository(of: $0).name } + digests.map { String($0.prefix { $0 != "@" }) })
        }

        /// Every whole name that a pattern may match: an image also without its tag.
        package var words: [String] { names + [id] + repositories.sorted() }
    }

    package var entries: [Entry]
    /// Why nobody may be sure about a kind: damage, an engine that did not answer, something in flight.
    package var doubts: [Policy.Kind: String]

    package init(entries: [Entry] = [], doubts: [Policy.Kind: String] = [:]) {
        self.entries = entries
        self.doubts = doubts
    }
}

/// What a policy chose from an inventory, and why it left the rest.
package struct Selection: Sendable {
    package struct Chosen: Sendable {
        package var entry: Inventory.Entry
        package var why: [String]
        /// How hard it would be to have again; the lowest goes first.
        package var cost: Cost

        package init(entry: Inventory.Entry, why: [String], cost: Cost) {
            self.entry = entry
            self.why = why
            self.cost = cost
        }
    }

    /// In an order in which nothing goes before what was made from it.
    package var chosen: [Chosen] = []
    /// What a rule protects. What nobody asked for, such as a tagged image in a plain `prune images`, is in neither list.
    package var kept: [(entry: Inventory.Entry, why: String)] = []

    package init() {}
}

/// What it costs to have a thing again, from least to most; within one class what was used longest ago goes first.
package struct Cost: Comparable, Hashable, Sendable {
    package enum Class: Int, Comparable, Sendable {
        case cache, orphan, dangling, pullable, container, anonymousVolume, irreplaceable, namedVolume

        package static func < (left: Class, right: Class) -> Bool { left.rawValue < right.rawValue }
    }

    package var kind: Class
    /// Nanoseconds since 1970; the end of time if nobody knows.
    package var used: Int64

    package init(_ kind: Class, used: Timestamp?) {
        self.kind = kind
        self.used = used?.nanoseconds ?? .max
    }

    package static func < (left: Cost, right: Cost) -> Bool {
        (left.kind, left.used) < (right.kind, right.used)
    }
}
