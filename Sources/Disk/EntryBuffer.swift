// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// The block of memory that `getdents64` fills, reused from one directory to the next.
@safe final class EntryBuffer {
    private let bytes: UnsafeMutableRawBufferPointer

    /// 32 KiB holds some thousand names; a whole tree is measured with more.
    init(capacityBytes: Int = 32 << 10) {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacityBytes, alignment: 8)
    }

    deinit { unsafe bytes.deallocate() }

    /// Calls `body` with the name, the inode and the `d_type` of each entry, but not of `.` and `..`. The name is
    /// NUL-terminated and valid only during the call.
    func forEachEntry(
        in directory: CInt, _ path: String, _ body: (UnsafePointer<CChar>, UInt64, UInt8) -> Void
    ) throws(DiskError) {
        while try unsafe fill(from: directory, path, body) {}
    }

    /// Calls `body` with each entry of one filling of the buffer; returns false at the end of the directory.
    func fill(
        from directory: CInt, _ path: String, _ body: (UnsafePointer<CChar>, UInt64, UInt8) -> Void
    ) throws(DiskError) -> Bool {
        let filled = unsafe cdisk_getdents64(directory, bytes.baseAddress, bytes.count)
        guard filled >= 0 else { throw DiskError(.list, path, Errno(rawValue: errno)) }
        var offset = 0
        while offset < filled {
            // Inode 8 bytes, offset 8, record length 2, type 1, then the name: see getdents64(2).
            let record = unsafe UnsafeRawPointer(bytes.baseAddress! + offset)
            let length = Int(unsafe record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
            precondition(length > 19 && offset + length <= filled, "the kernel wrote a record that does not fit")
            let name = unsafe (record + 19).assumingMemoryBound(to: CChar.self)
            if unsafe strcmp(name, ".") != 0, unsafe strcmp(name, "..") != 0 {
                unsafe body(
                    name, record.loadUnaligned(as: UInt64.self), record.load(fromByteOffset: 18, as: UInt8.self))
            }
            offset += length
        }
        return filled > 0
    }
}
