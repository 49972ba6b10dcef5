// SPDX-License-Identifier: Apache-2.0

import Model

/// Follows containerd's own graph of references, from what it never collects to what that needs, and turns it into claims.
///
/// Never collected are images, containers and sandboxes of containerd, leases until they expire, and what has the label
/// `containerd.io/gc.root`. References are labels `containerd.io/gc.ref.*` and `gc.bref.*`, and the parent of a snapshot.
/// A lease with the label `gc.flat` holds what it names and not what that refers to; here it holds that too, which keeps
/// more. Source: containerd `core/metadata/gc.go`.
struct ContainerdGraph {
    typealias Node = ContainerdDatabase.Node
    typealias Namespace = ContainerdDatabase.Namespace

    let store: ContainerdStore
    let database: ContainerdDatabase
    let things: ContainerdThings
    /// What all readers found.
    let items: Findings
    /// `nil`: every lease counts as one that has not expired.
    let now: Timestamp?

    private var source: String { store.database.text }

    func findings() -> Findings {
        var findings = Findings()
        for (name, namespace) in database.namespaces.sorted(by: { $0.key < $1.key }) {
            let one = OneNamespace(graph: self, name: name, content: namespace)
            one.roots(&findings)
            one.leases(&findings)
            one.records(&findings)
        }
        shared(&findings)
        return findings
    }

    /// What no namespace has a record of, in a store that serves others too, is theirs to judge.
    private func shared(_ findings: inout Findings) {
        guard let other = database.foreign.first else { return }
        let recorded = Set(database.namespaces.values.flatMap(things.items(of:)))
        for item in items.items(below: store.base) where item.thing.isContainerds {
            guard !recorded.contains(item.path) else { continue }
            findings.claim(
                item.path, by: .containerd("its store serves the namespace \(other), too"), source: source)
        }
    }

    /// The items that a node means: its own, or, where it has none, those of what it refers to.
    fileprivate func targets(of node: Node, in namespace: Namespace) -> Set<RelativePath> {
        var targets: Set<RelativePath> = []
        var seen: Set<Node> = [node]
        var pending = [node]
        while let next = pending.popLast() {
            if let item = things.item(of: next, in: namespace) {
                targets.insert(item)
            } else {
                for below in namespace.record(of: next)?.needs ?? [] where seen.insert(below).inserted {
                    pending.append(below)
                }
            }
        }
        return targets
    }
}

/// The part of the graph that one namespace has a record of.
private struct OneNamespace {
    let graph: ContainerdGraph
    let name: String
    let content: ContainerdDatabase.Namespace

    private var isDockers: Bool { ContainerdDatabase.isDockers(name) }
    private var source: String { graph.store.database.text }

    /// What containerd never collects.
    func roots(_ findings: inout Findings) {
        for (image, record) in content.images { claim(record.needs, by: claimant(ofImage: image), &findings) }
        for (id, record) in content.containers {
            claim(record.needs, by: .containerd("container \(id) of the namespace \(name)"), &findings)
        }
        for (id, record) in content.sandboxes {
            claim(record.needs, by: .containerd("sandbox \(id) of the namespace \(name)"), &findings)
        }
        for (digest, record) in content.blobs where record.isRoot {
            claim([.blob(digest)], by: .containerd("its label containerd.io/gc.root"), &findings)
        }
        for (node, record) in content.snapshots where record.isRoot {
            claim([node], by: .containerd("its label containerd.io/gc.root"), &findings)
        }
    }

    func leases(_ findings: inout Findings) {
        for (id, lease) in content.leases {
            let path = graph.store.lease(id, of: name)
            let described = LeaseWords(
                id: id, lease: lease, namespace: name, isDockers: isDockers, items: graph.items, now: graph.now)
            findings.add(Item(.lease, [path]))
            let container = RelativePath("containers") / id
            if described.hasContainer { findings.claim(path, by: .item(container), source: source) }
            findings.claim(
                path, by: described.claimant, described.isNeeded ? .needs : .knows, as: .lease, source: source)
            guard !described.hasExpired else { continue }
            claim(lease.record.needs, by: .containerd(described.holder), &findings)
            claim(lease.record.needs, by: .item(path), &findings)
        }
    }

    /// What is recorded, and what each of it needs.
    func records(_ findings: inout Findings) {
        for (digest, record) in content.blobs {
            add(.blob(digest), record, known: "content of the namespace \(name)", &findings)
        }
        for (node, record) in content.snapshots {
            add(node, record, known: words(for: node), &findings)
        }
        for (key, ingest) in content.ingests {
            guard let item = graph.things.item(of: .ingest(key), in: content) else { continue }
            if !isDockers {
                findings.claim(item, by: .containerd("an upload of the namespace \(name)"), source: source)
            } else if let expires = ingest.expires, graph.now.map({ expires > $0 }) ?? true {
                findings.claim(
                    item, by: .containerd("an upload that it waits for until \(expires.rfc3339)"), source: source)
            }
        }
    }

