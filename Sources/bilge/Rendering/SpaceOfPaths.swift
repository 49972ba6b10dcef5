// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// What `du` found: a row for each path, in the order in which they were given.
struct SpaceOfPaths: Report {
    var paths: [String]
    var measured: Measurement
    var showsBytes = false
    var showsInodes = false

    private var rows: [(path: String, usage: Usage)] { Array(zip(paths, measured.usages)) }

    var ids: [String] { paths }

    func lines(_ style: Style) -> [String] {
        guard !showsBytes else { return rows.map(exact) }
        var table = Table([.right("")] + (showsInodes ? [.right("")] : []) + [.left("")])
        table.hasHeading = false
        for (path, usage) in rows {
            let size = (usage.unreadable > 0 ? "at least " : "") + ByteCount(usage.allocatedBytes).text
            table.add([size] + (showsInodes ? [Shown.count(usage.inodes)] : []) + [path])
        }
        return table.lines(style)
    }

    /// For programs that read columns: a tab between them, as with `du`.
    private func exact(_ path: String, _ usage: Usage) -> String {
        "\(usage.allocatedBytes)\t" + (showsInodes ? "\(usage.inodes)\t" : "") + Shown.raw(path)
    }

    func write(json out: (String) -> Void) throws {
        let trees = rows.map { path, usage in
            JSONValue.object(
                ("path", .string(path)), ("allocatedBytes", .integer(usage.allocatedBytes)),
                ("inodes", .integer(usage.inodes)), ("unreadable", .integer(usage.unreadable)))
        }
        let missed = measured.misses.map { miss in
            JSONValue.object(
                ("path", .string(Shown.decoded(miss.path) ?? miss.path)), ("reason", .string("\(miss.error)")),
                ("vanished", .bool(miss.isVanished)))
        }
        writeJSON(
            [
                ("schema", .value(.integer(1))), ("paths", .list(trees)), ("missed", .list(missed)),
                ("vanished", .value(.integer(measured.vanished))),
            ], to: out)
    }
}

/// What could not be measured, for people: a sum that is not whole says so.
enum MissedText {
    static func lines(_ measured: Measurement) -> [String] {
        let unreadable = measured.usages.reduce(0) { $0 + $1.unreadable }
        var lines: [String] = []
        if unreadable > 0 {
            lines.append("bilge: the sizes are too small: \(entries(unreadable)) could not be looked at")
            lines += named(measured.misses.filter { !$0.isVanished }, of: unreadable)
        }
        if measured.vanished > 0 {
            lines.append("bilge: \(entries(measured.vanished)) vanished meanwhile, and count nowhere")
            lines += named(measured.misses.filter(\.isVanished), of: measured.vanished)
        }
        return lines
    }

    private static func named(_ misses: [Measurement.Miss], of count: Int64) -> [String] {
        let rest = count - Int64(misses.count)
        return misses.map { miss in
            "  \(Shown.text(miss.path))" + (miss.isVanished ? "" : ": \(miss.error)")
        } + (rest > 0 && !misses.isEmpty ? ["  and \(Shown.count(rest)) more"] : [])
    }

    private static func entries(_ count: Int64) -> String {
        count == 1 ? "1 entry" : "\(Shown.count(count)) entries"
    }
}
