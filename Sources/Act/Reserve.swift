// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

extension Trash {
    /// Enough for the intents and folders of about a hundred items.
    static let reserveBytes: Int64 = 1 << 20

    /// Runs `body`; if the disk is full, gives up the reserve and runs it once more.
    ///
    /// A rename needs no space, but writing down what will be renamed does. A disk may fill up completely, and that is
    /// when somebody calls for Bilge.
    func withReserve(_ body: @autoclosure () throws(DiskError) -> Void) throws(DiskError) {
        do { try body() } catch  where error.isNoSpace {
            try giveUpReserve(because: error)
            try body()
        }
    }

    /// - Throws: the error that it is given if there is no reserve any more.
    func giveUpReserve(because error: DiskError) throws(DiskError) {
        guard try folder.statusIfPresent(RelativePath("reserve")) != nil else { throw error }
        try disk.unlink("reserve", in: folder)
        try disk.sync(folder)
    }

    /// Makes the reserve if there is room; without one Bilge works as well until the disk is full.
    func makeReserve() throws(DiskError) {
        do {
            try disk.reserve("reserve", bytes: Trash.reserveBytes, in: folder)
        } catch  where error.isNoSpace || error.errno == .notSupported || error.errno == .fileExists {
            return
        }
    }
}

extension Directory {
    /// What a person has to free where there is no room to write down what would be moved: blocks, inodes, or both.
    func spaceNeeded(bytes: Int64, inodes: Int) -> String {
        var parts: [String] = []
        do {
            let left = try fileSystem()
            // No total means that inodes are made as they are needed.
            if left.totalInodes > 0, left.freeInodes < UInt64(inodes) { parts = ["\(inodes) inodes"] }
            if parts.isEmpty || left.availableBytes < UInt64(bytes) { parts.insert("\(bytes) bytes", at: 0) }
        } catch {
            parts = ["\(bytes) bytes"]
        }
        return "free \(parts.joined(separator: " and ")) on this file system"
    }
}
