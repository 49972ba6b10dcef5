// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

extension DiskAnswer {
    func write(json out: (String) -> Void) {
        let rows = report.rows.map { row in
            JSONValue.object(
                ("kind", .string(row.category.rawValue)), ("store", row.store.map { .string($0.text) }),
                ("items", .integer(row.items)),
                ("inUse", .integer(row.inUse)),
                ("allocatedBytes", .integer(row.usage.allocatedBytes)), ("inodes", .integer(row.usage.inodes)),
                ("freeableBytes", row.freeableBytes.map { .integer($0) }),
                ("freeableInodes", row.freeable.map { .integer($0.inodes) }), ("notes", .strings(row.notes)))
        }
        let own = report.ledgers.first
        let totals = JSONValue.object(
            ("allocatedBytes", .integer(report.total.allocatedBytes)), ("inodes", .integer(report.total.inodes)),
            ("unreadable", .integer(report.total.unreadable)),
            ("freeableBytes", .integer(report.freeableBytes)),
            ("freeableInodes", .integer(report.freeable.inodes)),
            ("otherBytes", own.map { .integer($0.other.allocatedBytes) }),
            ("filesystemBytes", own.map { .integer($0.facts.totalBytes) }))
        let images = JSONValue.object(
            ("unclaimed", .integer(report.unclaimed.count)),
            ("unclaimedBytes", .integer(report.unclaimed.allocatedBytes)),
            ("engineReclaimableBytes", report.engineBytes.map { .integer($0) }))
        writeJSON(
            place.members + [
                ("rows", .list(rows)), ("totals", .value(totals)), ("images", .value(images)),
                ("filesystems", .list(report.ledgers.map(JSONValue.init))),
                ("mountsOnTop", .list(onTop.map(JSONValue.init))), ("processesNotAsked", .value(.integer(unasked))),
                ("problems", .problems(problems)),
            ],
            to: out)
    }
}

extension JSONValue {
    /// An element of `"filesystems"`: `usedBytes` is the sum of the parts, of which `otherBytes` is what the rest leaves.
    init(_ ledger: Ledger) {
        let facts = ledger.facts
        self = .object(
            ("type", .string(facts.type)), ("mountPoint", .string(Shown.decoded(facts.point) ?? facts.point)),
            ("totalBytes", .integer(facts.totalBytes)), ("freeBytes", .integer(facts.freeBytes)),
            ("availableBytes", .integer(facts.availableBytes)), ("usedBytes", .integer(facts.usedBytes)),
            ("belowBytes", .integer(ledger.below.allocatedBytes)),
            ("deletedBytes", .integer(ledger.deleted.allocatedBytes)),
            ("ownBytes", facts.own.map { _ in .integer(ledger.own.bytes) }),
            ("otherBytes", .integer(ledger.other.allocatedBytes)),
            ("totalInodes", .integer(facts.totalInodes)), ("usedInodes", .integer(facts.usedInodes)),
            ("belowInodes", .integer(ledger.below.inodes)), ("deletedInodes", .integer(ledger.deleted.inodes)),
            ("ownInodes", facts.own.map { _ in .integer(ledger.own.inodes) }),
            ("otherInodes", .integer(ledger.other.inodes)),
            ("own", facts.own.map { .array($0.map(JSONValue.init)) }),
            ("overhead", facts.overhead.map { .array($0.map(JSONValue.init)) }),
            ("deleted", .array(facts.deleted.map(JSONValue.init))))
    }

    private init(_ part: SpacePart) {
        self = .object(("name", .string(part.name)), ("bytes", .integer(part.bytes)), ("inodes", .integer(part.inodes)))
    }

    private init(_ file: DeletedFile) {
        self = .object(
            ("path", .string(Shown.decoded(file.path) ?? file.path)), ("allocatedBytes", .integer(file.allocatedBytes)),
            (
                "holders",
                .array(
                    file.holders.map {
                        .object(("pid", .integer(Int64($0.pid))), ("name", .string(Shown.text($0.name))))
                    })
            ))
    }

    fileprivate init(_ mount: MountOnTop) {
        self = .object(
            ("path", .string(Shown.decoded(mount.path.text) ?? mount.path.text)), ("type", .string(mount.type)),
            ("bind", .bool(mount.isBind)))
    }
}
