// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Synchronization
import TestSupport
import Testing

@testable import Observe

/// A database that a writer keeps on writing as bbolt does: the pages of a transaction first, the meta page last, and a
/// page that transaction N used not before N+2.
@Suite struct BoltLiveTests {
    @Test("what is read while it is written is one transaction, never parts of two")
    func oneTransaction() throws {
        let directory = try TemporaryDirectory("bolt")
        let path = directory.path + "/live.db"
        let writer = try LiveWriter(path)
        let file = try directory.open().file(RelativePath("live.db"))
        defer { withExtendedLifetime(directory) { writer.stop() } }
        writer.start()
        var (read, torn, changing) = (0, 0, 0)
        let end = Date().addingTimeInterval(8)
        while read < 30 || changing < 3, Date() < end {
            do throws(BoltError) {
                let found = try BoltFile.read(file, pause: { _ in })
                read += 1
                let values = found.root.map { entry in
                    guard case .bytes(let bytes) = entry.value else { return "" }
                    return String(decoding: bytes, as: UTF8.self)
                }
                if values.count != LiveWriter.count
                    || values.contains(where: { $0 != LiveWriter.text(found.transaction) })
                {
                    torn += 1
                }
            } catch {
                changing += 1
            }
        }
        #expect(torn == 0)
        #expect(read > 0, "\(changing) tries failed")
        #expect(writer.transactions > 100)
    }
}

/// Writes one transaction after the other into a file of 8 MiB, alternating between its last two pages.
private final class LiveWriter: Sendable {
    static let count = 20
    private static let pages: UInt64 = 2048
    private let file: Int32
    private let number = Atomic<UInt64>(2)
    private let isStopped = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(true)

    init(_ path: String) throws {
        file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0 && ftruncate(file, off_t(Self.pages * 4096)) == 0)
        write(1)
        write(2)
    }

    deinit { close(file) }

    var transactions: UInt64 { number.load(ordering: .relaxed) }

    static func text(_ transaction: UInt64) -> String { String(10_000_000_000 + transaction) }

    func start() {
        hasEnded.store(false, ordering: .relaxed)
        Thread.detachNewThread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                for _ in 0..<Int.random(in: 1...6) {
                    write(number.wrappingAdd(1, ordering: .relaxed).newValue)
                }
                usleep(UInt32.random(in: 0...40_000))
            }
            hasEnded.store(true, ordering: .releasing)
        }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        while !hasEnded.load(ordering: .acquiring) { usleep(1000) }
    }

    private func write(_ transaction: UInt64) {
        let page = Self.pages - 2 + transaction % 2
        put(leaf(page, Self.text(transaction)), at: page * 4096)
        put(meta(root: page, transaction), at: transaction % 2 * 4096)
    }

    private func put(_ bytes: [UInt8], at offset: UInt64) {
        _ = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(offset)) }
    }

    private func leaf(_ page: UInt64, _ value: String) -> [UInt8] {
        var elements: [UInt8] = []
        var data: [UInt8] = []
        for index in 0..<Self.count {
            let key = Array("key\(index + 10)".utf8)
            elements += little(UInt32(0)) + little(UInt32((Self.count - index) * 16 + data.count))
            elements += little(UInt32(key.count)) + little(UInt32(value.utf8.count))
            data += key + Array(value.utf8)
        }
        let head = little(page) + little(UInt16(2)) + little(UInt16(Self.count)) + little(UInt32(0))
        return padded(head + elements + data)
    }

    private func meta(root: UInt64, _ transaction: UInt64) -> [UInt8] {
        let body: [UInt8] =
            little(UInt32(0xED0C_DAED)) + little(UInt32(2)) + little(UInt32(4096)) + little(UInt32(0)) + little(root)
            + little(UInt64(0)) + little(UInt64.max) + little(Self.pages) + little(transaction)
        let head = little(transaction % 2) + little(UInt16(4)) + little(UInt16(0)) + little(UInt32(0))
        return padded(head + body + little(BoltMeta.checksum(body[...])))
    }

    private func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + Array(repeating: 0, count: 4096 - bytes.count) }

    private func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
