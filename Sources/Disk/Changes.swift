// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// Every way to change a disk, except removing a tree. Only `Act` calls these.
///
/// Each takes the name of one entry of this very directory, never a path: what the name is looked up in is fixed by the
/// descriptor, and no call follows a symbolic link. Anything else than one name is `invalidArgument`. A change lasts
/// through a power cut only after `sync` of every directory it touched.
extension Directory {
    /// Makes an empty directory; `fileExists` if anything has that name.
    ///
    /// - Parameter mode: permissions, less what the process's umask takes away.
    package func makeDirectory(_ name: String, mode: UInt32 = 0o700) throws(DiskError) {
        try unsafe change(.create, name) { unsafe cdisk_mkdirat(descriptor, $0, mode) }
    }

    /// Makes a file with these bytes and brings them to the disk; `fileExists` if anything has that name.
    ///
    /// The file's name is on the disk only after `sync`. A file that could not be written whole is removed again.
    package func createFile(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(DiskError) {
        let file = try create(name, O_WRONLY | O_CREAT | O_EXCL, mode)
        do {
            try write(bytes, to: file.descriptor, name)
            try sync(file.descriptor, name)
        } catch {
            try unlink(name)
            throw error
        }
    }

    /// Adds bytes to the end of a regular file, which is made if there is none, and brings them to the disk.
    package func append(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o600) throws(DiskError) {
        let file = try create(name, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, mode)
        var status = cdisk_status()
        guard unsafe cdisk_status_of(file.descriptor, &status) == 0 else { throw failed(.stat, name) }
        guard status.mode & S_IFMT == S_IFREG else { throw DiskError(.write, shown(name), .invalidArgument) }
        try write(bytes, to: file.descriptor, name)
        try sync(file.descriptor, name)
    }

    /// Makes a file that holds `bytes` of the disk's space and nothing else, to be removed when the disk is full.
    package func reserve(_ name: String, bytes: Int64) throws(DiskError) {
        let file = try create(name, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        while cdisk_reserve(file.descriptor, bytes) != 0 {
            if errno == EINTR { continue }
            let error = failed(.write, name)
            try unlink(name)
            throw error
        }
        try sync(file.descriptor, name)
    }

    /// Brings the directory's own entries to the disk.
    package func sync() throws(DiskError) { try sync(descriptor, nil) }

    /// Moves an entry, in one step, to a name that nothing has yet; `fileExists` if something has.
    ///
    /// There is no other way to move: a plain rename silently replaces an empty directory, and a copy is another thing
    /// than what was proved. `improperLink` (EXDEV) means that the two lie on different mounts.
    package func renameNoReplace(_ name: String, to target: Directory, _ newName: String) throws(DiskError) {
        try unsafe change(.rename, name) { name in
            unsafe withName(newName) { unsafe cdisk_rename_noreplace(descriptor, name, target.descriptor, $0) }
                ?? refuse(EINVAL)
        }
    }

    /// Removes one entry that is not a directory; `isDirectory` if it is one.
    package func unlink(_ name: String) throws(DiskError) {
        try unsafe change(.remove, name) { unsafe cdisk_unlinkat(descriptor, $0, 0) }
    }

    /// Removes an empty directory; `directoryNotEmpty` if it is not.
    package func removeDirectory(_ name: String) throws(DiskError) {
        try unsafe change(.remove, name) { unsafe cdisk_unlinkat(descriptor, $0, 1) }
    }
}

extension Directory {
    private func change(
        _ operation: DiskError.Operation, _ name: String, _ body: (UnsafePointer<CChar>) -> CInt
    ) throws(DiskError) {
        guard let result = unsafe withName(name, body) else {
            throw DiskError(operation, shown(name), .invalidArgument)
        }
        guard result == 0 else { throw failed(operation, name) }
    }

    private func create(_ name: String, _ flags: CInt, _ mode: UInt32) throws(DiskError) -> Owned {
        let opened = unsafe withName(name) { unsafe cdisk_openat(descriptor, $0, flags | O_NOFOLLOW | O_NOCTTY, mode) }
        guard let opened else { throw DiskError(.create, shown(name), .invalidArgument) }
        guard opened >= 0 else { throw failed(.create, name) }
        return Owned(opened)
    }

    private func write(_ bytes: [UInt8], to file: CInt, _ name: String) throws(DiskError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw count < 0 ? failed(.write, name) : DiskError(.write, shown(name), .ioError) }
            rest = rest.dropFirst(count)
        }
    }

    private func sync(_ file: CInt, _ name: String?) throws(DiskError) {
        while fsync(file) != 0 {
            guard errno == EINTR else { throw failed(.sync, name ?? "") }
        }
    }

    private func failed(_ operation: DiskError.Operation, _ name: String) -> DiskError {
        DiskError(operation, shown(name), Errno(rawValue: errno))
    }

    private func shown(_ name: String) -> String { name.isEmpty ? path : path == "/" ? "/" + name : path + "/" + name }
}

private func refuse(_ error: CInt) -> CInt {
    errno = error
    return -1
}
