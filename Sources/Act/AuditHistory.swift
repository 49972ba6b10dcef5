// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
package import Model

/// The audit log of a trash, read back, with what its chain of checksums says about it.
package struct AuditHistory: Hashable, Sendable {
    /// What became of one item, as it was written down then.
    package struct Entry: Codable, Hashable, Sendable {
        /// RFC 3339.
        package var time: String
        /// `held`, `putBack`, `undone`, `refused`, `freed`, `kept`.
        package var event: String
        package var run: String
        package var item: String
        package var kind: String
        package var id: String
        /// The first eight.
        package var paths: [RelativePath]
        package var bytes: Int64
        /// The proofs, or why it was put back or kept.
        package var why: [String]
        package var approver: String?
        var prev: String
    }

    package var entries: [Entry] = []
    /// Lines that a run which was cut off left unfinished, counted from 1. That is no damage.
    package var unfinished: [Int] = []
    /// Lines that do not follow from the line before: one of the two was changed, or some between them are gone.
    package var breaks: [Int] = []

    /// - Parameter bytes: the file as it is.
    package init(_ bytes: [UInt8]) {
        var before: ArraySlice<UInt8> = []
        for (index, line) in bytes.split(separator: 0x0A).enumerated() {
            do {
                let entry = try JSONDecoder().decode(Entry.self, from: Data(line))
                if entry.prev != Checksum.text(before) { breaks.append(index + 1) }
                entries.append(entry)
            } catch {
                unfinished.append(index + 1)
            }
            before = line
        }
    }

    /// True if no line was changed or taken out since it was written.
    package var isWhole: Bool { breaks.isEmpty }
}

extension Trash {
    /// What was written down about the items of this trash. Changes nothing.
    package func history() throws(ActError) -> AuditHistory {
        AuditHistory(try acting(folder.readIfPresent(RelativePath("audit.log"), limit: 256 << 20)) ?? [])
    }
}
