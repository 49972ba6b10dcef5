// SPDX-License-Identifier: Apache-2.0

/// What everything that looks at a host answers: items that exist, claims on them, and problems.
///
/// Joining two answers is `merge`. A reader cannot stop an observation; it can only report a problem.
package struct Findings: Sendable {
    /// Every thing that exists, by the path it is known by.
    package private(set) var items: [RelativePath: Item] = [:]
    private var arrangement: Arrangement?
    /// The paths of all items, sorted; kept from `sort` until something changes.
    private var order: [RelativePath]?
    /// Who needs what, in the order in which it was said.
    package var claims = ClaimList()
    package var problems: [Problem] = []
    package var bundles: [Bundle] = []
    package var catalog = Catalog()

    package init() {}

    /// Joins what several found, in their order, and makes `items(in:)` and `index` fast.
    ///
    /// - Parameter both: runs two independent tasks and returns their answers, such as `together`: a large root has tens of
    ///   thousands of items.
    package init(
        arranging parts: [Findings],
        both: (() -> [RelativePath: Item], @escaping @Sendable () -> Arrangement) -> (
            [RelativePath: Item], Arrangement
        ) = { ($0(), $1()) }
    ) {
        let (items, arrangement) = both(
            {
                var items: [RelativePath: Item] = [:]
                items.reserveCapacity(parts.reduce(0) { $0 + $1.items.count })
                for part in parts { items.merge(part.items) { first, _ in first } }
                return items
            }, { Arrangement(parts) })
        for part in parts { mergeAllButItems(part) }
        self.items = items
        self.arrangement = arrangement
    }

    package mutating func add(_ item: Item) {
        let isNew = items.updateValue(item, forKey: item.path) == nil
        order = nil
        arrangement?.index.add(item)
        if isNew { arrangement?.enter([item.path]) }
    }

    /// Sorts the items, so that whoever joins them need not.
    package mutating func sort() { order = items.keys.sorted() }

    /// Finds the item that a path means.
    package var index: ItemIndex { arrangement?.index ?? ItemIndex(items.values) }

    /// True if an item is known by exactly this path.
    package func has(_ path: RelativePath) -> Bool { items.index(forKey: path) != nil }

    /// The items that are known by a path directly in `folder`, sorted by it.
    package func items(in folder: RelativePath) -> [Item] { paths(in: folder).compactMap { items[$0] } }

    /// The paths directly in `folder` that items are known by, sorted.
    package func paths(in folder: RelativePath) -> [RelativePath] {
        arrangement.map { $0.folders[folder] ?? [] } ?? items.keys.filter { $0.parent == folder }.sorted()
    }

    /// Every path that an item is known by, sorted.
    package var paths: [RelativePath] { arrangement?.paths ?? order ?? items.keys.sorted() }

    /// The items that are known by a path inside `folder`, at whatever depth, sorted by it.
    package func items(below folder: RelativePath) -> [Item] {
        let paths = paths
        // What begins alike is together.
        let start = paths.firstIndex(notBefore: RelativePath(folder.text + "/"))
        return paths[start...].prefix { folder.contains($0) }.compactMap { items[$0] }
    }

    package mutating func claim(
        _ target: RelativePath, by claimant: Claimant, _ force: Claim.Force = .needs, as thing: Thing? = nil,
        source: String
    ) {
        claims.append(Claim(target: target, claimant: claimant, force: force, thing: thing, source: source))
    }

    /// - Parameter unlessOrphan: see `Problem.unlessOrphan`.
    package mutating func problem(
        _ path: String, hides areas: Set<Area>, unlessOrphan owner: RelativePath? = nil, because reason: String
    ) {
        problems.append(Problem(path: path, areas: areas, reason: reason, unlessOrphan: owner))
    }

    package mutating func reserveCapacity(_ items: Int) { self.items.reserveCapacity(items) }

    /// Joins all, in their order.
    package mutating func merge(all parts: consuming [Findings]) {
        // Each is let go of at once: a large root is there twice meanwhile.
        parts.reverse()
        while let part = parts.popLast() { merge(part) }
    }

    /// Items that are known already stay as they are.
    package mutating func merge(_ other: Findings) {
        if !other.items.isEmpty {
            let fresh = arrangement == nil ? [] : other.paths.filter { items[$0] == nil }
            for path in fresh { if let item = other.items[path] { arrangement?.index.add(item) } }
            arrangement?.enter(fresh)
            order = nil
            items.merge(other.items) { first, _ in first }
        }
        mergeAllButItems(other)
    }

    private mutating func mergeAllButItems(_ other: Findings) {
        claims.append(contentsOf: other.claims)
        problems.join(other.problems)
        bundles.join(other.bundles)
        catalog.merge(other.catalog)
    }
}

extension Array {
    /// Appends. One that is empty becomes the other: copying and letting go of the elements is most of the work of joining
    /// the answers about a large root.
    mutating func join(_ other: [Element]) {
        if isEmpty { self = other } else if !other.isEmpty { self += other }
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
    /// containerd's own records: what it says of the thing.
    case containerd(String)
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
        case .containerd(let what): "containerd: \(what)"
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
    /// The item whose own record it is, if that is one which a killed engine leaves behind: while the item is an orphan
    /// whatever the record named, nobody needs what it named either, and the problem does not count.
    package var unlessOrphan: RelativePath?

    package init(path: String, areas: Set<Area>, reason: String, unlessOrphan: RelativePath? = nil) {
        self.path = path
        self.areas = areas
        self.reason = reason
        self.unlessOrphan = unlessOrphan
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
    /// Snapshots, blobs, ingests and leases of containerd.
    case containerd
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
        case .containerd: "containerd"
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
