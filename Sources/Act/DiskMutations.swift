// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
import SystemPackage

/// Every way in which Bilge changes a disk. Nothing else in the package writes below a data root.
///
/// It is a protocol so that the tests can let the n-th change fail, or be the last one before the power went.
/// Names are single entries of an open directory, escaped. Nothing is ever overwritten and no symbolic link followed.
package protocol DiskMutations: Sendable {
    /// Makes a directory of mode 0700; fails if there is an entry of that name.
    func makeDirectory(_ name: String, in directory: Directory) throws(DiskError)
    /// Makes a file of mode 0600 and makes its contents durable; fails if there is an entry of that name.
    func create(_ name: String, _ bytes: [UInt8], in directory: Directory) throws(DiskError)
    /// Adds to the end of a file, making it if there is none, and makes that durable.
    func append(_ bytes: [UInt8], to name: String, in directory: Directory) throws(DiskError)
    /// Makes a file that occupies so many bytes of the disk; fails if there is an entry of that name.
    func reserve(_ name: String, bytes: Int64, in directory: Directory) throws(DiskError)
    /// Moves an entry within one file system; fails if the new name is taken. Never copies.
    func rename(_ name: String, in source: Directory, to newName: String, in target: Directory) throws(DiskError)
    /// Removes a file or a link.
    func unlink(_ name: String, in directory: Directory) throws(DiskError)
    /// Removes an empty directory.
    func removeDirectory(_ name: String, in directory: Directory) throws(DiskError)
    /// Removes an entry and everything below it, without following links or entering mounts.
    ///
    /// - Parameter removed: grows by what was freed, also when it throws.
    func removeTree(_ name: String, in directory: Directory, counting removed: inout Usage) throws(DiskError)
    /// Makes the entries of a directory durable.
    func sync(_ directory: Directory) throws(DiskError)

    /// Overwrites bytes of a log in place; never makes it longer. The one write outside the trash, with the next two.
    func overwrite(_ bytes: [UInt8], at offset: Int64, of log: WritableFile) throws(DiskError)
    /// Takes whole blocks out of the front of a log, in one step.
    func collapse(_ bytes: Int64, of log: WritableFile) throws(DiskError)
    /// Makes what was changed in a log durable.
    func sync(_ log: WritableFile) throws(DiskError)
}

/// The disk of this host.
package struct HostDisk: DiskMutations {
    private let pace: RemovalPace

    package init(pace: RemovalPace = .fast) { self.pace = pace }

    package func makeDirectory(_ name: String, in directory: Directory) throws(DiskError) {
        try directory.makeDirectory(name)
    }

    package func create(_ name: String, _ bytes: [UInt8], in directory: Directory) throws(DiskError) {
        try directory.createFile(name, bytes)
    }

    package func append(_ bytes: [UInt8], to name: String, in directory: Directory) throws(DiskError) {
        try directory.append(bytes, to: name)
    }

    package func reserve(_ name: String, bytes: Int64, in directory: Directory) throws(DiskError) {
        try directory.reserve(name, bytes: bytes)
    }

    package func rename(
        _ name: String, in source: Directory, to newName: String, in target: Directory
    ) throws(DiskError) {
        try source.renameNoReplace(name, to: target, newName)
    }

    package func unlink(_ name: String, in directory: Directory) throws(DiskError) { try directory.unlink(name) }

    package func removeDirectory(_ name: String, in directory: Directory) throws(DiskError) {
        try directory.removeDirectory(name)
    }

    package func removeTree(
        _ name: String, in directory: Directory, counting removed: inout Usage
    ) throws(DiskError) {
        try directory.removeTree(name, pace: pace, counting: &removed)
    }

    package func sync(_ directory: Directory) throws(DiskError) { try directory.sync() }

    package func overwrite(_ bytes: [UInt8], at offset: Int64, of log: WritableFile) throws(DiskError) {
        try log.overwrite(bytes, at: offset)
    }

    package func collapse(_ bytes: Int64, of log: WritableFile) throws(DiskError) { try log.collapse(bytes) }

    package func sync(_ log: WritableFile) throws(DiskError) { try log.sync() }
}

/// The disk of a command that only reads: it refuses every change.
struct NoMutations: DiskMutations {
    func makeDirectory(_ name: String, in directory: Directory) throws(DiskError) { throw refused(name, directory) }
    func create(_ name: String, _ bytes: [UInt8], in directory: Directory) throws(DiskError) {
        throw refused(name, directory)
    }
    func append(_ bytes: [UInt8], to name: String, in directory: Directory) throws(DiskError) {
        throw refused(name, directory)
    }
    func reserve(_ name: String, bytes: Int64, in directory: Directory) throws(DiskError) {
        throw refused(name, directory)
    }
    func rename(_ name: String, in source: Directory, to newName: String, in target: Directory) throws(DiskError) {
        throw refused(name, source)
    }
    func unlink(_ name: String, in directory: Directory) throws(DiskError) { throw refused(name, directory) }
    func removeDirectory(_ name: String, in directory: Directory) throws(DiskError) { throw refused(name, directory) }
    func removeTree(_ name: String, in directory: Directory, counting removed: inout Usage) throws(DiskError) {
        throw refused(name, directory)
    }
    func sync(_ directory: Directory) throws(DiskError) { throw refused("", directory) }
    func overwrite(_ bytes: [UInt8], at offset: Int64, of log: WritableFile) throws(DiskError) { throw refused(log) }
    func collapse(_ bytes: Int64, of log: WritableFile) throws(DiskError) { throw refused(log) }
    func sync(_ log: WritableFile) throws(DiskError) { throw refused(log) }

    private func refused(_ log: WritableFile) -> DiskError { DiskError(.write, log.path, .readOnlyFileSystem) }

    private func refused(_ name: String, _ directory: Directory) -> DiskError {
        DiskError(.write, directory.path + "/" + name, .readOnlyFileSystem)
    }
}
