// SPDX-License-Identifier: Apache-2.0

import Disk
package import Model

/// A container's log files as they lie on the disk.
package struct ContainerLog: Sendable {
    package var container: ContainerRecord
    package var record: LogRecord
    /// The one that is being written first, then the rotated ones.
    package var files: [File]
    /// What could not be read; empty if all could.
    package var problem: String

    package struct File: Sendable {
        package var path: RelativePath
        package var sizeBytes: Int64
        package var allocatedBytes: Int64
        package var identity: Identity
        var status: FileStatus

        init(_ path: RelativePath, _ status: FileStatus) {
            self.path = path
            self.status = status
            sizeBytes = Int64(clamping: status.sizeBytes)
            allocatedBytes = status.allocatedBytes
            identity = status.identity
        }
    }

    package var sizeBytes: Int64 { files.reduce(0) { $0 + $1.sizeBytes } }
    package var allocatedBytes: Int64 { files.reduce(0) { $0 + $1.allocatedBytes } }
    /// The file that the engine appends to.
    package var current: File? { files.first { $0.path == record.path } }
}

/// The logs of all containers of a root, the largest first.
package func logs(_ survey: Survey) -> [ContainerLog] {
    let items = Dictionary(
        survey.items.filter { $0.item.thing == .log }.map { ($0.item.path.components.prefix(2).last ?? "", $0.item) },
        uniquingKeysWith: { first, _ in first })
    let logs = survey.catalog.containers.compactMap { container in
        container.log.map { record in
            log(of: container, record, items[container.path.name]?.paths ?? [], in: survey.directory)
        }
    }
    return logs.sorted { ($1.allocatedBytes, $0.container.id) < ($0.allocatedBytes, $1.container.id) }
}

private func log(
    of container: ContainerRecord, _ record: LogRecord, _ paths: [RelativePath], in root: Directory
) -> ContainerLog {
    var log = ContainerLog(container: container, record: record, files: [], problem: "")
    do {
        for path in paths {
            guard let status = try root.statusIfPresent(path) else { continue }
            if status.kind == .file { log.files.append(ContainerLog.File(path, status)) }
            guard status.kind == .directory else { continue }
            for name in try root.names(of: path).sorted() {
                guard let inner = try root.statusIfPresent(path / name), inner.kind == .file else { continue }
                log.files.append(ContainerLog.File(path / name, inner))
            }
        }
    } catch {
        log.problem = "\(error)"
    }
    log.files.sort { ($1.path == record.path ? 1 : 0, $0.path) < ($0.path == record.path ? 1 : 0, $1.path) }
    return log
}
