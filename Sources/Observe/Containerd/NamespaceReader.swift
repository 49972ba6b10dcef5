// SPDX-License-Identifier: Apache-2.0

import Model

/// Reads one namespace of containerd's `meta.db`. What is not what the format has there is put on a list.
struct NamespaceReader {
    typealias Node = ContainerdDatabase.Node
    typealias Record = ContainerdDatabase.Record

    private(set) var found = ContainerdDatabase.Namespace()
    private(set) var strange: [String] = []
    private let name: String

    init(_ name: String) { self.name = name }

    mutating func read(_ namespace: BoltBucket) throws(BoltError) {
        for kind in namespace {
            let entries = try kind.bucket()
            switch kind.name {
            case "labels": break
            case "content": try addContent(entries)
            case "snapshots": for entry in entries { try addSnapshots(entry.name, entry.bucket()) }
            case "images": for entry in entries { try addImage(entry.name, entry.bucket()) }
            case "containers": for entry in entries { try addContainer(entry.name, entry.bucket()) }
            case "sandboxes": for entry in entries { found.sandboxes[entry.name] = try record(entry.bucket()) }
            case "leases": for entry in entries { try addLease(entry.name, entry.bucket()) }
            default: odd(kind.name)
            }
        }
    }

    private mutating func odd(_ what: String) { strange.append("v1/\(name)/\(what)") }

    private mutating func addImage(_ image: String, _ bucket: BoltBucket) throws(BoltError) {
        var record = try record(bucket)
        guard let digest = try text("digest", in: bucket.bucket("target")), Self.isDigest(digest) else {
            return odd("images/" + image)
        }
        record.needs.append(.blob(digest))
        found.images[image] = record
        found.targets[image] = digest
        found.parents[image] = try text("org.mobyproject.image.parent", in: bucket.bucket("labels"))
    }

    private mutating func addContainer(_ id: String, _ bucket: BoltBucket) throws(BoltError) {
        var record = try record(bucket)
        if let snapshotter = try text("snapshotter", in: bucket), let key = try text("snapshotKey", in: bucket),
            !snapshotter.isEmpty
        {
            record.needs.append(.snapshot(snapshotter: snapshotter, key: key))
        }
        found.containers[id] = record
    }

    private mutating func addContent(_ content: BoltBucket) throws(BoltError) {
        for entry in content where entry.name != "blob" && entry.name != "ingests" { odd("content/" + entry.name) }
        for blob in try content.entries(below: "blob") {
            guard Self.isDigest(blob.name) else {
                odd("content/blob/" + blob.name)
                continue
            }
            let bucket = try blob.bucket()
            found.blobs[blob.name] = try record(bucket)
            found.sizes[blob.name] = try bucket.bytes("size").flatMap(GoValue.varint)
        }
        for ingest in try content.entries(below: "ingests") {
            let bucket = try ingest.bucket()
            guard let ref = try text("ref", in: bucket) else {
                odd("content/ingests/" + ingest.name)
                continue
            }
            found.ingests[ingest.name] = (ref, try bucket.bytes("expireat").flatMap(GoValue.time))
        }
    }

    private mutating func addSnapshots(_ snapshotter: String, _ snapshots: BoltBucket) throws(BoltError) {
        for entry in snapshots {
            let bucket = try entry.bucket()
            let node = Node.snapshot(snapshotter: snapshotter, key: entry.name)
            var record = try record(bucket)
            if let parent = try text("parent", in: bucket), !parent.isEmpty {
                let below = Node.snapshot(snapshotter: snapshotter, key: parent)
                record.needs.append(below)
                found.snapshotParents[node] = below
            }
            guard let name = try text("name", in: bucket), !name.isEmpty else {
                odd("snapshots/\(snapshotter)/\(entry.name)")
                continue
            }
            found.snapshots[node] = record
            found.snapshotNames[node] = name
        }
    }

    private mutating func addLease(_ id: String, _ bucket: BoltBucket) throws(BoltError) {
        var lease = ContainerdDatabase.Lease(record: try record(bucket))
        for entry in bucket {
            switch entry.name {
            case "createdat", "updatedat", "labels": break
            case "content": lease.record.needs += try entry.bucket().map { .blob($0.name) }
            case "ingests": lease.record.needs += try entry.bucket().map { .ingest($0.name) }
            case "images": lease.record.needs += try entry.bucket().map { .image($0.name) }
            case "snapshots":
                for snapshotter in try entry.bucket() {
                    lease.record.needs += try snapshotter.bucket().map {
                        .snapshot(snapshotter: snapshotter.name, key: $0.name)
                    }
                }
            default: odd("leases/\(id)/\(entry.name)")
            }
        }
        // What is no time, or one before the lease was made, does not end it.
        let expiry = try text("containerd.io/gc.expire", in: bucket.bucket("labels")).flatMap(Timestamp.init(rfc3339:))
        if let expiry, let created = lease.record.created, expiry > created { lease.expires = expiry }
        found.leases[id] = lease
    }

    private func text(_ key: String, in bucket: BoltBucket?) throws(BoltError) -> String? {
        try bucket?.bytes(key).map { EntryName.escaped($0) }
    }

    /// `<algorithm>:<hexadecimal digits>`, as long as the algorithm's are.
    private static func isDigest(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        if parts[0] == "sha256" { return EntryName.isHexID(parts[1]) }
        return !parts[0].isEmpty && parts[1].utf8.count >= 32 && !text.contains("/")
    }
}

/// A thing's labels and when it was made.
///
/// A label's name may go on behind the prefix, with `.` or `/` in between; what follows is only there to tell several
/// apart, except for snapshots, where it begins with the snapshotter. Source: containerd `core/metadata/gc.go`
/// (`sendLabelRefs`, `gcBackRefs`).
private func record(_ bucket: BoltBucket) throws(BoltError) -> ContainerdDatabase.Record {
    var record = ContainerdDatabase.Record()
    record.created = try bucket.bytes("createdat").flatMap(GoValue.time)
    for label in try bucket.entries(below: "labels") {
        guard label.name.hasPrefix("containerd.io/gc.") else { continue }
        let name = label.name.dropFirst("containerd.io/gc.".count)
        let value = EntryName.escaped(try label.bytes())
        if name == "root" { record.isRoot = true }
        if name.hasPrefix("ref."), let node = node(name.dropFirst(4), value) {
            record.needs.append(node)
            if name.hasPrefix("ref.content.moby/") { record.notes.insert(node) }
        }
        if name.hasPrefix("bref."), let node = node(name.dropFirst(5), value) { record.neededBy.append(node) }
    }
    return record
}

private func node(_ name: Substring, _ value: String) -> ContainerdDatabase.Node? {
    func isKind(_ kind: String) -> Bool {
        guard name.hasPrefix(kind) else { return false }
        let next = name.dropFirst(kind.count).first
        return next == nil || next == "." || next == "/"
    }
    if isKind("content") { return .blob(value) }
    if isKind("image") { return .image(value) }
    if isKind("container") { return .container(value) }
    guard name.hasPrefix("snapshot.") else { return nil }
    let snapshotter = name.dropFirst("snapshot.".count).prefix { $0 != "/" }
    return .snapshot(snapshotter: String(snapshotter), key: value)
}
