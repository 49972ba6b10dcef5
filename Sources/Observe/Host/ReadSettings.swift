// SPDX-License-Identifier: Apache-2.0

import Disk
package import Model
import SystemPackage

/// How the engine of a root and its containers are set up. Only reads.
///
/// The daemon's settings count only if they belong to this root: a root that was named may be anybody's. What the
/// command line of a daemon says beside `--config-file` is not looked at.
///
/// - Parameter file: settings that somebody named, and so vouches for; not escaped.
package func hostSettings(
    of root: DataRoot, _ containers: [ContainerRecord], file: String?, sources: RootSources
) -> HostSettings {
    let named = file.map(EntryName.escaped(text:))
    let place = named ?? configFile(sources) ?? EntryName.escaped(text: sources.settings)
    var settings = HostSettings(file: place)
    do {
        let content = try settingsContent(place)
        let document = try content.map { try decodeJSON(SettingsDocument.self, $0) } ?? SettingsDocument()
        let path = EntryName.escaped(text: document.dataRoot ?? document.graph ?? sources.usual)
        let isOurs = Sight(at: path) == .directory(device: root.status.device, inode: root.status.inode)
        if named != nil, content == nil {
            settings.note = "there is nothing in \(place), so nothing is known about the engine's settings"
        } else if named != nil || isOurs {
            settings.daemon = document.daemon
        } else {
            let about = content == nil ? "there is no \(place)" : "\(place) is about \(path)"
            settings.note =
                "\(about), so nothing is known about the engine's settings for this root; --config-file names them"
        }
    } catch let error as RootError {
        settings.note = error.message
    } catch {
        settings.note = "\(place) cannot be used: \(error)"
    }
    settings.logs = containers.compactMap { log(of: $0, in: root.directory) }
    settings.otherDisk = containerdElsewhere(root, sources)
    return settings
}

/// `--config-file` of the first daemon that has one.
private func configFile(_ sources: RootSources) -> String? {
    do {
        let proc = try ProcFS(path: FilePath(sources.proc))
        for id in try proc.processes() {
            guard case .value(let arguments) = proc.arguments(of: id),
                let file = DaemonCommand(arguments: arguments)?.configFile, file.hasPrefix("/")
            else { continue }
            return file
        }
    } catch {}  // Then the usual place is looked at, and what is found there says which root it is about.
    return nil
}

/// Source: moby `daemon/config/config.go`, `config_linux.go`, `builder.go`.
private struct SettingsDocument: Decodable {
    struct Builder: Decodable {
        struct Collection: Decodable {
            struct Rule: Decodable {
                var keepStorage: String?
                var reservedSpace: String?
                var maxUsedSpace: String?
                var minFreeSpace: String?
            }
            var enabled: Bool?
            var defaultKeepStorage: String?
            var defaultReservedSpace: String?
            var defaultMaxUsedSpace: String?
            var defaultMinFreeSpace: String?
            var policy: [Rule]?
        }
        var gc: Collection?
    }

    var dataRoot: String?
    var graph: String?
    var logDriver: String?
    var logOpts: [String: String]?
    var liveRestore: Bool?
    var builder: Builder?

    enum CodingKeys: String, CodingKey {
        case dataRoot = "data-root"
        case graph
        case logDriver = "log-driver"
        case logOpts = "log-opts"
        case liveRestore = "live-restore"
        case builder
    }

    var daemon: HostSettings.Daemon {
        var daemon = HostSettings.Daemon()
        daemon.logDriver = logDriver
        daemon.logOptions = logOpts ?? [:]
        daemon.liveRestore = liveRestore
        daemon.collectsCache = builder?.gc?.enabled
        if let gc = builder?.gc {
            let limits =
                [gc.defaultKeepStorage, gc.defaultMaxUsedSpace, gc.defaultMinFreeSpace]
                + (gc.policy ?? []).flatMap { [$0.keepStorage, $0.maxUsedSpace, $0.minFreeSpace] }
            daemon.limitsCache = limits.contains { $0 != nil }
        }
        return daemon
    }
}

/// The log of a container and what it holds; `nil` if its records do not say where it is, which `scan` reports.
private func log(of container: ContainerRecord, in root: Directory) -> HostSettings.Log? {
    guard let record = container.log, let path = record.path, let folder = path.parent else { return nil }
    do {
        let names = try root.names(of: folder).filter { $0.hasPrefix(path.name) }
        let bytes = try root.statuses(of: folder, names: names).reduce(Int64(0)) {
            $0 + Int64(clamping: $1?.sizeBytes ?? 0)
        }
        return HostSettings.Log(container: container, record: record, bytes: bytes)
    } catch {
        return nil
    }
}

/// containerd's usual directory, if it is on another file system than the root.
private func containerdElsewhere(_ root: DataRoot, _ sources: RootSources) -> String? {
    switch Sight(at: EntryName.escaped(text: sources.containerd)) {
    case .directory(let device, _): device == root.status.device ? nil : EntryName.escaped(text: sources.containerd)
    case .absent, .unreadable: nil
    }
}
