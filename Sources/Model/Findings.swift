// SPDX-License-Identifier: Apache-2.0

/// What everything that looks at a host answers: items that exist, claims on them, and problems.
///
/// Joining two answers is `merge`. A reader cannot stop an observation; it can only report a problem.
package struct Findings: Sendable {
    /// Every thing that exists, by the path it is known by.
    package private(set) var items: [RelativePath: Item] = [:]
    /// The paths of items by the directory that holds them; `nil` until `arrange`.
    private var folders: [RelativePath: [RelativePath]]?
    package var claims: [Claim] = []
    package var problems: [Problem] = []
    package var bundles: [Bundle] = []
    package var catalog = Catalog()

    package init() {}

    package mutating func add(_ item: Item) {
        if items.updateValue(item, forKey: item.path) == nil {
            folders?[item.path.parent ?? .root, default: []].append(item.path)
        }
    }

    /// Makes `items(in:)` fast.
    package mutating func arrange() { folders = Dictionary(grouping: items.keys) { $0.parent ?? .root } }

    /// The items that are known by a path directly in `folder`, sorted by it.
    package func items(in folder: RelativePath) -> [Item] {
        let paths = folders.map { $0[folder] ?? [] } ?? items.keys.filter { $0.parent == folder }
        return paths.sorted().compactMap { items[$0] }
    }

    package mutating func claim(
        _ target: RelativePath, by claimant: Claimant, _ force: Claim.Force = .needs, as thing: Thing? = nil,
        source: String
    ) {
        claims.append(Claim(target: target, claimant: claimant, force: force, thing: thing, source: source))
    }

    package mutating func problem(_ path: String, hides areas: Set<Area>, because reason: String) {
        problems.append(Problem(path: path, areas: areas, reason: reason))
    }

    package mutating func merge(_ other: Findings) {
        if folders == nil {
            items.merge(other.items) { first, _ in first }
        } else {
            for (path, item) in other.items where items[path] == nil { add(item) }
        }
        claims += other.claims
        problems += other.problems
        bundles += other.bundles
        catalog.merge(other.catalog)
    }
}

/// "X needs Y, says Z": somebody refers to a path in the root, and where that was read.
package struct Claim: Hashable, Sendable {
    package enum Force: Sendable {
        /// The claimant would be damaged if the target went: keeps it in use, as far as the claimant itself counts.
        case needs
        /// The engine has a record of the target and so is the one to remove it: never an orphan, but nobody needs it.
        case knows
        /// Worth showing, but no reason to keep anything (the whole root mounted by a monitoring agent).
        case mentions
    }

    /// The item's own path, a path inside it (a bind of a sub-directory claims the whole item), or a directory of items.
    package var target: RelativePath
    package var claimant: Claimant
    package var force: Force
    /// What the claimant takes the target for, if its directory alone does not tell: a layer directory named by a
    /// container's record is a writable layer.
    package var thing: Thing?
    /// The file below the root, the endpoint, or the kernel file in which it was read.
    package var source: String

    package init(target: RelativePath, claimant: Claimant, force: Force, thing: Thing?, source: String) {
        self.target = target
        self.claimant = claimant
        self.force = force
        self.thing = thing
        self.source = source
    }
}

/// Who says that it needs something.
package enum Claimant: Hashable, Sendable {
    /// Another item: its claim counts exactly as much as it is itself in use.
    case item(RelativePath)
    /// A name for an image: `shop/api:4.10`.
    case tag(String)
    /// A record that the engine would load: a container in any state.
    case container(id: String, name: String)
    /// A process, by what it has open below the root.
    case process(pid: Int32, name: String)
    /// A mount, by its mount point.
    case mount(String)
    /// BuildKit's record of that id.
    case buildCache(String)
    /// The running engine's answer.
    case engine(String)
    /// The layout itself: a directory that every data root has.
    case layout
    /// Bilge's own trash.
    case bilge

    package var description: String {
        switch self {
        case .item(let path): path.text
        case .tag(let name): "tag \(name)"
        case .container(let id, let name):
            name.isEmpty ? "container \(id.prefix(12))" : "container \(name) (\(id.prefix(12)))"
        case .process(let pid, let name): "process \(pid) (\(name))"
        case .mount(let point): "mount at \(point)"
        case .buildCache(let id): "build cache record \(id)"
        case .engine(let what): "engine: \(what)"
        case .layout: "the engine"
        case .bilge: "bilge"
        }
    }
}

/// What could not be read, and therefore which unclaimed things nobody may be sure about.
package struct Problem: Hashable, Sendable {
    package var path: String
    package var areas: Set<Area>
    package var reason: String

    package init(path: String, areas: Set<Area>, reason: String) {
        self.path = path
        self.areas = areas
        self.reason = reason
    }
}

/// The smallest set of things that an unreadable record may have claimed.
package enum Area: Hashable, Sendable {
    case everything
    case images
    case containers
    /// Layers of every driver.
    case layers
    /// Layers of one driver.
    case driver(String)
    /// What storage drivers hold: the engine may be using another store. Nothing is hidden by it while an engine says
    /// which store it uses.
    case storageDrivers
    case volumes
    case plugins
    case scratch
    /// One item and what lies below it.
    case item(RelativePath)

    package var name: String {
        switch self {
        case .everything: "everything"
        case .images: "images"
        case .containers: "containers"
        case .layers: "layers"
        case .driver: "layer"
        case .storageDrivers: "storage drivers"
        case .volumes: "volumes"
        case .plugins: "plugins"
        case .scratch: "scratch"
        case .item: "item"
        }
    }
}

/// Items that belong together: they become one item if their standings agree.
///
/// A layer's directory and its record are always bundled; what a killed `docker create` left only if all of it is orphaned.
package struct Bundle: Hashable, Sendable {
    /// In the order in which their paths move; the first one names the whole.
    package var members: [RelativePath]
    /// Join only what turned out to be orphaned.
    package var onlyOrphans: Bool

    package init(_ members: [RelativePath], onlyOrphans: Bool = false) {
        self.members = members
        self.onlyOrphans = onlyOrphans
    }
}
