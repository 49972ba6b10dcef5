// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A data root written by a real Docker daemon, packed with what is expected of each of its paths.
///
/// The small ones of Docker 1.0 to 1.9 are in `Tests/GoldenRoots`; larger ones are looked for in `$BILGE_GOLDEN_ROOTS` and
/// in `shared/roots` beside the checkout.
package struct GoldenRoot: Sendable, CustomStringConvertible {
    package let name: String
    package let folder: String

    package var description: String { name }

    package struct Expectation: Decodable, Sendable {
        package struct Path: Decodable, Sendable {
            package let ideal: String
            package let allowed: [String]
            package let why: String?
        }
        package let dataRoot: String
        package let paths: [String: Path]
    }

    package static let all: [GoldenRoot] = {
        let ours = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let checkout = ours.deletingLastPathComponent()
        let folders =
            [ours.appendingPathComponent("GoldenRoots").path]
            + (ProcessInfo.processInfo.environment["BILGE_GOLDEN_ROOTS"].map { [$0] } ?? [])
            + [checkout.deletingLastPathComponent().appendingPathComponent("shared/roots").path]
        var found: [String: GoldenRoot] = [:]
        for folder in folders {
            for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where file.hasSuffix(".tar.xz") {
                let name = String(file.dropLast(".tar.xz".count))
                found[name] = found[name] ?? GoldenRoot(name: name, folder: folder)
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }()

    package static func named(_ name: String) -> GoldenRoot? { all.first { $0.name == name } }

    /// Unpacks it; the root is the returned folder, or `data-root` in it.
    package func unpack() throws -> (directory: TemporaryDirectory, root: String) {
        let directory = try TemporaryDirectory(name)
        try run([
            "tar", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xJf", "\(folder)/\(name).tar.xz",
            "-C",
            directory.path,
        ])
        let nested = directory.path + "/data-root"
        return (directory, FileManager.default.fileExists(atPath: nested) ? nested : directory.path)
    }

    package func expectation() throws -> Expectation {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).expected.json"))
        return try JSONDecoder().decode(Expectation.self, from: data)
    }
}
