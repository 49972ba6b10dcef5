// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// A file or directory that the kernel itself uses, or serves to other hosts, without any process or mount that shows it.
struct KernelUse: Hashable {
    /// Absolute, escaped, as this process's namespace calls it.
    var path: String
    /// In a sentence: `loop device loop3`.
    var user: String
    /// The file it was read from.
    var source: String
}

/// Where the kernel says so; tests look elsewhere.
package struct KernelSources: Sendable {
    package var proc = "/proc"
    package var blockDevices = "/sys/devices/virtual/block"
    package var exports = "/etc"
    /// Waits so many milliseconds before a process that could not be asked is asked again.
    package var pause: @Sendable (Int) -> Void = ProcFS.pause

    package init(proc: String = "/proc") { self.proc = proc }
}

/// Reads loop devices, swap files and NFS exports. What cannot be read is a problem for everything: a file in use may be
/// behind it.
func kernelUses(_ sources: KernelSources) -> (uses: [KernelUse], problems: [Problem]) {
    var findings = Findings()
    var uses: [KernelUse] = []
    uses += loopDevices(sources.blockDevices, &findings)
    uses += lines(of: "swaps", in: sources.proc, &findings).dropFirst().compactMap { line in
        // "Filename  Type  Size  Used  Priority"; see proc(5).
        guard let name = fields(line).first else { return nil }
        return KernelUse(path: name, user: "swap", source: sources.proc + "/swaps")
    }
    for table in ["fs/nfsd/exports", "fs/nfs/exports"] {
        uses += exports(lines(of: table, in: sources.proc, &findings), source: sources.proc + "/" + table)
    }
    uses += exports(lines(of: "exports", in: sources.exports, &findings), source: sources.exports + "/exports")
    for name in names(in: sources.exports + "/exports.d", &findings) where name.hasSuffix(".exports") {
        let path = "exports.d/" + name
        uses += exports(lines(of: path, in: sources.exports, &findings), source: sources.exports + "/" + path)
    }
    return (uses, findings.problems)
}

/// Source: the kernel's `drivers/block/loop.c`, attribute `backing_file`; it is absent while the device is not in use.
private func loopDevices(_ folder: String, _ findings: inout Findings) -> [KernelUse] {
    names(in: folder, &findings).filter { $0.hasPrefix("loop") }.flatMap { name in
        lines(of: "\(name)/loop/backing_file", in: folder, &findings).map { line in
            KernelUse(
                path: EntryName.escaped(line), user: "loop device \(name)",
                source: "\(folder)/\(name)/loop/backing_file")
        }
    }
}

/// `<path> <client>(<options>)…`, comments and continued lines as in exports(5).
private func exports(_ lines: [[UInt8]], source: String) -> [KernelUse] {
    var uses: [KernelUse] = []
    var continues = false
    for line in lines {
        defer { continues = line.last == UInt8(ascii: "\\") }
        guard !continues, let path = fields(line).first, !path.hasPrefix("#") else { continue }
        uses.append(KernelUse(path: path, user: "NFS export", source: source))
    }
    return uses
}

/// Fields between spaces or tabs, with the `\040` that the kernel writes for what would part them, and the quotes of
/// exports(5), undone; escaped.
private func fields(_ line: [UInt8]) -> [String] {
    var fields: [String] = []
    var current: [UInt8] = []
    var isQuoted = false
    var index = line.startIndex
    while index < line.endIndex {
        let byte = line[index]
        index += 1
        if byte == UInt8(ascii: "\""), current.isEmpty || isQuoted {
            isQuoted.toggle()
        } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t"), !isQuoted {
            if !current.isEmpty { fields.append(EntryName.escaped(current)) }
            current = []
        } else if byte == UInt8(ascii: "\\"), index + 3 <= line.endIndex,
            let value = UInt8(String(decoding: line[index..<index + 3], as: UTF8.self), radix: 8)
        {
            current.append(value)
            index += 3
        } else {
            current.append(byte)
        }
    }
    if !current.isEmpty { fields.append(EntryName.escaped(current)) }
    return fields
}

private func lines(of name: String, in folder: String, _ findings: inout Findings) -> [[UInt8]] {
    // Files of the kernel have no size and are made as they are read; this reads them as such, wherever they are.
    let bytes = reading(folder + "/" + name, &findings) { () throws(DiskError) in
        try ProcFS(path: FilePath(folder)).fileIfPresent(RelativePath(name))
    }
    return ((bytes ?? nil) ?? []).split(separator: UInt8(ascii: "\n")).map(Array.init)
}

private func names(in folder: String, _ findings: inout Findings) -> [String] {
    reading(folder, &findings) { () throws(DiskError) in try Directory(path: FilePath(folder)).names() } ?? []
}

/// Absent is an answer here: kernels without loop devices, hosts without NFS.
private func reading<Value>(
    _ path: String, _ findings: inout Findings, _ body: () throws(DiskError) -> Value
) -> Value? {
    do { return try body() } catch {
        if !error.isMissing, error.errno != .notDirectory {
            findings.problem(path, hides: [.everything], because: error.description)
        }
        return nil
    }
}
