// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// What the folder of an item and the places its entries came from say about it: the table of `docs/formats/trash.md`.
enum ItemState {
    /// No intent and no data: begun or ended between two steps. Goes.
    case empty
    /// An intent, and every entry is at its place: never moved, or put back. The intent goes.
    case home(Intent)
    /// Every entry is in the trash.
    case held(Intent)
    /// Some entries are in the trash, the others at their places.
    case partly(Intent, here: Set<Int>)
    /// Some entries are in neither place. Never hidden.
    case lost(Intent, here: Set<Int>, missing: [RelativePath])
    /// Nothing of it lies here: the engine holds it, or it is the record of what is gone. The engine says which.
    case withEngine(Intent)
    /// Its deletion was decided and begun.
    case purging(Intent?)
    /// What is there cannot be understood, and so is left alone.
    case unclear(Intent?, reason: String)
}

extension Trash {
    /// Looks at an item. Changes nothing.
    func state(of item: ItemFolder) -> ItemState {
        var intent: Intent?
        do {
            let names = Set(try names(in: item))
            let hasData = names.contains { $0.hasPrefix("data.") }
            switch (names.contains("meta"), names.contains("meta.purging")) {
            case (true, true): return .unclear(nil, reason: "both meta and meta.purging exist")
            case (false, false): return hasData ? .unclear(nil, reason: "data without meta") : .empty
            case (false, true):
                do { intent = try readIntent("meta.purging", of: item) } catch is Unreadable {}
                // The decision stands even where the record of it is damaged.
                return .purging(intent)
            case (true, false): break
            }
            let found = try readIntent("meta", of: item)
            intent = found
            return try state(of: item, found, names)
        } catch {
            return .unclear(intent, reason: "\(error)")
        }
    }

    /// A folder that is gone was empty, or it could not have been removed.
    private func names(in item: ItemFolder) throws(DiskError) -> [String] {
        do { return try item.directory.names() } catch  where error.isMissing { return [] }
    }

    private func state(of item: ItemFolder, _ intent: Intent, _ names: Set<String>) throws -> ItemState {
        guard intent.run == item.run, intent.sequence == item.sequence, intent.root.inode == rootStatus.inode else {
            return .unclear(intent, reason: "it was written for another root or another item")
        }
        if intent.isWithEngine {
            let hasData = names.contains { $0.hasPrefix("data.") }
            return hasData ? .unclear(intent, reason: "data of what the engine holds") : .withEngine(intent)
        }
        var here: Set<Int> = []
        var missing: [RelativePath] = []
        for (index, held) in intent.held.enumerated() {
            if names.contains("data.\(index)") {
                let status = try item.directory.status(RelativePath("data.\(index)"))
                guard isSame(status, held.identity) else {
                    return .unclear(intent, reason: "data.\(index) is not what was moved there")
                }
                here.insert(index)
            } else if try !isAtItsPlace(held) {
                missing.append(held.path)
            }
        }
        if let extra = names.first(where: { $0.hasPrefix("data.") && !isData($0, of: intent) }) {
            return .unclear(intent, reason: "\(extra) is not in meta")
        }
        if !missing.isEmpty { return .lost(intent, here: here, missing: missing) }
        if here.isEmpty { return .home(intent) }
        return here.count == intent.held.count ? .held(intent) : .partly(intent, here: here)
    }

    private func isData(_ name: String, of intent: Intent) -> Bool {
        guard let index = Int(name.dropFirst("data.".count)) else { return false }
        return intent.held.indices.contains(index) && name == "data.\(index)"
    }

    private func readIntent(_ name: String, of item: ItemFolder) throws -> Intent {
        let bytes = try item.directory.read(RelativePath(name), limit: Intent.limitBytes)
        do {
            return try Intent(bytes)
        } catch let error as Checksum.Unsealed {
            throw Unreadable(description: "\(item.directory.path)/\(name) \(error.reason)")
        } catch {
            throw Unreadable(description: "\(item.directory.path)/\(name) is not what bilge writes")
        }
    }

    private struct Unreadable: Error, CustomStringConvertible { let description: String }

    /// True if it is the object that `identity` was taken from. The device is compared with the root's.
    func isSame(_ status: FileStatus, _ identity: Identity) -> Bool {
        status.device == rootStatus.device && status.inode == identity.inode
            && status.birth.nanoseconds == identity.birth && status.mode & 0o170000 == identity.mode & 0o170000
    }

    private func isAtItsPlace(_ held: Intent.Held) throws(DiskError) -> Bool {
        let parent: Directory
        do { parent = try root.directory(held.path.parent ?? .root) } catch  where error.isNoFolder { return false }
        let status = try parent.status(.root)
        guard status.device == rootStatus.device, status.mountID == rootStatus.mountID else {
            throw DiskError(.stat, parent.path, .improperLink)
        }
        guard let entry = try parent.statusIfPresent(RelativePath(String(held.path.name))) else { return false }
        return isSame(entry, held.identity)
    }
}

extension DiskError {
    /// True if a path cannot lead to what was there: it is gone, or something else than a directory is in its place.
    var isNoFolder: Bool {
        isMissing || errno == .notDirectory || errno == .tooManySymbolicLinkLevels
    }
}
