// SPDX-License-Identifier: Apache-2.0

import Model

/// A bucket: keys in ascending order, each with bytes or with another bucket. Its pages were proven sound before.
package struct BoltBucket: Sendable {
    let pages: [UInt64: BoltPage]
    let top: BoltPage

    package enum Value: Sendable {
        case bytes(ArraySlice<UInt8>)
        case bucket(BoltBucket)
    }

    /// One key with what it holds.
    package struct Entry: Sendable {
        package let key: ArraySlice<UInt8>
        package let value: Value

        /// The key in the form of `EntryName`: what a path or a comparison needs.
        package var name: String { EntryName.escaped(key) }

        /// - Throws: `wrongKind` if the key holds bytes.
        package func bucket() throws(BoltError) -> BoltBucket {
            guard case .bucket(let bucket) = value else { throw .wrongKind(key: name) }
            return bucket
        }

        /// - Throws: `wrongKind` if the key holds a bucket.
        package func bytes() throws(BoltError) -> ArraySlice<UInt8> {
            guard case .bytes(let bytes) = value else { throw .wrongKind(key: name) }
            return bytes
        }
    }

    /// What the key holds, or `nil` if there is no such key.
    package func entry(_ key: String) -> Entry? {
        var page = top
        while let index = page.lastIndex(notAfter: key.utf8) ?? (page.kind == .branch ? 0 : nil) {
            switch page.kind {
            case .branch:
                guard let child = pages[page.child(index)] else { return nil }
                page = child
            case .leaf: return page.key(index).elementsEqual(key.utf8) ? entry(of: page, index) : nil
            }
        }
        return nil
    }

    /// The bucket below, or `nil` if there is no such key.
    ///
    /// - Throws: `wrongKind` if the key holds bytes.
    package func bucket(_ key: String) throws(BoltError) -> BoltBucket? { try entry(key)?.bucket() }

    /// The bytes of a key, or `nil` if there is no such key.
    ///
    /// - Throws: `wrongKind` if the key holds a bucket.
    package func bytes(_ key: String) throws(BoltError) -> ArraySlice<UInt8>? { try entry(key)?.bytes() }

    /// What is in the bucket below; nothing if there is no such key.
    ///
    /// - Throws: `wrongKind` if the key holds bytes.
    package func entries(below key: String) throws(BoltError) -> [Entry] {
        guard let bucket = try bucket(key) else { return [] }
        return Array(bucket)
    }

    private func entry(of page: BoltPage, _ index: Int) -> Entry {
        let value = page.value(index)
        guard page.isBucket(index) else { return Entry(key: page.key(index), value: .bytes(value)) }
        // The tree was proven sound, so a page is here; without it the bucket could only look empty.
        let root = value.u64(0)
        let below = root == 0 ? BoltPage(value.dropFirst(16)) : pages[root]
        guard let below else { preconditionFailure("a bucket of a checked tree has no page") }
        return Entry(key: page.key(index), value: .bucket(BoltBucket(pages: pages, top: below)))
    }
}

extension BoltBucket: Sequence {
    package struct Iterator: IteratorProtocol {
        private let bucket: BoltBucket
        private var path: [(page: BoltPage, index: Int)]

        fileprivate init(_ bucket: BoltBucket) {
            self.bucket = bucket
            path = [(bucket.top, 0)]
        }

        package mutating func next() -> Entry? {
            while let (page, index) = path.last {
                guard index < page.count else {
                    path.removeLast()
                    continue
                }
                path[path.count - 1].index += 1
                switch page.kind {
                case .leaf: return bucket.entry(of: page, index)
                case .branch:
                    guard let child = bucket.pages[page.child(index)] else {
                        preconditionFailure("a branch of a checked tree has no page")
                    }
                    path.append((child, 0))
                }
            }
            return nil
        }
    }

    package func makeIterator() -> Iterator { Iterator(self) }
}
