// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// The folder of one item in the trash: `<run>/i000001`.
struct ItemFolder {
    let run: String
    let sequence: Int
    let runFolder: Directory
    let directory: Directory

    var name: String { ItemFolder.name(sequence) }

    static func name(_ sequence: Int) -> String { "i" + padded(sequence, 6) }

    /// The sequence that a folder's name stands for; `nil` for a name that we do not make.
    static func sequence(_ name: String) -> Int? {
        guard name.first == "i", let sequence = Int(name.dropFirst()), ItemFolder.name(sequence) == name else {
            return nil
        }
        return sequence
    }
}

extension Trash {
    /// What `undo` takes: when the run began, in UTC, and the first four digits of its plan.
    static func runID(_ time: Timestamp, plan: String) -> String {
        let date = time.rfc3339.filter { $0 != "-" && $0 != ":" }  // 20150601T100000Z
        let digits = plan.utf8.prefix(4).filter { isHex($0) }
        let suffix = String(decoding: digits, as: UTF8.self)
        return date.prefix(8) + "-" + date.dropFirst(9).prefix(6) + "-"
            + String(repeating: "0", count: 4 - suffix.utf8.count) + suffix
    }

    static func isRunID(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].count == 8 && parts[1].count == 6 && parts[2].count == 4
            && parts[..<2].joined().allSatisfy { $0 >= 48 && $0 <= 57 }
            && parts[2].allSatisfy { Trash.isHex($0) }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        byte >= 48 && byte <= 57 || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
    }

    /// Runs that have a folder, oldest first.
    func runs() throws(DiskError) -> [String] { try folder.names().filter(Trash.isRunID).sorted() }

    /// The sequences of a run's items, in the order in which they were taken.
    func sequences(of run: String) throws(DiskError) -> [Int] {
        try folder.names(of: RelativePath(run)).compactMap(ItemFolder.sequence).sorted()
    }

    /// Opens one at a time: a run may have more items than a process may have open files.
    func item(_ sequence: Int, of run: String) throws(DiskError) -> ItemFolder {
        let runFolder = try folder.directory(RelativePath(run))
        let directory = try runFolder.directory(RelativePath(ItemFolder.name(sequence)))
        return ItemFolder(run: run, sequence: sequence, runFolder: runFolder, directory: directory)
    }

    /// Makes the folder of a run and returns its name: some seconds later than `time` if an earlier run would not come before
    /// it, since the latest is the one that `undo` takes. Where a clock was set back by more than a minute, any free name.
    func makeRun(_ time: Timestamp, plan: String) throws(DiskError) -> String {
        let taken = try runs()
        let names = (0..<60).map { Trash.runID(Timestamp(seconds: time.seconds + Int64($0)), plan: plan) }
        let run = names.first { name in taken.last.map { $0.prefix(15) < name.prefix(15) } ?? true }
        guard let run = run ?? names.first(where: { !taken.contains($0) }) else {
            throw DiskError(.create, folder.path + "/" + names[0], .fileExists)
        }
        try withReserve(disk.makeDirectory(run, in: folder))
        try disk.sync(folder)
        return run
    }

    /// Removes the folder of a run that holds nothing any more.
    func removeRunIfEmpty(_ run: String) throws(DiskError) {
        let runFolder = try folder.directory(RelativePath(run))
        let names = try runFolder.names()
        guard names.allSatisfy({ Checked.sequence($0) != nil }) else { return }
        for name in names { try disk.unlink(name, in: runFolder) }
        try disk.removeDirectory(run, in: folder)
        try disk.sync(folder)
    }
}

/// `<run>/checked.000064`: all items of the run up to that one were looked at again after they had been moved, and
/// nobody needed them. One file for many items, because each costs a write to the disk.
struct Checked {
    /// Sequences, ascending, with the time at which each was written.
    private var marks: [(sequence: Int, time: Timestamp)] = []

    init(_ runFolder: Directory) throws(DiskError) {
        for name in try runFolder.names() {
            guard let sequence = Checked.sequence(name), let status = try runFolder.statusIfPresent(RelativePath(name))
            else { continue }
            marks.append((sequence, status.changed))
        }
        marks.sort { $0.sequence < $1.sequence }
    }

    /// When the item was found unneeded after the move, by the clock of the file system; `nil` if it never was.
    func time(of item: ItemFolder) -> Timestamp? { marks.first { $0.sequence >= item.sequence }?.time }

    static func name(_ sequence: Int) -> String { "checked." + padded(sequence, 6) }

    static func sequence(_ name: String) -> Int? {
        guard name.hasPrefix("checked."), let sequence = Int(name.dropFirst(8)), Checked.name(sequence) == name else {
            return nil
        }
        return sequence
    }
}

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
