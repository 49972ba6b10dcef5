// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// One line of `.bilge/audit.log`: what became of one item, when, and who had said that nobody needs it.
///
/// The log only tells; what is held is decided by the folders. It goes away together with the trash.
struct AuditLine: Codable {
    enum Event: String, Codable { case held, putBack, undone, refused, freed, kept, trimmed }

    var time: String
    var event: Event
    var run: String
    var item: String
    var kind: String
    var id: String
    var paths: [RelativePath]
    var bytes: Int64
    /// Who denied it, or why it was put back or kept.
    var why: [String]
    /// Who approved the plan; only with `held`.
    var approver: String?
    /// FNV-1a of the line before, without its line feed; of nothing for the first. A line that was changed or taken out
    /// by accident shows in the next one.
    var prev = ""

    init(
        _ event: Event, _ step: Plan.Step, of item: ItemFolder, at time: Timestamp, why: [String] = [],
        approver: String? = nil
    ) {
        self.init(event, step, run: item.run, item: item.name, at: time, why: why, approver: approver)
    }

    /// A log whose front was taken off: no run holds anything of it.
    init(trimmed step: Plan.Step, at time: Timestamp, why: [String], approver: String) {
        self.init(.trimmed, step, run: "", item: "", at: time, why: why, approver: approver)
    }

    private init(
        _ event: Event, _ step: Plan.Step, run: String, item: String, at time: Timestamp, why: [String],
        approver: String?
    ) {
        self.time = time.rfc3339
        self.event = event
        self.run = run
        self.item = item
        kind = step.kind
        id = step.id
        // A line stays far below the part of the log that is read back to continue it.
        paths = Array(step.paths.prefix(8))
        bytes = step.freesBytes
        self.why = why.prefix(16).map { String($0.prefix(400)) }
        self.approver = approver
    }
}

extension Trash {
    /// Adds lines to the audit log and makes them durable.
    func audit(_ lines: [AuditLine]) throws(DiskError) {
        guard !lines.isEmpty else { return }
        var (text, last) = try chained(lines)
        lastAuditLine = nil
        do { try disk.append(text, to: "audit.log", in: folder) } catch  where error.isNoSpace {
            try giveUpReserve(because: error)
            // The disk may have taken the lines and only refused to make them last: then they are not written twice.
            if try auditTail().suffix(text.count) == text[...] {
                text = []
            } else {
                (text, last) = try chained(lines)
            }
            try disk.append(text, to: "audit.log", in: folder)
        }
        lastAuditLine = last
    }

    /// The text of lines that follow the last one of the log, and the checksum of the last of them.
    private func chained(_ lines: [AuditLine]) throws(DiskError) -> (text: [UInt8], last: String) {
        var previous: String
        var text: [UInt8] = []
        if let lastAuditLine {
            previous = lastAuditLine
        } else {
            let tail = try auditTail()
            // A run that was cut off may have left half a line; the chain goes on over it.
            if let last = tail.last, last != 0x0A { text.append(0x0A) }
            previous = Checksum.text(tail.split(separator: 0x0A).last ?? [])
        }
        for var line in lines {
            line.prev = previous
            let bytes = JSON.encode(line)
            previous = Checksum.text(bytes.dropLast())
            text += bytes
        }
        return (text, previous)
    }

    private func auditTail() throws(DiskError) -> ArraySlice<UInt8> {
        let path = RelativePath("audit.log")
        guard let status = try folder.statusIfPresent(path) else { return [] }
        let size = Int(clamping: status.sizeBytes)
        let count = min(size, 1 << 20)
        return try folder.file(path).read(at: size - count, count: count)[...]
    }
}
