// SPDX-License-Identifier: Apache-2.0

import Model

/// A bind mount that Docker 1.3 to 1.6 wrote down as if it were a volume: `volumes/<id>/config.json` with `IsBindMount`.
///
/// Such a record owns no data; its `Path` is never followed.
///
/// Source: docker 1.6 `volumes/repository.go`, `daemon/volumes.go` (`registerVolumes`).
struct BindRecord: Sendable {
    var item: RelativePath
    /// The file that says so.
    var file: RelativePath
    /// What is mounted, as recorded.
    var path: String

    /// Claims the records that containers need.
    ///
    /// These engines made a record of every bind mount of every container, also at their own start. So if one has none,
    /// either path may be damaged, and what is left over may be its record.
    ///
    /// - Parameter containers: those of an engine that reads such records.
    static func claim(_ records: [BindRecord], _ containers: [ContainerRecord], _ findings: inout Findings) {
        let recorded = Set(records.map(\.path))
        let unrecorded = containers.lazy.flatMap(\.binds).filter { !recorded.contains($0) }.min()
        for record in records {
            findings.claim(record.item, by: .layout, .mentions, as: .bindRecord, source: record.file.text)
            let users = containers.filter { $0.mountSources.contains(record.path) }
            for container in users {
                findings.claim(record.item, by: .item(container.path), source: record.file.text)
            }
            if users.isEmpty, let unrecorded {
                findings.problem(
                    record.file.text, hides: [.item(record.item)],
                    because: "it may be the record of \(EntryName.escaped(text: unrecorded)), which has none")
            }
        }
    }
}
