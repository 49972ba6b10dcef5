// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// Where the front of a log is taken off.
///
/// A file system takes out whole blocks only, so the cut goes through a line. That line, and nothing that stays, is
/// overwritten first with what every reader of the format passes over; then the blocks go.
struct LogCut: Hashable, Sendable {
    /// Bytes that go from the front: whole blocks.
    var collapses: Int64
    /// Where the line begins that the cut goes through.
    var fillsAt: Int64
    /// What is written from there up to the first line that stays.
    var filler: [UInt8]

    /// The first line that stays.
    var keepsFrom: Int64 { fillsAt + Int64(filler.count) }
}

/// Why a log is left as it is; a sentence without a full stop.
struct LogObstacle: Error, Hashable {
    var reason: String

    init(_ reason: String) { self.reason = reason }
    init(_ error: DiskError) { reason = "\(error)" }
}

/// The two formats of logs that the engine keeps in files of its own.
///
/// - `jsonFile`: one JSON object and a line feed for each line. White space between the objects is nothing to a JSON
///   decoder. Source: moby `daemon/logger/jsonfilelog/read.go`, `decodeLogLine`.
/// - `local`: for each line its length in four bytes (the highest first), a protobuf `LogEntry`, and the length again, for
///   reading backwards. Nothing may stand between two; but an entry of no stream (`source`) is read and printed nowhere.
///   Source: moby `daemon/logger/local/read.go`, `daemon/logger/internal/logdriver/entry.proto`;
///   `daemon/server/httputils/write_log_stream.go`, `WriteLogStream`.
enum LogFormat: Hashable, Sendable {
    case jsonFile, local

    /// By the name that the engine gives the file.
    init?(_ path: RelativePath) {
        if path.name.hasSuffix("-json.log") { self = .jsonFile } else if path.name == "container.log" {
            self = .local
        } else {
            return nil
        }
    }

    /// A multiple of every block size that Docker is used with: 4 KiB, and up to 64 KiB on xfs.
    static let unit: Int64 = 64 << 10
    /// Longer lines than this are none that an engine writes: it splits at 16 KiB, which JSON may make six times as long.
    static let longest = 1 << 20

    /// Returns where to cut so that at most `keep` bytes stay, of which the last line stays in any case; `nil` if that
    /// would free nothing.
    ///
    /// - Parameter size: of the log; what somebody appends meanwhile is left out of account.
    /// - Throws: if what is there is not in this format.
    func cut(_ log: SmallFile, size: Int64, to keep: Int64) throws(LogObstacle) -> LogCut? {
        let wanted = (size - keep + Self.unit - 1) / Self.unit * Self.unit
        guard size > keep, wanted > 0 else { return nil }
        do throws(DiskError) {
            switch self {
            case .jsonFile: return try JSONLines(log: log, size: size).cut(at: wanted)
            case .local: return try LocalRecords(log: log, size: size).cut(at: wanted)
            }
        } catch {
            guard error.errno != .illegalByteSequence else {
                throw LogObstacle("what is in \(log.path) is not in the format of its log driver")
            }
            throw LogObstacle(error)
        }
    }

    /// True if the front of this log was taken off before.
    func isTrimmed(_ log: SmallFile) throws(DiskError) -> Bool {
        switch self {
        case .jsonFile: return try log.read(at: 0, count: 1).first == JSONLines.blank
        case .local:
            let head = try log.read(at: 0, count: 5)
            return head.count == 5 && (head.prefix(4) == [0, 0, 0, 0] || head[4] == LocalRecords.lineTag)
        }
    }
}

/// Bytes that are not what the format wants.
private func malformed(_ log: SmallFile) -> DiskError { DiskError(.read, log.path, .illegalByteSequence) }

/// A log of the `json-file` driver.
private struct JSONLines {
    static let blank = UInt8(ascii: " ")

    var log: SmallFile
    var size: Int64

    func cut(at wanted: Int64) throws(DiskError) -> LogCut? {
        var front = wanted
        while front > 0 {
            if let next = try lineStart(after: front) {
                let start = try lineStart(before: front)
                let first = try log.read(at: Int(next), count: 1).first
                guard first == UInt8(ascii: "{") else { throw malformed(log) }
                return LogCut(
                    collapses: front, fillsAt: start,
                    filler: [UInt8](repeating: Self.blank, count: Int(next - start)))
            }
            // No line begins behind the cut: the last one is longer than what was to stay.
            front = (try lineStart(before: min(front, size)) - 1) / LogFormat.unit * LogFormat.unit
        }
        return nil
    }

