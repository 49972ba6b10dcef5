// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage

@testable import Act

/// A container's log, as the engine would have written it, on a file system that can take the front off a file.
final class LogFile {
    let path: String
    let root: Directory
    let format: LogFormat
    let relative: RelativePath
    var file: String { path + "/" + relative.text }

    /// Why such a file system is not here; `nil` if it is.
    static let obstacle: String? = {
        do {
            let log = try LogFile(.jsonFile, lines: ["x"])
            let fileSystem = try log.root.fileSystem()
            return try log.root.writableFile(log.relative).canCollapse(on: fileSystem)
                ? nil : "\(fileSystem.name) in \(log.path) cannot take the front off a file"
        } catch { return "\(error)" }
    }()

    init(_ format: LogFormat, lines: [String]) throws {
        self.format = format
        path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp")/bilge-log-\(UUID().uuidString.prefix(13))"
        let id = String(repeating: "c", count: 64)
        relative = RelativePath(
            "containers/\(id)/" + (format == .local ? "local-logs/container.log" : "\(id)-json.log"))
        let place = URL(fileURLWithPath: path + "/" + relative.text)
        try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(lines.flatMap { LogFile.encode($0, format) }).write(to: place)
        root = try Directory(path: FilePath(path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func append(_ lines: [String]) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(lines.flatMap { LogFile.encode($0, format) }))
        try handle.close()
    }

    func bytes() throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: file))) }

    func step(to keep: Int64) throws -> Plan.Step {
        var step = Plan.Step(
            action: .trimLog, kind: "log", id: "c", names: ["web"], paths: [relative],
            identities: [try root.status(relative).identity], freesBytes: 0, inodes: 0, undo: false, why: [])
        step.keepsBytes = keep
        return step
    }

    @discardableResult
    func trim(to keep: Int64, disk: any DiskMutations = HostDisk()) async throws -> Receipt.Line {
        let check = LogCheck { _, _ in nil }
        return await LogTrimming(root: root, disk: disk, check: check).trim(try step(to: keep))
    }

    /// The lines as the engine's decoder gives them out, written from its description and not from our own code.
    func lines() throws -> [String] {
        let bytes = try bytes()
        return format == .local ? try LogFile.decodeLocal(bytes) : try LogFile.decodeJSON(bytes)
    }

    /// What `docker logs` prints of the last `count` entries: the local driver goes back from the end by their lengths.
    func lastLocalLines(_ count: Int) throws -> [String] {
        let bytes = try bytes()
        var offset = bytes.count
        for _ in 0..<count where offset > 0 {
            let length = LogFile.length(bytes[(offset - 4)..<offset])
            guard LogFile.length(bytes[(offset - 8 - length)..<(offset - 4 - length)]) == length else {
                throw Broken("head and foot differ before \(offset)")
            }
            offset -= length + 8
        }
        return try LogFile.decodeLocal(Array(bytes[offset...]))
    }

    struct Broken: Error {
        var reason: String
        init(_ reason: String) { self.reason = reason }
    }

    static func encode(_ line: String, _ format: LogFormat) -> [UInt8] {
        switch format {
        case .jsonFile:
            let text = String(decoding: try! JSONEncoder().encode(line + "\n"), as: UTF8.self)
            return Array("{\"log\":\(text),\"stream\":\"stdout\",\"time\":\"2026-11-23T10:00:00Z\"}\n".utf8)
        case .local:
            let text = Array(line.utf8)
            let body = [0x0A, 6] + Array("stdout".utf8) + [0x10, 1, 0x1A] + varint(text.count) + text
            let length = [24, 16, 8, 0].map { UInt8(body.count >> $0 & 0xFF) }
            return length + body + length
        }
    }

    private static func varint(_ number: Int) -> [UInt8] {
        number < 128 ? [UInt8(number)] : [UInt8(number & 0x7F) | 0x80] + varint(number >> 7)
    }

    /// A stream of JSON values with white space between them, as Go's decoder reads it: a value need not begin a line.
    private static func decodeJSON(_ bytes: [UInt8]) throws -> [String] {
        struct Entry: Decodable { var log: String }
        return try bytes.split(separator: 0x0A).compactMap { piece in
            let value = piece.drop { $0 == 0x20 }
            if value.isEmpty { return nil }
            return String(try JSONDecoder().decode(Entry.self, from: Data(value)).log.dropLast())
        }
    }

    /// Only entries of a stream are printed.
    private static func decodeLocal(_ bytes: [UInt8]) throws -> [String] {
        var lines: [String] = []
        var offset = 0
        while offset < bytes.count {
            guard offset + 8 <= bytes.count else { throw Broken("half an entry at \(offset)") }
            let length = length(bytes[offset..<offset + 4])
            guard offset + 8 + length <= bytes.count else { throw Broken("half an entry at \(offset)") }
            guard Self.length(bytes[(offset + 4 + length)..<(offset + 8 + length)]) == length else {
                throw Broken("head and foot differ at \(offset)")
            }
            if let line = try line(Array(bytes[(offset + 4)..<(offset + 4 + length)])) { lines.append(line) }
            offset += length + 8
        }
        return lines
    }

    private static func length(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    /// A protobuf message with strings, bytes and numbers only.
    private static func line(_ body: [UInt8]) throws -> String? {
        var source = ""
        var line: [UInt8] = []
        var at = 0
        func number() throws -> Int {
            var value = 0
            for shift in stride(from: 0, to: 63, by: 7) {
                guard at < body.count else { throw Broken("half a number") }
                value |= Int(body[at] & 0x7F) << shift
                at += 1
                if body[at - 1] < 0x80 { return value }
            }
            throw Broken("a number that is too long")
        }
        while at < body.count {
            let tag = try number()
            let value = try number()
            guard tag & 7 == 2 else { continue }
            guard at + value <= body.count else { throw Broken("a field that is too long") }
            let bytes = Array(body[at..<at + value])
            at += value
            if tag >> 3 == 1 { source = String(decoding: bytes, as: UTF8.self) }
            if tag >> 3 == 3 { line = bytes }
        }
        return source.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
