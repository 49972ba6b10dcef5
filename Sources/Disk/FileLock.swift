// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
import SystemPackage

/// A lock on a whole file (flock(2)), held until the value is gone or the process ends, however it ends.
///
/// The engine holds such locks on its databases, and Bilge on its trash.
package final class FileLock: Sendable {
    package enum Mode: Sendable { case shared, exclusive }

    private let descriptor: CInt

    private init(_ descriptor: CInt) { self.descriptor = descriptor }

    // Closing the last descriptor of the open file releases the lock.
    deinit { close(descriptor) }

    /// Locks a regular file that exists, without waiting and without changing it.
    ///
    /// - Returns: `nil` if somebody else holds a lock that excludes this one.
    /// - Throws: `noSuchFileOrDirectory` if there is no file, and whatever keeps it from being opened;
    ///   `resourceTemporarilyUnavailable` if the file was replaced each time that it was locked.
    package static func acquire(
        _ relative: RelativePath, in directory: Directory, _ mode: Mode
    ) throws(DiskError) -> FileLock? {
        try acquire(relative, in: directory, mode) { () throws(DiskError) in
            try directory.open(relative, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
    }

    /// Locks a file that is made, empty, if there is none. Only `Act` calls it.
    package static func acquireCreating(
        _ relative: RelativePath, in directory: Directory, _ mode: Mode
    ) throws(DiskError) -> FileLock? {
        try acquire(relative, in: directory, mode) { () throws(DiskError) in
            try directory.open(relative, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, mode: 0o600)
        }
    }

    private static func acquire(
        _ relative: RelativePath, in directory: Directory, _ mode: Mode, _ open: () throws(DiskError) -> CInt
    ) throws(DiskError) -> FileLock? {
        for _ in 0..<5 {
            let lock = FileLock(try open())
            guard try lock.status(relative, directory).kind == .file else {
                throw DiskError(.lock, directory.shown(relative), .invalidArgument)
            }
            while flock(lock.descriptor, (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
                if errno == EINTR { continue }
                if errno == EWOULDBLOCK { return nil }
                throw DiskError(.lock, directory.shown(relative), Errno(rawValue: errno))
            }
            // Its last holder may have removed the file between our opening and our locking it: then the next one
            // would lock a new file of that name, and both would hold "the" lock.
            let named = try directory.statusIfPresent(relative)
            if let named, named.identity.isSameObject(as: try lock.status(relative, directory).identity) {
                return lock
            }
        }
        throw DiskError(.lock, directory.shown(relative), .resourceTemporarilyUnavailable)
    }

    private func status(_ relative: RelativePath, _ directory: Directory) throws(DiskError) -> FileStatus {
        var raw = cdisk_status()
        guard unsafe cdisk_status_of(descriptor, &raw) == 0 else {
            throw DiskError(.stat, directory.shown(relative), Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }
}

/// One line of `/proc/locks`: who holds, or waits for, a lock on which file.
package struct LockRecord: Hashable, Sendable {
    package enum Mode: Sendable { case read, write, readWrite, none }

    /// -1 for a lock that belongs to an open file and not to a process; 0 if the process is in no PID namespace of ours.
    package var pid: Int32
    /// `FLOCK`, `POSIX`, `OFDLCK`, `LEASE`, `DELEG`.
    package var type: String
    package var mode: Mode
    /// As `FileStatus.device`; on btrfs the file system's own, which no file answers with.
    package var device: UInt64
    package var inode: UInt64
    /// It does not have the lock, it waits for it.
    package var waits: Bool

    /// Parses `/proc/locks`. One line that is not understood is an error for all, because a lock that is overlooked
    /// would mean "nobody".
    ///
    /// Source: proc_locks(5); Linux `fs/locks.c`, `lock_get_status`.
    package static func parse(_ bytes: [UInt8]) throws(LineError) -> [LockRecord] {
        var records: [LockRecord] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let parsed = LockRecord.parse(line) else { throw LineError("locks", index + 1, line) }
            if case .lock(let record) = parsed { records.append(record) }
        }
        return records
    }

    private enum Line {
        case lock(LockRecord)
        /// A lock whose file the kernel has let go of already.
        case noFile
    }

    /// `1: FLOCK  ADVISORY  WRITE 708 00:1b:1234 0 EOF`, of a waiter `1: -> FLOCK …`; device numbers are hexadecimal.
    private static func parse(_ line: ArraySlice<UInt8>) -> Line? {
        var fields = line.split(separator: UInt8(ascii: " "))[...]
        guard let number = fields.popFirst(), number.last == UInt8(ascii: ":"), decimal(number.dropLast()) != nil else {
            return nil
        }
        let waits = fields.first.map { $0.elementsEqual("->".utf8) } ?? false
        if waits { fields.removeFirst() }
        let words = fields.map { String(decoding: $0, as: UTF8.self) }
        guard words.count >= 5, let pid = Int32(words[3]),
            let mode = ["READ": Mode.read, "WRITE": .write, "RW": .readWrite, "NONE": .none, "UNLCK": .none][words[2]]
        else { return nil }
        if words[4].hasPrefix("<none>") { return .noFile }
        guard let file = fields.dropFirst(4).first, let colon = file.lastIndex(of: UInt8(ascii: ":")),
            let device = Device(file[..<colon], radix: 16), let inode = decimal(file[(colon + 1)...])
        else { return nil }
        return .lock(
            LockRecord(pid: pid, type: words[0], mode: mode, device: device.number, inode: inode, waits: waits))
    }
}
