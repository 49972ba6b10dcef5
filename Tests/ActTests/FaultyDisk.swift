// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage

@testable import Act

/// A disk on which the n-th change goes wrong.
final class FaultyDisk: DiskMutations, @unchecked Sendable {
    enum Fault: CustomStringConvertible {
        /// The n-th change and every later one does not happen: the process is dead, the power is gone.
        case death
        /// The n-th change does not happen, and the kernel says why.
        case refusal(Errno)
        /// The first change of that name does not happen.
        case refusalOf(String, Errno)
        /// The n-th change happens, but the kernel says that it did not.
        case lie(Errno)
        /// Every change from the n-th on that needs space is refused.
        case full

        var description: String {
            switch self {
            case .death: "death"
            case .refusal(let error): "refusal \(error)"
            case .refusalOf(let name, let error): "refusal of \(name) \(error)"
            case .lie(let error): "lie \(error)"
            case .full: "full"
            }
        }
    }

    private let real = HostDisk()
    private let at: Int
    private let fault: Fault
    private(set) var changes: [String] = []
    /// Called with the old name right before each rename: what others do in the last moment.
    var beforeRename: (String) -> Void = { _ in }

    init(_ fault: Fault = .death, at: Int = .max) {
        self.fault = fault
        self.at = at
    }

    /// False if there were fewer changes than that: the sweep is through.
    var fired: Bool { changes.count > at }

    private func change(_ name: String, needsSpace: Bool = false, _ body: () throws(DiskError) -> Void)
        throws(DiskError)
    {
        let number = changes.count
        changes.append(name)
        switch fault {
        case .death:
            if number >= at { throw DiskError(.write, name, .ioError) }
        case .refusal(let error):
            if number == at { throw DiskError(.write, name, error) }
        case .refusalOf(let refused, let error):
            if name == refused, changes.filter({ $0 == name }).count == 1 { throw DiskError(.write, name, error) }
        case .lie(let error):
            if number == at {
                try body()
                throw DiskError(.write, name, error)
            }
        case .full:
            if number >= at, needsSpace { throw DiskError(.write, name, .noSpace) }
        }
        try body()
    }

    func makeDirectory(_ name: String, in directory: Directory) throws(DiskError) {
        try change("mkdir \(short(directory))\(name)", needsSpace: true) { () throws(DiskError) in
            try real.makeDirectory(name, in: directory)
        }
    }

    func create(_ name: String, _ bytes: [UInt8], in directory: Directory) throws(DiskError) {
        try change("create \(short(directory))\(name)", needsSpace: !bytes.isEmpty) { () throws(DiskError) in
            try real.create(name, bytes, in: directory)
        }
    }

    func append(_ bytes: [UInt8], to name: String, in directory: Directory) throws(DiskError) {
        try change("append \(short(directory))\(name)", needsSpace: true) { () throws(DiskError) in
            try real.append(bytes, to: name, in: directory)
        }
    }

    func reserve(_ name: String, bytes: Int64, in directory: Directory) throws(DiskError) {
        try change("reserve \(name)", needsSpace: true) { () throws(DiskError) in
            try real.reserve(name, bytes: bytes, in: directory)
        }
    }

    func rename(_ name: String, in source: Directory, to newName: String, in target: Directory) throws(DiskError) {
        beforeRename(name)
        try change("rename \(short(source))\(name) \(short(target))\(newName)") { () throws(DiskError) in
            try real.rename(name, in: source, to: newName, in: target)
        }
    }

    func unlink(_ name: String, in directory: Directory) throws(DiskError) {
        try change("unlink \(short(directory))\(name)") { () throws(DiskError) in
            try real.unlink(name, in: directory)
        }
    }

    func removeDirectory(_ name: String, in directory: Directory) throws(DiskError) {
        try change("rmdir \(short(directory))\(name)") { () throws(DiskError) in
            try real.removeDirectory(name, in: directory)
        }
    }

    /// Two changes: something in it goes, and then the rest.
    func removeTree(_ name: String, in directory: Directory, counting removed: inout Usage) throws(DiskError) {
        var freed = Usage()
        defer { removed += freed }
        try change("empty \(short(directory))\(name)") { () throws(DiskError) in
            guard try directory.status(RelativePath(name)).kind == .directory else { return }
            let inner = try directory.directory(RelativePath(name))
            if let first = try inner.names().sorted().first {
                try real.removeTree(first, in: inner, counting: &freed)
            }
        }
        try change("remove \(short(directory))\(name)") { () throws(DiskError) in
            try real.removeTree(name, in: directory, counting: &freed)
        }
    }

    func sync(_ directory: Directory) throws(DiskError) {
        try change("sync \(short(directory))") { () throws(DiskError) in try real.sync(directory) }
    }

    func overwrite(_ bytes: [UInt8], at offset: Int64, of log: WritableFile) throws(DiskError) {
        try change("overwrite") { () throws(DiskError) in try real.overwrite(bytes, at: offset, of: log) }
    }

    func collapse(_ bytes: Int64, of log: WritableFile) throws(DiskError) {
        try change("collapse") { () throws(DiskError) in try real.collapse(bytes, of: log) }
    }

    func sync(_ log: WritableFile) throws(DiskError) {
        try change("sync log") { () throws(DiskError) in try real.sync(log) }
    }

    private func short(_ directory: Directory) -> String {
        guard let range = directory.path.range(of: "/root") else { return directory.path + "/" }
        return String(directory.path[range.upperBound...].drop { $0 == "/" }) + "/"
    }
}
