// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Model

/// A file or directory without a name that a process holds: open, mapped, as its program or as its working directory.
package struct HeldWithoutName: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var allocatedBytes: Int64
    /// It was opened for writing.
    package var isWritable: Bool
    /// Where it was, escaped, as seen from that process; empty if the kernel does not tell.
    package var path: String
}

extension ProcFS {
    /// What a process holds that no directory names any more; one entry for each way in which it holds it.
    ///
    /// Mapped files are asked about where the kernel lets us (`CAP_SYS_ADMIN`); a file that is only mapped is missing
    /// otherwise. Source: proc_pid_fd(5), proc_pid_maps(5), proc_pid_map_files(5).
    package func heldWithoutName(by id: ProcessID) -> ProcessAnswer<[HeldWithoutName]> {
        answer(id) { () throws(DiskError) in
            let own = try folder.directory(id.folder)
            var held: [HeldWithoutName] = []
            let open = try folder.directory(id.folder / "fd")
            for name in try open.names() {
                guard var file = nameless(name, in: open) else { continue }
                file.isWritable = try isWritable(id, name)
                held.append(file)
            }
            for link in ["cwd", "root", "exe"] {
                if let file = nameless(link, in: own) { held.append(file) }
            }
            let mapped = try deletedMappings(of: id)
            if !mapped.isEmpty {
                let maps = try folder.directory(id.folder / "map_files")
                held += mapped.compactMap { nameless($0, in: maps) }
            }
            return held
        }
    }

    /// `nil` if it has a name, or went away.
    private func nameless(_ name: String, in directory: Directory) -> HeldWithoutName? {
        var status = cdisk_status()
        guard unsafe withName(name, { unsafe cdisk_status_behind(directory.descriptor, $0, &status) }) == 0,
            status.links == 0, status.blocks > 0
        else { return nil }
        return HeldWithoutName(
            device: status.device, inode: status.inode, allocatedBytes: Int64(clamping: status.blocks) * 512,
            isWritable: false, path: place(name, in: directory))
    }

    /// Where it was, without what the kernel adds to it.
    private func place(_ name: String, in directory: Directory) -> String {
        let deleted = " (deleted)"
        do {
            let target = EntryName.escaped(try directory.linkTarget(RelativePath(name)))
            return target.hasSuffix(deleted) ? String(target.dropLast(deleted.count)) : target
        } catch {
            return ""
        }
    }

    /// From `flags:` of fdinfo, in octal; the last two bits are O_RDONLY, O_WRONLY, O_RDWR.
    private func isWritable(_ id: ProcessID, _ name: String) throws(DiskError) -> Bool {
        guard let bytes = try fileIfPresent(id.folder / "fdinfo" / name) else { return false }
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "flags:".utf8) {
            let digits = String(decoding: line.dropFirst(6).filter { $0 > 0x20 }, as: UTF8.self)
            return UInt64(digits, radix: 8).map { $0 & 3 != 0 } ?? false
        }
        return false
    }

    /// Names in `map_files` of mappings of files without a name.
    private func deletedMappings(of id: ProcessID) throws(DiskError) -> [String] {
        guard let bytes = try fileIfPresent(id.folder / "maps") else { return [] }
        var names: [String] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            let line = bytes[start..<end]
            start = end + 1
            // Nearly all have a name, and there are many.
            guard line.last == UInt8(ascii: ")"), line.suffix(10).elementsEqual(" (deleted)".utf8),
                let range = line.split(separator: 0x20).first
            else { continue }
            // `map_files` writes the same numbers without zeros in front.
            let ends = range.split(separator: UInt8(ascii: "-")).map { $0.drop { $0 == UInt8(ascii: "0") } }
            guard ends.count == 2 else { continue }
            names.append(String(decoding: ends[0], as: UTF8.self) + "-" + String(decoding: ends[1], as: UTF8.self))
        }
        return names
    }
}
