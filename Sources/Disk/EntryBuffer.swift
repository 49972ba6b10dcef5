// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// The block of memory that `getdents64` fills, reused from one directory to the next.
@safe final class EntryBuffer: Sendable {
    private nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    /// 32 KiB holds a thousand names; a whole tree is measured with more.
    init(capacityBytes: Int = 32 << 10) {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacityBytes, alignment: 8)
    }

    deinit { unsafe bytes.deallocate() }

    /// Calls `body` with the name, the inode and the `d_type` of each entry, but not of `.` and `..`. The name is
    /// NUL-terminated and valid only during the call.
    func forEachEntry(
        in directory: CInt, _ path: String, _ body: (UnsafePointer<CChar>, UInt64, UInt8) -> Void
    ) throws(DiskError) {
        while true {
            let filled = fill(from: directory)
            guard filled >= 0 else { throw DiskError(.list, path, Errno(rawValue: errno)) }
            guard filled > 0 else { return }
            unsafe forEachEntry(filled: filled, body)
        }
    }

    /// Returns how many bytes the kernel wrote: 0 at the end of the directory, -1 with `errno` if it cannot list it.
    func fill(from directory: CInt) -> Int { unsafe cdisk_getdents64(directory, bytes.baseAddress, bytes.count) }

    /// True if there was no room for another entry with a name as long as names can be.
    func isFull(filled: Int) -> Bool { unsafe filled + 288 > bytes.count }

    /// The same for what one call of `fill` wrote.
    @inline(__always)
    func forEachEntry(filled: Int, _ body: (UnsafePointer<CChar>, UInt64, UInt8) -> Void) {
        guard let start = unsafe UnsafeRawPointer(bytes.baseAddress) else { return }
        let dot = CChar(bitPattern: UInt8(ascii: "."))
        var offset = 0
        while offset < filled {
            // Inode 8 bytes, offset 8, record length 2, type 1, then the name: see getdents64(2).
            let record = unsafe start + offset
            let length = Int(unsafe record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
            precondition(length > 19 && offset + length <= filled, "the kernel wrote a record that does not fit")
            offset += length
            let name = unsafe (record + 19).assumingMemoryBound(to: CChar.self)
            if unsafe name[0] == dot && (name[1] == 0 || (name[1] == dot && name[2] == 0)) { continue }
            unsafe body(name, record.loadUnaligned(as: UInt64.self), record.load(fromByteOffset: 18, as: UInt8.self))
        }
    }
}
