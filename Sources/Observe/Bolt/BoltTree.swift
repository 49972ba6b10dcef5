// SPDX-License-Identifier: Apache-2.0

import Disk

/// More than any host's metadata; a file that claims more is damaged or hostile.
let boltMaxFileBytes: UInt64 = 1 << 30
/// Reachable bytes held at once.
private let maxHeldBytes = 256 << 20
/// Up to this size a database is read in one piece, larger ones page by page.
private let maxWholeBytes: UInt64 = 16 << 20
/// Levels of one tree, and buckets in buckets. bbolt needs four levels for a million keys, Docker six buckets.
private let maxDepth = 32

/// Collects and proves the pages that are reachable from one meta page.
///
/// Each is read once; what is not reachable (free pages, which a running engine may be overwriting) is never looked at.
struct BoltTree<Source: BoltSource> {
    private let source: Source
    private let meta: BoltMeta
    private let whole: [UInt8]?
    private var reached: [Bool]
    private var heldBytes = 0
    private var pages: [UInt64: BoltPage] = [:]
    private var pending: [Work] = []

    private enum Work {
        case page(UInt64, from: ArraySlice<UInt8>?, to: ArraySlice<UInt8>?, depth: Int, nesting: Int)
        /// The page of a small bucket, inside the value that `owner` holds.
        case inline(BoltPage, owner: UInt64, nesting: Int)
    }

    /// Returns the root bucket, and how many pages are neither in use nor free.
    ///
    /// Where the free list is stored there are no such pages; each may have belonged to a part of the tree that a damaged
    /// page number cut off.
    static func load(
        _ source: Source, _ meta: BoltMeta, sizeBytes: UInt64
    ) throws(BoltError) -> (root: BoltBucket, lostPages: Int) {
        let (needed, overflow) = meta.highWater.multipliedReportingOverflow(by: UInt64(meta.pageSize))
        guard !overflow, needed <= sizeBytes else {
            throw .truncated(bytes: sizeBytes, needed: overflow ? .max : needed)
        }
        var tree = try BoltTree(source, meta, sizeBytes: sizeBytes)
        try tree.collect()
        let lostPages = try tree.checkFreelist()
        guard let top = tree.pages[meta.root] else { throw .page(meta.root, .outOfRange) }
        return (BoltBucket(pages: tree.pages, top: top), lostPages)
    }

    private init(_ source: Source, _ meta: BoltMeta, sizeBytes: UInt64) throws(BoltError) {
        self.source = source
        self.meta = meta
        reached = Array(repeating: false, count: Int(meta.highWater))
        do { whole = sizeBytes <= maxWholeBytes ? try source.read(at: 0, count: Int(sizeBytes)) : nil } catch {
            throw .disk(error)
        }
    }

    private mutating func collect() throws(BoltError) {
        pending = [.page(meta.root, from: nil, to: nil, depth: 0, nesting: 0)]
        while let work = pending.popLast() {
            switch work {
            case .inline(let page, let owner, let nesting):
                guard nesting <= maxDepth else { throw .page(owner, .tooDeep) }
                guard page.kind == .leaf else { throw .page(owner, .unknownFlags(page.kind.rawValue)) }
                do throws(BoltError.Fault) { try page.check(from: nil, to: nil, isInline: true) } catch {
                    throw .page(owner, error)
                }
                try collectBuckets(page, owner, nesting: nesting)
            case .page(let id, let lower, let upper, let depth, let nesting):
                guard depth <= maxDepth, nesting <= maxDepth else { throw .page(id, .tooDeep) }
                let page = try take(id)
                do throws(BoltError.Fault) { try page.check(from: lower, to: upper) } catch { throw .page(id, error) }
                if depth > 0, page.count == 0 { throw .page(id, .emptyInsideTree) }
                switch page.kind {
                case .leaf: try collectBuckets(page, id, nesting: nesting)
                case .branch:
                    for index in 0..<page.count {
                        let next = index + 1 < page.count ? page.key(index + 1) : upper
                        pending.append(
                            .page(
                                page.child(index), from: page.key(index), to: next, depth: depth + 1, nesting: nesting))
                    }
                }
            }
        }
    }

