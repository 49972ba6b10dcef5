// SPDX-License-Identifier: Apache-2.0

import CDisk
import Model

/// One line of a `mountinfo` file: what is mounted where, as one mount namespace sees it.
///
/// Paths are absolute, in `EntryName`'s escaped form.
package struct Mount: Hashable, Sendable {
    package var id: UInt64
    /// The mount it is mounted on; its own id, or one that is not listed, at the top of the namespace.
    package var parent: UInt64
    /// Comparable with `FileStatus.device`; not on btrfs, where every subvolume answers with a device of its own.
    package var device: UInt64
    /// Which directory of its file system is mounted, or such as `net:[4026531840]` of a namespace file. Ends in
    /// `//deleted` if that directory was removed since.
    package var root: String
    package var point: String
    package var type: String
    package var source: String
    /// Of the file system, such as `rw` and `upperdir=/x`, each escaped.
    package var superOptions: [String]
    /// The directories that an overlay is made of; `nil` for every other type, also for fuse-overlayfs, which does not
    /// tell the kernel.
    package var overlay: Overlay?

    package struct Overlay: Hashable, Sendable {
        /// As they were written at mount time: maybe relative to the then working directory, such as `l/ABC`.
        package var lower: [String] = []
        package var upper: String?
        package var work: String?
    }
}

/// A line of a kernel file that is not what the kernel's documentation says.
package struct LineError: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// From 1.
    package var line: Int
    /// Escaped, and cut off after 200 characters.
    package var text: String

    init(_ file: String, _ line: Int, _ bytes: some Collection<UInt8>) {
        self.file = file
        self.line = line
        text = EntryName.escaped(bytes.prefix(200))
    }

    package var description: String { "\(file), line \(line), is not understood: \(text)" }
}

extension Mount {
    /// Parses a whole `mountinfo` file.
    ///
    /// One line that is not understood is an error for all: what it mounts would be missing from a list that has to be
    /// complete. Source: proc_pid_mountinfo(5); Linux `fs/proc_namespace.c`, `show_mountinfo`.
    package static func parse(_ bytes: [UInt8], file: String = "mountinfo") throws(LineError) -> [Mount] {
        var mounts: [Mount] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let mount = Mount(line) else { throw LineError(file, index + 1, line) }
            mounts.append(mount)
        }
        return mounts
    }

    /// `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro`; between the sixth field and
    /// the dash there may be any number of fields.
    private init?(_ line: ArraySlice<UInt8>) {
        // A source may be empty, so two spaces in a row are two separators.
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual([UInt8(ascii: "-")]) }),
            fields.count == dash + 4,
            let id = decimal(fields[0]), let parent = decimal(fields[1]), let device = Device(fields[2], radix: 10),
            let root = unescaped(fields[3]), !root.isEmpty,
            let point = unescaped(fields[4]), point.first == UInt8(ascii: "/"),
            let type = unescaped(fields[dash + 1]), !type.isEmpty, let source = unescaped(fields[dash + 2])
        else { return nil }
        var options: [[UInt8]] = []
        for option in splitOptions(fields[dash + 3]) {
            guard let option = unescaped(option) else { return nil }
            options.append(option)
        }
        self.id = id
        self.parent = parent
        self.device = device.number
        self.root = EntryName.escaped(root)
        self.point = EntryName.escaped(point)
        self.type = EntryName.escaped(type)
        self.source = EntryName.escaped(source)
        superOptions = options.map { EntryName.escaped($0) }
        // Ubuntu's kernels before 3.18 said `overlayfs`.
        overlay = self.type == "overlay" || self.type == "overlayfs" ? Overlay(options) : nil
    }
}

extension Mount.Overlay {
    /// Source: Linux `Documentation/filesystems/overlayfs.rst`; `fs/overlayfs/params.c`.
    fileprivate init(_ options: [[UInt8]]) {
        for option in options {
            guard let equals = option.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = option[(equals + 1)...]
            switch String(decoding: option[..<equals], as: UTF8.self) {
            // `::` begins the data-only layers, which are read like any other.
            case "lowerdir":
                lower += Self.split(value).filter { !$0.isEmpty }.map { Self.path($0) }
            case "lowerdir+", "datadir+": lower.append(Self.path(value))
            case "upperdir": upper = Self.path(value)
            case "workdir": work = Self.path(value)
            default: continue
            }
        }
    }

    private static func split(_ value: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        Disk.split(value, at: UInt8(ascii: ":")) { $0.first == UInt8(ascii: "\\") ? 2 : 0 }
    }

    /// Whoever mounts writes `\:` and `\,` for a colon and a comma in a name.
    private static func path(_ bytes: ArraySlice<UInt8>) -> String {
        var plain: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            let escapes = byte == UInt8(ascii: "\\") && !rest.isEmpty
            plain.append(escapes ? rest.removeFirst() : byte)
        }
        return EntryName.escaped(plain)
    }
}

/// A device number as kernel files write it.
struct Device {
    /// As `stat` gives it.
    let number: UInt64

    /// `major:minor`.
    init?(_ bytes: ArraySlice<UInt8>, radix: Int) {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt32(String(decoding: parts[0], as: UTF8.self), radix: radix),
            let minor = UInt32(String(decoding: parts[1], as: UTF8.self), radix: radix)
        else { return nil }
        number = cdisk_device(major, minor)
    }
}

/// A number without sign.
func decimal(_ bytes: some Collection<UInt8>) -> UInt64? {
    guard let first = bytes.first, first != UInt8(ascii: "+") else { return nil }
    return UInt64(String(decoding: bytes, as: UTF8.self))
}

/// Splits at the commas between options. Before Linux 4.4 the kernel left a comma in a value as it was: then a backslash
/// of whoever mounted stands before it, which the kernel writes as `\134`.
private func splitOptions(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    split(bytes, at: UInt8(ascii: ",")) { $0.starts(with: "\\134".utf8) ? 5 : 0 }
}

/// Splits at each separator; `skipped` says how many bytes at the start of the rest hide one.
private func split(
    _ bytes: ArraySlice<UInt8>, at separator: UInt8, _ skipped: (ArraySlice<UInt8>) -> Int
) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex
    var index = start
    while index < bytes.endIndex {
        let hidden = skipped(bytes[index...])
        if hidden == 0, bytes[index] == separator {
            parts.append(bytes[start..<index])
            start = index + 1
        }
        index += max(1, hidden)
    }
    return parts + [bytes[start...]]
}

/// Undoes the kernel's `\040`; `nil` if a backslash begins anything else than three octal digits of a byte.
private func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var plain: [UInt8] = []
    plain.reserveCapacity(bytes.count)
    var rest = bytes
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\") else {
            plain.append(byte)
            continue
        }
        guard rest.count >= 3, rest.first != UInt8(ascii: "+"),
            let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
        else {
            return nil
        }
        plain.append(value)
        rest = rest.dropFirst(3)
    }
    return plain
}
