// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// The block of memory that `getdents64` fills, reused from one directory to the next.
@safe final class EntryBuffer {
    private let bytes: UnsafeMutableRawBufferPointer

    /// 128 KiB: larger gains nothing (measured), smaller costs calls in flat directories.
    init(capacityBytes: Int = 32 << 10) {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacityBytes, alignment: 8)
    }

    deinit { unsafe bytes.deallocate() }

    /// Calls `body` with each name, NUL-terminated and valid only during the call, but not with `.` and `..`.
    func forEachName(in directory: CInt, _ path: String, _ body: (UnsafePointer<CChar>) -> Void) throws(DiskError) {
        while true {
            let filled = unsafe cdisk_getdents64(directory, bytes.baseAddress, bytes.count)
            guard filled >= 0 else { throw DiskError(.list, path, Errno(rawValue: errno)) }
            guard filled > 0 else { return }
            var offset = 0
            while offset < filled {
                // Inode 8 bytes, offset 8, record length 2, type 1, then the name: see getdents64(2).
                let length = Int(unsafe bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                precondition(length > 19 && offset + length <= filled, "the kernel wrote a record that does not fit")
                let name = unsafe UnsafeRawPointer(bytes.baseAddress! + offset + 19).assumingMemoryBound(to: CChar.self)
                if unsafe strcmp(name, ".") != 0, unsafe strcmp(name, "..") != 0 { unsafe body(name) }
                offset += length
            }
        }
    }
}
