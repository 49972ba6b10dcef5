// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

@testable import Observe

/// Writes bolt databases for tests, as bbolt would lay them out: so that tests need no file of a real engine.
struct BoltImage {
    indirect enum Value: Sendable {
        case text(String)
        case bytes([UInt8])
        case bucket([String: Value])
        /// A bucket with pages of its own, however small.
        case pagedBucket([String: Value])
    }

    var pageSize = 4096
    /// Elements in a leaf before it is split below a branch.
    var leafCapacity = 1000
    var storesFreelist = true
    private var pages: [UInt64: [UInt8]] = [:]
    private var next: UInt64 = 4

    init(pageSize: Int = 4096, leafCapacity: Int = 1000, storesFreelist: Bool = true) {
        self.pageSize = pageSize
        self.leafCapacity = leafCapacity
        self.storesFreelist = storesFreelist
    }

    /// Pages 0 and 1 are the meta pages, 2 the free list, 3 is free.
    mutating func bytes(_ root: [String: Value], transaction: UInt64 = 7) -> [UInt8] {
        pages = [:]
        next = 4
        let top = tree(root)
        pages[2] = storesFreelist ? header(2, 16, 1, 0) + little(UInt64(3)) : []
        pages[3] = []
        pages[0] = header(0, 4, 0, 0) + meta(top, transaction & ~1)
        pages[1] = header(1, 4, 0, 0) + meta(top, transaction | 1)
        var image: [UInt8] = []
        for id in 0..<next where pages[id] != nil {
            let page = pages[id]!
            image += page + [UInt8](repeating: 0, count: padded(page.count) - page.count)
        }
        return image
    }

    mutating func write(_ root: [String: Value], to path: String, in directory: TemporaryDirectory) throws {
        try directory.write(path)
        try Data(bytes(root)).write(to: URL(fileURLWithPath: directory.path + "/" + path))
    }

    func meta(_ root: UInt64, _ transaction: UInt64) -> [UInt8] {
        let fields =
            little(UInt32(0xED0C_DAED)) + little(UInt32(2)) + little(UInt32(pageSize)) + little(UInt32(0))
            + little(root) + little(UInt64(0)) + little(storesFreelist ? UInt64(2) : .max) + little(next)
            + little(transaction)
        return fields + little(BoltMeta.checksum(fields[...]))
    }

    private mutating func tree(_ content: [String: Value]) -> UInt64 {
        var level: [(key: [UInt8], id: UInt64)] = []
        let entries = content.map { (key: Array($0.key.utf8), value: $0.value) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for start in stride(from: 0, to: max(entries.count, 1), by: leafCapacity) {
            let part = entries[min(start, entries.count)..<min(start + leafCapacity, entries.count)]
            let elements = part.map { ($0.key, encoded($0.value)) }
            level.append((part.first?.key ?? [], place(2, elements.map { ($0, $1.flags, $1.bytes) })))
        }
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: leafCapacity).map { start in
                let part = level[start..<min(start + leafCapacity, level.count)]
                return (part.first!.key, placeBranch(Array(part)))
            }
        }
        return level[0].id
    }

    private mutating func encoded(_ value: Value) -> (flags: UInt32, bytes: [UInt8]) {
        switch value {
        case .text(let text): return (0, Array(text.utf8))
        case .bytes(let bytes): return (0, bytes)
        case .pagedBucket(let content): return (1, little(tree(content)) + little(UInt64(0)))
        case .bucket(let content):
            let elements = content.map { (Array($0.key.utf8), encoded($0.value)) }
                .sorted { $0.0.lexicographicallyPrecedes($1.0) }
            if elements.count > 20 { return (1, little(tree(content)) + little(UInt64(0))) }
            let page = leaf(0, elements.map { ($0, $1.flags, $1.bytes) })
            return (1, [UInt8](repeating: 0, count: 16) + page)
        }
    }

    private func leaf(_ id: UInt64, _ elements: [([UInt8], UInt32, [UInt8])], overflow: UInt32 = 0) -> [UInt8] {
        var table: [UInt8] = []
        var data: [UInt8] = []
        for (index, (key, flags, value)) in elements.enumerated() {
            let position = (elements.count - index) * 16 + data.count
            table += little(flags) + little(UInt32(position)) + little(UInt32(key.count)) + little(UInt32(value.count))
            data += key + value
        }
        return header(id, 2, UInt16(elements.count), overflow) + table + data
    }

    private mutating func place(_ kind: Int, _ elements: [([UInt8], UInt32, [UInt8])]) -> UInt64 {
        let id = next
        let size = leaf(id, elements).count
        let overflow = padded(size) / pageSize - 1
        pages[id] = leaf(id, elements, overflow: UInt32(overflow))
        next += UInt64(overflow) + 1
        return id
    }

    private mutating func placeBranch(_ children: [(key: [UInt8], id: UInt64)]) -> UInt64 {
        let id = next
        var table: [UInt8] = []
        var data: [UInt8] = []
        for (index, child) in children.enumerated() {
            let position = (children.count - index) * 16 + data.count
            table += little(UInt32(position)) + little(UInt32(child.key.count)) + little(child.id)
            data += child.key
        }
        let overflow = padded(16 + table.count + data.count) / pageSize - 1
        pages[id] = header(id, 1, UInt16(children.count), UInt32(overflow)) + table + data
        next += UInt64(overflow) + 1
        return id
    }

    private func header(_ id: UInt64, _ flags: UInt16, _ count: UInt16, _ overflow: UInt32) -> [UInt8] {
        little(id) + little(flags) + little(count) + little(overflow)
    }

    private func padded(_ count: Int) -> Int { max(1, (count + pageSize - 1) / pageSize) * pageSize }

    private func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

/// A bucket's content as lines, like the dumps beside the golden roots.
func dump(_ bucket: BoltBucket, _ prefix: String = "") throws -> [String] {
    var lines: [String] = []
    for entry in bucket {
        let name = prefix + quoted(entry.key)
        switch entry.value {
        case .bytes(let bytes): lines.append("\(name) = \(quoted(bytes))")
        case .bucket(let bucket):
            lines.append("\(name)/")
            lines += try dump(bucket, "\(name) / ")
        }
    }
    return lines
}

private func quoted(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x0A || $0 == 0x09 }) else {
        return "0x" + bytes.map { String(format: "%02x", $0) }.joined()
    }
    let text = String(decoding: bytes, as: UTF8.self)
        .replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        .replacingOccurrences(of: "\n", with: "\\n").replacingOccurrences(of: "\t", with: "\\t")
    return "\"\(text)\""
}
