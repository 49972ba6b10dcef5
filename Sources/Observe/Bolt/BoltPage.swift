// SPDX-License-Identifier: Apache-2.0

/// A page of the tree: a branch with keys and child pages, or a leaf with keys and values.
///
///     0   id u64, flags u16 (1 branch, 2 leaf, 4 meta, 16 free list), count u16, overflow u32
///     16  per element of a leaf:   flags u32 (1: the value is a bucket), pos u32, key size u32, value size u32
///         per element of a branch: pos u32, key size u32, child page u64
///         then each element's key and value, in order and without a gap; pos counts from the element itself
///
/// Pages carry no checksum, but bbolt writes the data of elements without a gap, so a wrong count, position or size
/// shows. `check` insists on that; after it, every access is within bounds. Source: bbolt `internal/common/page.go`.
struct BoltPage: Sendable {
    enum Kind: UInt16, Sendable {
        case branch = 1
        case leaf = 2
    }

    static let headerBytes = 16
    static let elementBytes = 16
    static let maxKeyBytes = 32768
    static let freelistFlag: UInt16 = 16

    let kind: Kind
    let count: Int
    /// The page with its header and its overflow pages; of an inline bucket, the rest of the value.
    private let bytes: ArraySlice<UInt8>

    /// `nil` if the flags are neither a branch's nor a leaf's. Needs at least `headerBytes`.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard let kind = Kind(rawValue: bytes.u16(8)) else { return nil }
        self.kind = kind
        count = Int(bytes.u16(10))
        self.bytes = bytes
    }

    func key(_ index: Int) -> ArraySlice<UInt8> {
        let (start, keySize, _) = place(index)
        return part(start, keySize)
    }

    /// The value of a leaf's element.
    func value(_ index: Int) -> ArraySlice<UInt8> {
        let (start, keySize, valueSize) = place(index)
        return part(start + keySize, valueSize)
    }

    /// Whether the value of a leaf's element is a bucket.
    func isBucket(_ index: Int) -> Bool { bytes.u32(element(index)) & 1 == 1 }

    /// The page below a branch's element.
    func child(_ index: Int) -> UInt64 { bytes.u64(element(index) + 8) }

    /// The last element whose key is not greater than `key`, or `nil` if every key is greater.
    func lastIndex(notAfter key: some Collection<UInt8>) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if key.lexicographicallyPrecedes(self.key(middle)) { high = middle } else { low = middle + 1 }
        }
        return low == 0 ? nil : low - 1
    }

    /// Proves that all elements are in place and in order.
    ///
    /// - Parameters:
    ///   - lower: the parent's key for this page; no key may be smaller.
    ///   - upper: the parent's next key; every key must be smaller.
    ///   - isInline: the page is the value of a small bucket, and ends with its last element.
    func check(
        from lower: ArraySlice<UInt8>?, to upper: ArraySlice<UInt8>?, isInline: Bool = false
    ) throws(BoltError.Fault) {
        var next = Self.headerBytes + count * Self.elementBytes
        guard next <= bytes.count else { throw .tooManyElements }
        if count == 0 { try checkEmpty() }
        var previous: ArraySlice<UInt8>?
        for index in 0..<count {
            if kind == .leaf, bytes.u32(element(index)) > 1 { throw .elementFlags(bytes.u32(element(index))) }
            let (start, keySize, valueSize) = place(index)
            guard start == next, keySize <= bytes.count - start, valueSize <= bytes.count - start - keySize else {
                throw .elementOutOfPlace
            }
            guard (1...Self.maxKeyBytes).contains(keySize) else { throw .keySize(keySize) }
            next = start + keySize + valueSize
            let key = part(start, keySize)
            if let previous, !previous.lexicographicallyPrecedes(key) { throw .keyOrder }
            previous = key
        }
        if isInline, next != bytes.count { throw .elementOutOfPlace }
        if let lower, count > 0, key(0).lexicographicallyPrecedes(lower) { throw .keyOutsideParent }
        if let upper, let previous, !previous.lexicographicallyPrecedes(upper) { throw .keyOutsideParent }
    }

    /// An empty page comes from a cleared buffer; one that still has an element lost its count.
    private func checkEmpty() throws(BoltError.Fault) {
        guard kind == .leaf else { throw .emptyInsideTree }
        let rest = bytes.dropFirst(Self.headerBytes).prefix(Self.elementBytes)
        if rest.contains(where: { $0 != 0 }) { throw .notReallyEmpty }
    }

    private func element(_ index: Int) -> Int { Self.headerBytes + index * Self.elementBytes }

    /// Where the element's data starts in the page, and the sizes of its key and value.
    private func place(_ index: Int) -> (start: Int, keySize: Int, valueSize: Int) {
        let element = element(index)
        switch kind {
        case .branch: return (element + Int(bytes.u32(element)), Int(bytes.u32(element + 4)), 0)
        case .leaf:
            return (
                element + Int(bytes.u32(element + 4)), Int(bytes.u32(element + 8)), Int(bytes.u32(element + 12))
            )
        }
    }

    private func part(_ offset: Int, _ count: Int) -> ArraySlice<UInt8> {
        bytes[bytes.startIndex + offset..<bytes.startIndex + offset + count]
    }
}