    private func add(
        _ node: ContainerdDatabase.Node, _ record: ContainerdDatabase.Record, known: String,
        _ findings: inout Findings
    ) {
        guard let item = graph.things.item(of: node, in: content) else { return }
        // Whoever else uses this containerd judges what is theirs.
        findings.claim(item, by: .containerd(known), isDockers ? .knows : .needs, source: source)
        claim(record.needs, by: .item(item), &findings)
        for holder in record.neededBy {
            for target in graph.targets(of: holder, in: content) where target != item {
                findings.claim(item, by: .item(target), source: source)
            }
            // Images and containers are no items: whatever they keep is needed by themselves.
            guard content.record(of: holder) != nil else { continue }
            switch holder {
            case .image(let image): findings.claim(item, by: claimant(ofImage: image), source: source)
            case .container(let id): findings.claim(item, by: .containerd("container \(id)"), source: source)
            case .blob, .snapshot, .ingest: break
            }
        }
    }

    private func claim(
        _ nodes: [ContainerdDatabase.Node], by claimant: Claimant, _ findings: inout Findings
    ) {
        for node in nodes {
            for target in graph.targets(of: node, in: content) where claimant != .item(target) {
                findings.claim(target, by: claimant, source: source)
            }
        }
    }

    private func claimant(ofImage image: String) -> Claimant {
        if !isDockers { return .containerd("image \(image) of the namespace \(name)") }
        if image.hasPrefix("moby-dangling@") {
            return .containerd("the untagged image \(image.dropFirst("moby-dangling@".count))")
        }
        return .tag(ContainerdDatabase.familiar(image))
    }

    /// What a snapshot's key says about it. Source: moby `daemon/containerd/image_snapshot.go`, `image_builder.go`.
    private func words(for node: ContainerdDatabase.Node) -> String {
        guard case .snapshot(_, let key) = node else { return "a record of the namespace \(name)" }
        let stem = String(key.prefix(64))
        if EntryName.isHexID(stem) {
            let container = "container \(stem.prefix(12))"
            let isThere = graph.items.has(RelativePath("containers") / stem)
            switch (key.dropFirst(64), isThere) {
            case ("", true): return "snapshot of \(container)"
            case ("-init", true): return "what the engine puts below \(container)"
            case ("-init-key", false): return "begun for \(container), which was never made"
            case ("", false): return "snapshot of \(container), which is gone"
            case ("-init", false):
                return "made for \(container), which is gone: what a classic build makes stands on it"
            default: return "snapshot \(key) of the namespace \(name)"
            }
        }
        if EntryName.isBuildKitID(key) { return "snapshot of the build cache record \(key)" }
        if key.hasPrefix("extract-") { return "a layer that was being unpacked" }
        return "snapshot of the namespace \(name)"
    }
}

/// What a lease is, in words, and whether anybody needs it.
private struct LeaseWords {
    let hasExpired: Bool
    let hasContainer: Bool
    let isNeeded: Bool
    let claimant: Claimant
    /// What is said of it where it holds something.
    let holder: String

    /// A lease of a container has the container's id, and no end; `docker create` makes it first, so one that was killed
    /// leaves it, and so does a crash. Source: moby `daemon/containerd/image_snapshot.go`; BuildKit `cache/manager.go`;
    /// containerd `pkg/leases`.
    init(
        id: String, lease: ContainerdDatabase.Lease, namespace: String, isDockers: Bool, items: Findings,
        now: Timestamp?
    ) {
        let isContainers = isDockers && EntryName.isHexID(id)
        hasContainer = isContainers && items.has(RelativePath("containers") / id)
        let expired = lease.expires.flatMap { end in now.flatMap { $0 > end ? end : nil } }
        hasExpired = isDockers && expired != nil
        let place = "of the namespace \(namespace)"
        if !isDockers {
            (isNeeded, claimant, holder) = (true, .containerd("a lease \(place)"), "lease \(id) \(place)")
        } else if let expired, hasExpired {
            (isNeeded, holder) = (false, "lease \(id) that has expired")
            claimant = .containerd("expired \(expired.rfc3339): containerd drops it with what only it holds")
        } else if hasContainer {
            (isNeeded, holder) = (false, "lease \(id.prefix(12)) of that container")
            claimant = .containerd("lease of a container \(place)")
        } else if isContainers {
            (isNeeded, holder) = (false, "lease \(id) of a container that is gone")
            claimant = .containerd(
                "lease of a container that does not exist: a `docker create` that was killed left it")
        } else if let end = lease.expires {
            (isNeeded, holder) = (true, "lease \(id) until \(end.rfc3339)")
            claimant = .containerd("until \(end.rfc3339)")
        } else if EntryName.isBuildKitID(id) {
            (isNeeded, holder) = (true, "lease \(id) of a build cache record")
            claimant = .buildCache(id)
        } else {
            (isNeeded, holder) = (true, "lease \(id) \(place), which never expires")
            claimant = .containerd("a lease \(place) that never expires")
        }
    }
}
