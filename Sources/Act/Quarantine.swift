// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// Takes entries out of the root and puts them back: renames, in an order that a crash cannot spoil.
///
/// The intent is durable before the first rename and goes after the last one back. The first rename commits: an item
/// of which `data.0` is in the trash is completed forward by whoever comes next.
extension Trash {
    /// What became of one step before anybody looked at it again.
    enum Taking {
        case taken(ItemFolder, Intent)
        case skipped(String)
        case failed(DiskError)
    }

    /// Moves the entries of a step into the trash, unless `recheck`, asked last, gives a reason to keep them.
    ///
    /// - Throws: `invariantBroken` if they could be moved neither all in nor all back.
    func take(_ intent: Intent, recheck: (Plan.Step) async throws -> String?) async throws(ActError) -> Taking {
        let item: ItemFolder
        do { item = try write(intent) } catch { return .failed(error) }

        var objection: String?
        do {
            objection = try await recheck(intent.step)
        } catch {
            objection = "it could not be checked again: \(error)"
        }
        if let objection {
            do { try drop(item) } catch { return .failed(error) }
            return .skipped(objection)
        }
        do {
            try completeForward(item, intent, here: [])
            return .taken(item, intent)
        } catch {
            _ = try putBackOrStop(item, intent, because: "\(error)")
            if error.isMissing { return .skipped("gone already") }
            if error.errno == .staleNFSFileHandle { return .skipped(Refusal.changed.reason) }
            return error.errno == .improperLink ? .skipped(Refusal.otherFileSystem.reason) : .failed(error)
        }
    }

    /// Makes the folder of the item and writes down what will be moved, durably.
    func write(_ intent: Intent) throws(DiskError) -> ItemFolder {
        let runFolder = try folder.directory(RelativePath(intent.run))
        let name = ItemFolder.name(intent.sequence)
        let bytes = intent.encoded()
        try withReserve(disk.makeDirectory(name, in: runFolder))
        let item = try item(intent.sequence, of: intent.run)
        do {
            try withReserve(disk.create("meta.tmp", bytes, in: item.directory))
            try disk.rename("meta.tmp", in: item.directory, to: "meta", in: item.directory)
            try disk.sync(item.directory)
            try disk.sync(runFolder)
            return item
        } catch {
            // If this fails too, an intent without data is left, which the next run drops.
            do { try drop(item) } catch {}
            throw error
        }
    }

    /// Renames every entry that is not `here` yet into the trash, first entry first.
    func completeForward(_ item: ItemFolder, _ intent: Intent, here: Set<Int>) throws(DiskError) {
        for (index, held) in intent.held.enumerated() where !here.contains(index) {
            let parent = try parent(of: held)
            let name = String(held.path.name)
            guard isSame(try parent.status(RelativePath(name)), held.identity) else {
                throw DiskError(.rename, held.path.text, .staleNFSFileHandle)
            }
            try disk.rename(name, in: parent, to: "data.\(index)", in: item.directory)
            guard isSame(try item.directory.status(RelativePath("data.\(index)")), held.identity) else {
                // Somebody exchanged it in the moment between; what was moved is not ours to keep.
                try disk.rename("data.\(index)", in: item.directory, to: name, in: parent)
                throw DiskError(.rename, held.path.text, .staleNFSFileHandle)
            }
            try disk.sync(parent)
        }
        try disk.sync(item.directory)
    }

    /// Renames what is in the trash back to its place, last entry first, and forgets the intent.
    ///
    /// - Throws: what the kernel said, such as `fileExists` if the name is taken. The intent is kept then.
    func putBack(_ item: ItemFolder, _ intent: Intent) throws(DiskError) {
        try returnEntries(of: item, intent)
        try drop(item)
    }

    func returnEntries(of item: ItemFolder, _ intent: Intent) throws(DiskError) {
        for (index, held) in intent.held.enumerated().reversed() {
            let data = RelativePath("data.\(index)")
            guard try item.directory.statusIfPresent(data) != nil else { continue }
            let parent = try parent(of: held, mayBeNew: intent.isVolumeOfEngine)
            try disk.rename(data.text, in: item.directory, to: String(held.path.name), in: parent)
            try disk.sync(parent)
        }
        try disk.sync(item.directory)
    }

    /// Puts back what must not stay. Nothing is concluded from an error; where the entries are is read from the disk.
    ///
    /// - Returns: false if it stays held because somebody removed the whole volume meanwhile: nobody can need the data
    ///   under that name any more, and `undo` has the engine make the volume again.
    /// - Throws: `invariantBroken`, naming both places.
    func putBackOrStop(_ item: ItemFolder, _ intent: Intent, because reason: String) throws(ActError) -> Bool {
        var failure = reason
        do {
            try putBack(item, intent)
            return true
        } catch {
            if isVolumeGone(intent) { return false }
            failure += "; \(error)"
        }
        switch state(of: item) {
        // Nothing is in the trash; the next run drops what is left of the intent.
        case .home, .empty: return true
        case .held, .partly, .lost, .withEngine, .purging, .unclear:
            let places = intent.held.map { "\(root.path)/\($0.path)" }.joined(separator: ", ")
            throw ActError(
                .invariantBroken, "cannot put back \(places), held in \(item.directory.path): \(failure)",
                advice:
                    "nothing was deleted; look at both places, make the first one free, then `bilge undo \(item.run)`"
            )
        }
    }

    private func isVolumeGone(_ intent: Intent) -> Bool {
        guard intent.isVolumeOfEngine, let volume = intent.held[0].path.parent else { return false }
        do { return try root.statusIfPresent(volume) == nil } catch { return false }
    }

    /// Removes what describes an item that holds no data, and its folder, and makes that durable.
    func drop(_ item: ItemFolder) throws(DiskError) {
        try remove(item)
        try disk.sync(item.runFolder)
    }

    /// Removes what describes an item that holds no data, and its folder.
    func remove(_ item: ItemFolder) throws(DiskError) {
        let names = try item.directory.names()
        guard !names.contains(where: { $0.hasPrefix("data.") }) else {
            throw DiskError(.remove, item.directory.path, .directoryNotEmpty)
        }
        // The intent last: without it the rest would be litter that nobody explains.
        for name in ["recreating", "meta.tmp", "meta", "meta.purging"] where names.contains(name) {
            try disk.unlink(name, in: item.directory)
        }
        try disk.removeDirectory(item.name, in: item.runFolder)
    }

    /// Opens the directory an entry came from, if it is still the same one.
    func parent(of held: Intent.Held, mayBeNew: Bool = false) throws(DiskError) -> Directory {
        let path = held.path.parent ?? .root
        let parent = try root.directory(path)
        let status = try parent.status(.root)
        guard status.device == rootStatus.device, status.mountID == rootStatus.mountID else {
            throw DiskError(.open, parent.path, .improperLink)
        }
        guard mayBeNew || isSame(status, held.parent) else { throw DiskError(.open, parent.path, .staleNFSFileHandle) }
        return parent
    }
}
