// SPDX-License-Identifier: Apache-2.0

package import Disk
import Glibc
import Logging
import Model
import SystemPackage

/// `<data root>/.bilge`, locked: where entries are held that were taken out of the root. Layout: `docs/formats/trash.md`.
///
/// The lock is the kernel's and goes with the process; the state of what is held is a pure function of the directory.
package final class Trash {
    package static let name = ".bilge"

    let root: Directory
    let rootStatus: FileStatus
    let folder: Directory
    let disk: any DiskMutations
    /// Kept for as long as the trash is open.
    private let lock: FileLock?
    /// Checksum of the last line of the audit log, once somebody asked.
    var lastAuditLine: String?

    private init(
        root: Directory, rootStatus: FileStatus, folder: Directory, disk: any DiskMutations, lock: FileLock?
    ) {
        self.root = root
        self.rootStatus = rootStatus
        self.folder = folder
        self.disk = disk
        self.lock = lock
    }

    /// Opens the trash for changes, making it if there is none, with the exclusive lock.
    ///
    /// - Throws: `locked`; `refused` if what is there was not made by us; `noSpace`.
    package static func forChanges(
        in root: Directory, disk: any DiskMutations = HostDisk()
    ) throws(ActError) -> Trash {
        let rootStatus = try acting(root.status(.root))
        // Whoever empties the trash removes it, maybe between two of our steps; then we begin again.
        for _ in 0..<8 {
            do {
                if let trash = try make(root, rootStatus, disk) { return trash }
            } catch  where error.isNoSpace {
                let needed: Int64 = 16 << 10
                throw ActError(
                    .noSpace(bytesNeeded: needed), "cannot make \(shown(root)): \(error.errno)",
                    advice: root.spaceNeeded(bytes: needed, inodes: 6) + " first")
            } catch {
                throw refusal(error, root)
            }
        }
        throw ActError(.locked, "\(shown(root)) keeps changing: another run is at work")
    }

    /// Opens the trash with the shared lock and changes nothing, not even the time of a file; `nil` if there is none.
    ///
    /// - Throws: `locked` while another run changes it; `refused` if what is there was not made by us.
    package static func forReading(in root: Directory) throws(ActError) -> Trash? {
        do {
            let rootStatus = try root.status(.root)
            guard try root.statusIfPresent(RelativePath(name)) != nil else { return nil }
            let folder = try root.directory(RelativePath(name))
            try check(folder, beside: rootStatus)
            // Without a lock file it is being made or being removed, and holds nothing.
            var lock: FileLock?
            if try folder.statusIfPresent(lockName) != nil { lock = try locked(folder, .shared) }
            return Trash(root: root, rootStatus: rootStatus, folder: folder, disk: NoMutations(), lock: lock)
        } catch  where error.isMissing {
            return nil
        } catch {
            throw refusal(error, root)
        }
    }

    /// Removes the trash if nothing is held and nothing remembered. An entry we do not know keeps it.
    func removeIfEmpty() throws(DiskError) {
        let names = try folder.names()
        // The lock goes last: without it nobody can have begun to hold anything.
        let ours = ["reserve", "README", "audit.log", "lock"]
        guard names.allSatisfy(ours.contains) else { return }
        for name in ours where names.contains(name) { try disk.unlink(name, in: folder) }
        try disk.removeDirectory(Trash.name, in: root)
        try disk.sync(root)
    }

    private static let lockName = RelativePath("lock")

    private static func shown(_ root: Directory) -> String { root.path + "/" + name }
}

extension Trash {
    /// `nil` if somebody removed the trash meanwhile.
    private static func make(
        _ root: Directory, _ rootStatus: FileStatus, _ disk: any DiskMutations
    ) throws(DiskError) -> Trash? {
        do { try disk.makeDirectory(name, in: root) } catch  where error.errno == .fileExists {}
        do {
            let folder = try root.directory(RelativePath(name))
            try check(folder, beside: rootStatus)
            do { try disk.create("lock", [], in: folder) } catch  where error.errno == .fileExists {}
            let lock = try locked(folder, .exclusive)
            // The lock counts only in the directory that the next run would open.
            guard let now = try root.statusIfPresent(RelativePath(name)), now.inode == (try folder.status(.root)).inode
            else { return nil }
            let trash = Trash(root: root, rootStatus: rootStatus, folder: folder, disk: disk, lock: lock)
            try trash.furnishOrRemove()
            return trash
        } catch  where error.isMissing {
            return nil
        }
    }

    /// Waits for a second at most: reading commands hold the lock for moments only, other runs hold it for long.
    private static func locked(_ folder: Directory, _ mode: FileLock.Mode) throws(DiskError) -> FileLock {
        for attempt in 0..<50 {
            if let lock = try FileLock.acquire(lockName, in: folder, mode) { return lock }
            if attempt < 49 { usleep(20_000) }
        }
        throw DiskError(.lock, folder.path + "/lock", .wouldBlock)
    }