    /// Puts what the buckets of a leaf hold on the list. A bucket is a root page and a sequence number of 8 bytes each;
    /// the page of a small one follows at once, and its root is 0. Source: bbolt `internal/common/bucket.go`.
    private mutating func collectBuckets(_ page: BoltPage, _ owner: UInt64, nesting: Int) throws(BoltError) {
        for index in 0..<page.count where page.isBucket(index) {
            let value = page.value(index)
            guard value.count >= 16 else { throw .page(owner, .bucketSize(value.count)) }
            let root = value.u64(0)
            if root != 0 {
                guard value.count == 16 else { throw .page(owner, .bucketSize(value.count)) }
                pending.append(.page(root, from: nil, to: nil, depth: 0, nesting: nesting + 1))
            } else {
                let rest = value.dropFirst(16)
                guard rest.count >= BoltPage.headerBytes else { throw .page(owner, .bucketSize(value.count)) }
                guard let page = BoltPage(rest) else { throw .page(owner, .unknownFlags(rest.u16(8))) }
                pending.append(.inline(page, owner: owner, nesting: nesting + 1))
            }
        }
    }

    /// Reads a page of the tree for the first and only time.
    private mutating func take(_ id: UInt64) throws(BoltError) -> BoltPage {
        let bytes = try claim(id)
        guard let page = BoltPage(bytes) else { throw .page(id, .unknownFlags(bytes.u16(8))) }
        pages[id] = page
        return page
    }

    /// Returns the bytes of a page with its overflow, after checking its id, its place and that it is not in use already.
    private mutating func claim(_ id: UInt64) throws(BoltError) -> ArraySlice<UInt8> {
        guard id >= 2, id < meta.highWater else { throw .page(id, .outOfRange) }
        let header = try read(id, pages: 1)
        guard header.u64(0) == id else { throw .page(id, .callsItself(header.u64(0))) }
        let overflow = UInt64(header.u32(12))
        guard overflow < meta.highWater - id else { throw .page(id, .outOfRange) }
        for each in Int(id)...Int(id + overflow) {
            if reached[each] { throw .page(UInt64(each), .reachedTwice) }
            reached[each] = true
        }
        return overflow == 0 ? header : try read(id, pages: Int(overflow) + 1)
    }

    private mutating func read(_ id: UInt64, pages count: Int) throws(BoltError) -> ArraySlice<UInt8> {
        let start = Int(id) * meta.pageSize
        let length = count * meta.pageSize
        let bytes: ArraySlice<UInt8>
        if let whole {
            guard start + length <= whole.count else { throw .page(id, .outOfRange) }
            bytes = whole[start..<start + length]
        } else {
            heldBytes += length
            guard heldBytes <= maxHeldBytes else { throw .tooLarge(bytes: UInt64(heldBytes)) }
            do { bytes = try source.read(at: start, count: length)[...] } catch { throw .disk(error) }
        }
        guard bytes.count == length else { throw .page(id, .outOfRange) }
        return bytes
    }

    /// A free page is overwritten by the next transaction, so none that is in use may be in the list. Where it is, a page
    /// number in the tree is wrong. Returns how many pages are neither. Source: bbolt `internal/freelist/shared.go`,
    /// `tx_check.go`.
    private mutating func checkFreelist() throws(BoltError) -> Int {
        guard meta.freelist != .max else { return 0 }
        let bytes = try claim(meta.freelist)
        guard bytes.u16(8) == BoltPage.freelistFlag else { throw .page(meta.freelist, .unknownFlags(bytes.u16(8))) }
        // 65535 means that the first entry is the number of entries.
        let isLong = bytes.u16(10) == 0xFFFF
        let start = BoltPage.headerBytes + (isLong ? 8 : 0)
        let count = isLong ? bytes.u64(BoltPage.headerBytes) : UInt64(bytes.u16(10))
        guard count <= UInt64((bytes.count - start) / 8) else { throw .page(meta.freelist, .freelist) }
        for index in 0..<Int(count) {
            let id = bytes.u64(start + index * 8)
            guard id >= 2, id < meta.highWater else { throw .page(meta.freelist, .freelist) }
            if reached[Int(id)] { throw .page(id, .alsoFree) }
            reached[Int(id)] = true
        }
        return reached.dropFirst(2).count { !$0 }
    }
}
