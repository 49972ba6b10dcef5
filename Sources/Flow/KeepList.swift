// SPDX-License-Identifier: Apache-2.0

import Act
import Disk
import Model
import SystemPackage

/// The keep list of the host, `/etc/bilge/keep`: one pattern of whole names on each line, `#` begins a comment.
package struct KeepList: Hashable, Sendable {
    package var patterns: [String]
    /// Why it could not be read; then nobody knows what must stay, and nothing is removed.
    package var problem: String?

    /// No file is an empty list.
    package static func read(_ path: String) -> KeepList {
        do {
            return try list(FilePath(path))
        } catch let error as DiskError where error.isMissing {
            return KeepList(patterns: [])
        } catch {
            return KeepList(
                patterns: [], problem: "the keep list \(EntryName.escaped(text: path)) cannot be read: \(error)")
        }
    }

    /// - Throws: also for a folder that is not there.
    private static func list(_ path: FilePath) throws -> KeepList {
        guard let name = path.lastComponent?.string else { throw FlowError(.usage, "it has no name") }
        let folder = try Directory(path: path.removingLastComponent())
        // The file that replaces the list counts while the list is gone.
        for name in [name, name + ".new"] {
            let entry = RelativePath(EntryName.escaped(text: name))
            if let bytes = try folder.readIfPresent(entry, limit: 1 << 20) { return try KeepList(bytes) }
        }
        return KeepList(patterns: [])
    }

    private init(patterns: [String], problem: String? = nil) {
        self.patterns = patterns
        self.problem = problem
    }

    private init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw FlowError(.failed, "it is not UTF-8") }
        patterns = text.split(separator: "\n").compactMap(Self.pattern)
    }

    /// What a line of the file says; `nil` for an empty line or a comment.
    static func pattern(of line: Substring) -> String? {
        let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
        return words.isEmpty ? nil : words.joined(separator: " ")
    }
}

/// Adds patterns to the keep list and takes others off it; comments stay.
///
/// - Throws: `FlowError`; a list that cannot be read is not replaced.
package func editKeepList(_ path: String, adding: [String] = [], removing: [String] = []) throws {
    let list = KeepList.read(path)
    if let problem = list.problem { throw FlowError(.failed, problem) }
    for pattern in adding where pattern.isEmpty || pattern.contains(where: { $0.isNewline || $0 == "#" }) {
        throw FlowError(.usage, "\(EntryName.escaped(text: pattern)) is no pattern of names")
    }
    let file = FilePath(path)
    guard let name = file.lastComponent?.string, let home = file.removingLastComponent().lastComponent?.string else {
        throw FlowError(.usage, "\(path) is not the name of a file")
    }
    do {
        let parent = try Directory(path: file.removingLastComponent().removingLastComponent())
        try makeFolder(EntryName.escaped(text: home), in: parent)
        let folder = try parent.directory(RelativePath(EntryName.escaped(text: home)))
        let entry = EntryName.escaped(text: name)
        var old = try folder.readIfPresent(RelativePath(entry), limit: 1 << 20)
        if old == nil { old = try folder.readIfPresent(RelativePath(entry + ".new"), limit: 1 << 20) }
        let before = String(decoding: old ?? [], as: UTF8.self)
        var text = ""
        for line in before.split(separator: "\n", omittingEmptySubsequences: false).dropLast(
            before.hasSuffix("\n") ? 1 : 0)
        {
            if let pattern = KeepList.pattern(of: line), removing.contains(pattern) { continue }
            if !before.isEmpty { text += line + "\n" }
        }
        for pattern in adding where !list.patterns.contains(pattern) { text += pattern + "\n" }
        try replaceFile(entry, with: Array(text.utf8), in: folder)
    } catch {
        throw FlowError(.failed, "cannot change the keep list: \(error)")
    }
}