    /// The first line that begins after `offset`, where something of it is there.
    private func lineStart(after offset: Int64) throws(DiskError) -> Int64? {
        var place = offset
        while place < size {
            guard place - offset <= Int64(LogFormat.longest) else { throw malformed(log) }
            let bytes = try log.read(at: Int(place), count: Int(min(64 << 10, size - place)))
            if bytes.isEmpty { return nil }
            if let feed = bytes.firstIndex(of: 0x0A) {
                let start = place + Int64(feed) + 1
                return start < size ? start : nil
            }
            place += Int64(bytes.count)
        }
        return nil
    }

    /// The last line that begins at or before `offset`.
    private func lineStart(before offset: Int64) throws(DiskError) -> Int64 {
        var end = offset
        while end > 0 {
            guard offset - end <= Int64(LogFormat.longest) else { throw malformed(log) }
            let start = max(0, end - 64 << 10)
            let bytes = try log.read(at: Int(start), count: Int(end - start))
            guard Int64(bytes.count) == end - start else { throw malformed(log) }
            if let feed = bytes.lastIndex(of: 0x0A) { return start + Int64(feed) + 1 }
            end = start
        }
        return 0
    }
}

/// A log of the `local` driver.
private struct LocalRecords {
    /// Field 3, `line`: bytes.
    static let lineTag: UInt8 = 0x1A
    /// Length before and after.
    private static let frame = 8
    /// Source: moby `daemon/logger/local/read.go`, `maxMsgLen`.
    private static let longest = 1_000_000

    var log: SmallFile
    var size: Int64

    func cut(at wanted: Int64) throws(DiskError) -> LogCut? {
        let starts = try starts(from: wanted - 2 * Int64(Self.longest), until: wanted)
        var front = wanted
        while front > 0, front > wanted - Int64(Self.longest) {
            let before = starts.last { $0 <= front && ($0 == front || Self.isEntry(front - $0)) }
            if let next = starts.first(where: { $0 > front && Self.isEntry($0 - front) }), let before {
                return LogCut(
                    collapses: front, fillsAt: before,
                    filler: Self.entry(front - before) + Self.entry(next - front))
            }
            front -= LogFormat.unit
        }
        return nil
    }

    /// Where entries begin, from about `low` on, until there are three behind `high`, or they end.
    private func starts(from low: Int64, until high: Int64) throws(DiskError) -> [Int64] {
        var window = (at: Int64(0), bytes: [UInt8]())
        func length(at offset: Int64) throws(DiskError) -> Int64? {
            if offset < window.at || offset + 4 > window.at + Int64(window.bytes.count) {
                window = (offset, try log.read(at: Int(offset), count: 1 << 20))
            }
            let index = Int(offset - window.at)
            guard index + 4 <= window.bytes.count else { return nil }
            return window.bytes[index..<index + 4].reduce(0) { $0 << 8 | Int64($1) }
        }
        var starts: [Int64] = []
        var offset: Int64 = 0
        var behind = 0
        while offset < size, behind < 4 {
            if offset >= low { starts.append(offset) }
            if offset > high + Int64(Self.frame) { behind += 1 }
            guard let head = try length(at: offset) else { break }
            guard head <= Self.longest else { throw malformed(log) }
            let end = offset + 4 + head
            // The last entry may be on its way.
            guard end + 4 <= size, let foot = try length(at: end) else { break }
            guard foot == head else { throw malformed(log) }
            offset = end + 4
        }
        return starts
    }

    /// True if an entry can have exactly this length.
    private static func isEntry(_ length: Int64) -> Bool {
        // An entry of one byte would be a tag without a value.
        length == frame || (length >= frame + 2 && length <= frame + longest)
    }

    /// An entry of exactly `length` bytes that belongs to no stream, so that nobody prints it; nothing for no length.
    private static func entry(_ length: Int64) -> [UInt8] {
        guard length > 0 else { return [] }
        let count = Int(length) - frame
        var body: [UInt8] = []
        if count - 2 >= 0, count - 2 < 128 { body = [lineTag, UInt8(count - 2)] }
        if count - 2 >= 128 {
            let rest = count - 4
            // A number of seven bits a byte, always in three bytes.
            body = [lineTag, UInt8(rest & 0x7F) | 0x80, UInt8(rest >> 7 & 0x7F) | 0x80, UInt8(rest >> 14)]
        }
        body += [UInt8](repeating: UInt8(ascii: " "), count: count - body.count)
        let size = [24, 16, 8, 0].map { UInt8(count >> $0 & 0xFF) }
        return size + body + size
    }
}
