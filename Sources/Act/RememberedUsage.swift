// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// What committed layers took when they were last measured, so that nobody need look at their files again.
///
/// Such a layer never changes. What is believed of it holds as long as its marks are the same: inode, birth time and
/// `ctime` of its directory, of the directory of its files and of its record. Those are not its files', so every tenth
/// run measures some layers anew. The file: `docs/formats/usage-memory.md`.
package struct RememberedUsage: Hashable, Sendable {
    package struct Layer: Hashable, Sendable {
        /// Who the layer's directories were, as `marks` writes it.
        package var marks: String
        package var usage: Usage

        package init(marks: String, usage: Usage) {
            self.marks = marks
            self.usage = usage
        }
    }

    /// The root: its inode and its birth time.
    package let root: String
    /// How often it was used since it began.
    package var runs = 0
    /// What is known of the files that have a name outside all that was measured; `nil` before anybody looked at all.
    package var strays: UInt64?
    package var layers: [RelativePath: Layer] = [:]

    package init(root: FileStatus) { self.root = Self.mark(root) }

    /// One directory as it is, or that it is not there.
    package static func mark(_ status: FileStatus?) -> String {
        guard let status else { return "-" }
        return "\(status.inode):\(status.birth.nanoseconds):\(status.changed.nanoseconds)"
    }

    /// How many runs believe what they remember, for one that takes samples.
    package static let sampleEvery = 10
    /// How many layers a sample has, at most.
    private static let sampleSize = 16

    /// The layers that this run measures although it remembers them; in turn, so that each has its day.
    package var sample: [RelativePath] {
        guard runs > 0, runs % Self.sampleEvery == 0, !layers.isEmpty else { return [] }
        let paths = layers.keys.sorted()
        let start = runs / Self.sampleEvery * Self.sampleSize % paths.count
        return Array((paths[start...] + paths[..<start]).prefix(Self.sampleSize))
    }
}

extension RememberedUsage {
    /// The file for a root that lies at this absolute path.
    package static func fileName(_ path: String) -> String { "usage-" + Checksum.text(Array(path.utf8)) }

    /// What was remembered of that root; empty if nothing was, if it is another root by now, or if it is not whole.
    ///
    /// - Parameter damaged: set if there is something that cannot be used.
    package static func load(
        _ path: String, _ status: FileStatus, from state: StateDirectory, isDamaged: inout Bool
    ) throws(ActError) -> RememberedUsage {
        var memory = RememberedUsage(root: status)
        let name = fileName(path)
        guard let bytes = try state.read(name) else {
            isDamaged = try state.names().contains(name)
            return memory
        }
        isDamaged = !memory.read(bytes)
        return isDamaged ? RememberedUsage(root: status) : memory
    }

    package func save(_ path: String, to state: StateDirectory) throws(ActError) {
        try state.write(Self.fileName(path), text)
    }

    /// Lines of fields with a space between them; paths are escaped and so have none.
    var text: [UInt8] {
        var text = "usage 1\nroot \(root)\nruns \(runs)\nstrays \(strays.map { String($0) } ?? "-")\n"
        for (path, layer) in layers.sorted(by: { $0.key < $1.key }) {
            text += "\(path.text) \(layer.usage.allocatedBytes) \(layer.usage.inodes) \(layer.marks)\n"
        }
        return Array(text.utf8)
    }

    /// Returns false if it is not what `text` writes. A root that is another by now leaves it empty.
    mutating func read(_ bytes: [UInt8]) -> Bool {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        }
        guard lines.count >= 4, lines[0] == ["usage", "1"], lines[1].first == "root", lines[1].count == 2,
            lines[2].first == "runs", lines[2].count == 2, let runs = Int(lines[2][1]), runs >= 0,
            lines[3].first == "strays", lines[3].count == 2
        else { return false }
        guard Self.identity(lines[1][1]) == Self.identity(root) else { return true }
        self.runs = runs
        strays = UInt64(lines[3][1])
        for line in lines.dropFirst(4) {
            guard line.count == 4, let bytes = Int64(line[1]), let inodes = Int64(line[2]), bytes >= 0, inodes > 0
            else { return false }
            let usage = Usage(allocatedBytes: bytes, inodes: inodes)
            layers[RelativePath(line[0])] = Layer(marks: line[3], usage: usage)
        }
        return true
    }

    /// Inode and birth time: a root changes all the time.
    private static func identity(_ mark: String) -> [Substring] { Array(mark.split(separator: ":").prefix(2)) }
}
