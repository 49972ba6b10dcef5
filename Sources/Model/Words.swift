// SPDX-License-Identifier: Apache-2.0

// The only memory outside of Disk that is not checked by the language: nearly all text of a large root passes here, and
// byte by byte that took a tenth of the time. Each function checks its own bounds.

extension Span where Element == UInt8 {
    /// Eight bytes from `place` on, the first one lowest. There must be as many.
    @inlinable package func word(at place: Int) -> UInt64 {
        precondition(place >= 0 && place <= count - 8, "eight bytes are beyond the end")
        return unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self))
    }
}

extension String {
    /// Both texts with a slash between them.
    init(_ folder: String, slash name: Substring) {
        self = unsafe String(unsafeUninitializedCapacity: folder.utf8.count + 1 + name.utf8.count) { buffer in
            var end = unsafe buffer.initialize(fromContentsOf: folder.utf8)
            unsafe buffer.initializeElement(at: end, to: UInt8(ascii: "/"))
            end = unsafe buffer[(end + 1)...].initialize(fromContentsOf: name.utf8)
            return end
        }
    }
}
