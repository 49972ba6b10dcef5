// SPDX-License-Identifier: Apache-2.0

/// The first two pages of a bolt database: where its tree starts. Each transaction overwrites the older of the two.
///
///     16  magic u32, version u32, page size u32, flags u32
///     32  root page u64, sequence u64, page of the free list u64, high-water page u64, transaction u64
///     72  checksum u64: FNV-1a of the 56 bytes before it
///
/// Source: bbolt `internal/common/meta.go`.
struct BoltMeta: Hashable, Sendable {
    let pageSize: Int
    let root: UInt64
    /// `UInt64.max` if the free list is not stored.
    let freelist: UInt64
    let highWater: UInt64
    let transaction: UInt64

    /// A newest meta page, and whether it was the only valid one.
    struct Choice: Hashable, Sendable {
        let meta: BoltMeta
        /// The other page is damaged; if that one was newer, the content is one transaction old.
        let isFallback: Bool
    }

    /// The page sizes that machines have.
    static let pageSizes = [1024, 2048, 4096, 8192, 16384, 32768, 65536]

    /// How many bytes at the start of a file surely hold both meta pages.
    static let headBytes = 2 * 65536

    /// Chooses among the first two pages; `nil` if neither is valid.
    ///
    /// The size of a page is known only from a valid meta page, so if the first is damaged every size is tried.
    static func newest(in head: ArraySlice<UInt8>) -> Choice? {
        guard let first = BoltMeta(head) else {
            for size in pageSizes where head.count > size {
                if let second = BoltMeta(head.dropFirst(size)), second.pageSize == size {
                    return Choice(meta: second, isFallback: true)
                }
            }
            return nil
        }
        guard let second = BoltMeta(head.dropFirst(first.pageSize)), second.pageSize == first.pageSize else {
            return Choice(meta: first, isFallback: true)
        }
        return Choice(meta: second.transaction > first.transaction ? second : first, isFallback: false)
    }

    /// Decodes one page; `nil` unless magic, version, checksum and page size are right.
    init?(_ page: ArraySlice<UInt8>) {
        guard page.count >= 80 else { return nil }
        guard page.u32(16) == 0xED0C_DAED, page.u32(20) == 2 else { return nil }
        let size = Int(page.u32(24))
        guard Self.pageSizes.contains(size) else { return nil }
        let start = page.startIndex
        guard Self.checksum(page[start + 16..<start + 72]) == page.u64(72) else { return nil }
        pageSize = size
        root = page.u64(32)
        freelist = page.u64(48)
        highWater = page.u64(56)
        transaction = page.u64(64)
    }

    /// FNV-1a, 64 bits.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// Little-endian numbers at an offset from the start of a slice. The caller has checked that they are inside.
extension ArraySlice<UInt8> {
    func u16(_ offset: Int) -> UInt16 {
        let at = startIndex + offset
        return UInt16(self[at]) | UInt16(self[at + 1]) << 8
    }

    func u32(_ offset: Int) -> UInt32 { UInt32(u16(offset)) | UInt32(u16(offset + 2)) << 16 }

    func u64(_ offset: Int) -> UInt64 { UInt64(u32(offset)) | UInt64(u32(offset + 4)) << 32 }
}
