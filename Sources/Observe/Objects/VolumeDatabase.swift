// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Reads `volumes/metadata.db`: what Docker 1.12 and later know of volumes beside their directories.
///
///     bucket "volumes": <name> -> {"Name", "Driver", "Labels", "Options"}
///
/// Source: moby `volume/service/db.go`.
enum VolumeDatabase {
    /// Returns the recorded volumes by escaped name. A database that cannot be read freezes all volumes.
    static func read(_ path: RelativePath, in root: Directory, into findings: inout Findings) -> [String: VolumeRecord]
    {
        guard case .present(let file) = findings.bolt(path, in: root, hides: [.volumes]) else { return [:] }
        let records = findings.reading(path, hides: [.volumes]) { () -> [String: VolumeRecord] in
            var records: [String: VolumeRecord] = [:]
            guard let bucket = try file.root.bucket("volumes") else { return records }
            for entry in bucket {
                let document = try decodeJSON(Document.self, Array(entry.bytes()))
                records[entry.name] = VolumeRecord(
                    name: entry.name, path: Volumes.folder / entry.name, driver: document.Driver ?? "local",
                    labels: document.Labels ?? [:], options: document.Options ?? [:])
            }
            return records
        }
        return records ?? [:]
    }

    private struct Document: Decodable {
        var Driver: String?
        var Labels: [String: String]?
        var Options: [String: String]?
    }
}
