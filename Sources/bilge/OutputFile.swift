// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// A file that a person named to have a result written into.
enum OutputFile {
    /// Makes the file, for its owner alone. Never replaces one: who runs this is root, and the folder may be
    /// everybody's.
    ///
    /// - Parameter what: such as `the plan`.
    static func create(_ text: String, at path: String, what: String) throws {
        do {
            let (folder, name) = try place(of: path)
            try folder.createFile(name, Array(text.utf8))
        } catch let error as DiskError {
            let isTaken = error.errno == .fileExists
            throw Failure(
                .failed, "cannot save \(what): \(error)", advice: isTaken ? "remove it first, or choose another name" : "")
        }
    }

    /// The folder that a path is in, and the last name of the path.
    static func place(of path: String) throws -> (Directory, name: String) {
        let path = FilePath(path)
        guard let name = path.lastComponent, name.kind == .regular else {
            throw Failure(.usage, "\(Shown.raw(path.string)) is not the name of a file")
        }
        let folder = path.removingLastComponent()
        return (try Directory(path: folder.isEmpty ? "." : folder), EntryName.escaped(text: name.string))
    }
}