    /// Refuses a directory that we did not make: somebody would have a way to what is held.
    private static func check(_ folder: Directory, beside root: FileStatus) throws(DiskError) {
        let status = try folder.status(.root)
        guard status.owner == geteuid(), status.mode & 0o777 == 0o700 else {
            throw DiskError(.open, folder.path, .notPermitted)
        }
        guard status.device == root.device, status.mountID == root.mountID else {
            throw DiskError(.open, folder.path, .improperLink)
        }
    }

    /// A trash that could not be made leaves nothing behind; if not even that works, the next command tidies up.
    private func furnishOrRemove() throws(DiskError) {
        do { try furnish() } catch {
            do { try removeIfEmpty() } catch {}
            throw error
        }
    }

    private func furnish() throws(DiskError) {
        let names = Set(try folder.names())
        if !names.contains("README") { try disk.create("README", Array(Trash.readme.utf8), in: folder) }
        if !names.contains("reserve") { try makeReserve() }
        // A run is made only when all this is durable.
        let isDurable = names.isSuperset(of: ["README", "reserve"]) && names.contains(where: Trash.isRunID)
        guard !isDurable else { return }
        try disk.sync(folder)
        try disk.sync(root)
    }

    private static func refusal(_ error: DiskError, _ root: Directory) -> ActError {
        switch error.errno {
        case .wouldBlock:
            return ActError(
                .locked, "another run of bilge is changing \(shown(root))", advice: "wait until it is done")
        case _ where error.operation == .create && error.isRefusal:
            return ActError(.refused, "\(error)", advice: "run bilge as the user who owns \(root.path)")
        case .notPermitted, .permissionDenied, .tooManySymbolicLinkLevels, .notDirectory, .improperLink:
            return ActError(
                .refused, "\(shown(root)) was not made by this user of bilge, or is on another file system: \(error)",
                advice: "it must be a directory of mode 0700, owned by whoever runs bilge, on the file system of the "
                    + "root; look at what is there, and move it away")
        default: return ActError(error)  // `Errno` is not ours.
        }
    }

    /// For whoever finds the directory.
    private static let readme = """
        This directory belongs to bilge. It holds what bilge took out of the data root around it.

        Nothing in here is in use, and nothing in here was deleted: each folder is one run, each i000001 in it one
        item, and each data.0, data.1 … an entry as it was. The file "meta" beside it says where it came from.

          bilge trash ls       what is held
          bilge undo [RUN]     put it back
          bilge trash empty    delete it and free its space

        Please do not change anything in here by hand. The directory goes away when nothing is held any more.

        """
}

extension DiskError {
    fileprivate var isRefusal: Bool {
        errno == .notPermitted || errno == .permissionDenied || errno == .readOnlyFileSystem
    }
}

extension Trash {
    /// Opens the trash for changes if there is one; `nil` if nothing was ever moved, or nothing is held any more.
    package static func existing(
        in root: Directory, disk: any DiskMutations = HostDisk()
    ) throws(ActError) -> Trash? {
        let isThere = try acting(root.statusIfPresent(RelativePath(name)) != nil)
        return isThere ? try forChanges(in: root, disk: disk) : nil
    }

    /// Does what a command is about, and leaves the trash tidy, however that ends. What could not be tidied is a trouble.
    func closing<Answer: Troubled>(
        _ logger: Logger, _ body: () async throws(ActError) -> Answer
    ) async throws(ActError) -> Answer {
        do {
            var answer = try await body()
            answer.troubles += leave(logger)
            return answer
        } catch {
            leave(logger)
            throw error
        }
    }

    /// The last thing a command does: empty folders go, and the trash with them if nothing is held.
    ///
    /// - Returns: what went wrong with that.
    @discardableResult
    func leave(_ logger: Logger) -> [String] {
        do {
            for run in try runs() { try removeRunIfEmpty(run) }
            try removeIfEmpty()
            if try folder.statusIfPresent(RelativePath("lock")) != nil,
                try folder.statusIfPresent(RelativePath("reserve")) == nil
            {
                try makeReserve()
            }
            return []
        } catch {
            logger.notice("trash not tidied", metadata: ["error": "\(error)"])
            return [
                "\(folder.path) could not be tidied, which the next command tries again; what is held is untouched: "
                    + "\(error)"
            ]
        }
    }

    /// Adds to the audit log where the items themselves are settled already; what could not be written is a trouble.
    func record(_ lines: [AuditLine], _ logger: Logger) -> [String] {
        do {
            try audit(lines)
            return []
        } catch {
            logger.error("audit log not written", metadata: ["error": "\(error)", "lines": "\(lines.count)"])
            return ["\(folder.path)/audit.log could not be written, so it lacks what was done now: \(error)"]
        }
    }
}

/// An answer that can say what went wrong beside its items.
protocol Troubled {
    var troubles: [String] { get set }
}

extension Receipt: Troubled {}

extension Logger {
    func recovered(_ recovery: Recovery) {
        for sentence in recovery.did { notice("recovered", metadata: ["item": "\(sentence)"]) }
        for sentence in recovery.kept { warning("kept", metadata: ["item": "\(sentence)"]) }
        for sentence in recovery.broken { error("broken", metadata: ["item": "\(sentence)"]) }
    }
}
