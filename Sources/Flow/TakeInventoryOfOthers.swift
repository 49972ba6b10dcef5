// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Engine
import Model

extension Stock {
    // MARK: - Containers

    func containers() -> [Inventory.Entry] {
        survey.catalog.containers.filter { isActive($0.driver) }.map { container in
            var entry = Inventory.Entry(
                kind: .containers, id: container.id, path: container.path,
                names: container.name.isEmpty ? [] : [container.name])
            entry.created = container.created
            entry.used = Self.lastUse(of: container)
            entry.labels = container.labels
            entry.isProtected = judged[container.path]?.isProtected ?? false
            if !Self.isStopped(container.state) { entry.claims.append("it is \(container.state)") }
            if container.labels["com.docker.swarm.task.id"] != nil {
                entry.claims.append("a task of Swarm, which removes it itself")
            }
            if let project = container.project, runningProjects.contains(project) {
                entry.claims.append("Compose project \(project) is running")
            }
            return entry
        }
    }

    /// The latest of its times. One that cannot be read may be the latest, but its creation is always there.
    static func lastUse(of container: ContainerRecord) -> Timestamp? {
        guard let created = container.created else { return nil }
        return [created, container.started, container.finished].compactMap(\.self).max()
    }

    private static func isStopped(_ state: String) -> Bool {
        state == "created" || state == "dead" || state.hasPrefix("exited")
    }

    // MARK: - Volumes

    /// Those that nobody uses: what a policy may still keep.
    func volumes(_ usage: [RelativePath: Usage]) -> [Inventory.Entry] {
        let records = Dictionary(survey.catalog.volumes.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        return survey.items.filter { entry in
            entry.item.thing.isVolume && (entry.standing == .orphan || entry.standing == .reclaimable)
                && usage[entry.item.path] != nil
        }.map { judged in
            let path = judged.item.path
            let isNamed = judged.item.thing == .namedVolume
            var entry = Inventory.Entry(
                kind: .volumes, id: judged.item.id, path: path, names: isNamed ? [judged.item.id] : [])
            entry.labels = records[path]?.labels ?? [:]
            entry.isProtected = judged.isProtected
            entry.bytes = usage[path]?.allocatedBytes
            let times = Self.times(of: path, in: survey.directory)
            entry.created = times?.made
            entry.used = times?.changed
            if isNamed {
                entry.irreplaceable = "somebody chose its name: --named"
            } else if hasDataOfNobody(judged, entry, usage) {
                entry.irreplaceable = "it has data, and was made for no container: --irreplaceable"
            }
            if let project = entry.project, runningProjects.contains(project) {
                entry.claims.append("Compose project \(project) is running")
            }
            return entry
        }
    }

    /// Since 23.0 the engine labels volumes that it makes for a container; one with a name of 64 digits and without that
    /// label was made by somebody else, who put the data there. Older engines do not tell.
    private func hasDataOfNobody(
        _ judged: Judged, _ entry: Inventory.Entry, _ usage: [RelativePath: Usage]
    ) -> Bool {
        guard judged.standing == .reclaimable, entry.labels["com.docker.volume.anonymous"] == nil,
            let version = survey.engine.apiVersion.flatMap({ APIVersion($0) }), version >= APIVersion(1, 42)
        else { return false }
        // The volume's own directory and its `_data`.
        return (usage[judged.item.path]?.inodes ?? 3) > 2
    }

    /// When a volume was made, as far as the file system says, and when anything in it last changed; `nil` if any of it
    /// could not be looked at.
    private static func times(of path: RelativePath, in root: Directory) -> (made: Timestamp?, changed: Timestamp)? {
        do {
            let status = try root.status(path)
            let isBorn = status.birth.nanoseconds > 0
            let newest = try newestModification(below: path, in: root)
            return (isBorn ? status.birth : nil, isBorn ? max(newest, status.birth) : newest)
        } catch {
            return nil
        }
    }

    // MARK: - Build cache

    func cache() -> [Inventory.Entry] {
        let records = Dictionary(survey.catalog.caches.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var listed: [(id: String, isInUse: Bool, isShared: Bool)] = []
        if let caches = survey.caches {
            for cache in caches { listed.append((cache.id, cache.isInUse, cache.isShared ?? false)) }
        } else {
            // Without an engine, the records on disk are all there is.
            for id in records.keys.sorted() { listed.append((id, false, false)) }
        }
        return listed.map { engine in
            let record = records[engine.id]
            var entry = Inventory.Entry(
                kind: .cache, id: engine.id, path: record?.directory ?? .root,
                names: record.map { $0.description.isEmpty ? [] : [$0.description] } ?? [])
            entry.parents = record?.parents ?? []
            entry.created = record?.created
            entry.used = [record?.lastUsed, record?.created].compactMap(\.self).max()
            entry.bytes = record?.sizeBytes
            entry.isInternal =
                engine.isShared || (record.map { ["internal", "frontend"].contains($0.recordType) } ?? false)
            if engine.isInUse { entry.claims.append("a build uses it") }
            if record == nil { entry.claims.append("the engine lists it, but its record was not found") }
            return entry
        }
    }

    /// True for what the engine would show: data of another driver is a store that it hides.
    func isActive(_ driver: String?) -> Bool {
        guard let driver else { return false }
        return survey.place.activeDriver.map { $0 == driver } ?? true
    }
}
