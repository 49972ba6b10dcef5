// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// Everything below a folder that a restored tree must have again: names, types, modes, owners, sizes, contents, link
/// targets, hard links (by which names share an inode), extended attributes and modification times.
struct TreeSnapshot: Equatable {
    /// By path; the folder's own trash is not part of the tree.
    var entries: [String: String]
    /// Modification times of directories, which change when an entry is moved out and back in.
    var directoryTimes: [String: String] = [:]

    init(of root: String) throws {
        let listing = try run([
            "sh", "-c",
            """
            cd "$1" && find . -path ./.bilge -prune -o -printf '%P\\t%y %m %U:%G %l\\t' \\
                \\( -type f -printf '%n %s %T@ %i\\n' -o -type d -printf '%T@ d\\n' -o -printf '%T@ -\\n' \\)
            """, "sh", root,
        ])
        let sums = try run([
            "sh", "-c",
            "cd \"$1\" && find . -path ./.bilge -prune -o -type f -print0 | xargs -0 -r sha256sum -z | tr '\\0' '\\n'",
            "sh", root,
        ])
        let attributes = try run([
            "sh", "-c", "cd \"$1\" && getfattr -R -h -d -m - -e hex . 2>/dev/null | grep -v '^$' || true", "sh", root,
        ])
        var entries: [String: String] = [:]
        var firstName: [String: String] = [:]
        for line in listing.split(separator: "\n").map(String.init).sorted() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3 else { continue }
            let inode = fields[2].split(separator: " ").last.map(String.init) ?? "-"
            if inode == "d" {
                directoryTimes[fields[0]] = fields[2]
                entries[fields[0]] = fields[1]
                continue
            }
            let shared = inode == "-" ? "" : (firstName[inode] ?? fields[0])
            if inode != "-" { firstName[inode] = shared }
            entries[fields[0]] =
                fields[1] + " " + fields[2].split(separator: " ").dropLast().joined(separator: " ") + " = " + shared
        }
        for line in sums.split(separator: "\n") {
            let name = String(line.dropFirst(66 + 2))
            entries[name, default: ""] += " " + line.prefix(64)
        }
        var file = ""
        for line in attributes.split(separator: "\n").map(String.init) {
            if line.hasPrefix("# file: ") {
                file = String(line.dropFirst(8))
            } else {
                entries[file, default: ""] += " " + line
            }
        }
        self.entries = entries.filter { $0.key != "" && $0.key != ".bilge" && !$0.key.hasPrefix(".bilge/") }
    }

    static func == (left: TreeSnapshot, right: TreeSnapshot) -> Bool { left.entries == right.entries }

    /// Paths on which the two differ, for a message.
    func differences(from other: TreeSnapshot) -> [String] {
        Set(entries.keys).union(other.entries.keys).filter { entries[$0] != other.entries[$0] }.sorted()
    }
}
