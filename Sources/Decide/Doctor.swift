// SPDX-License-Identifier: Apache-2.0

package import Model

/// Something about a host that is broken, or that will fill or lose its disk one day, and the way to mend it.
package struct Diagnosis: Hashable, Sendable {
    package enum Severity: String, Codable, CaseIterable, Sendable {
        /// Something does not work any more.
        case damage
        /// Data may be lost, or the disk may fill without an end.
        case danger
        /// Worth knowing before it hurts.
        case advice
    }

    /// What programs know it by; stays the same.
    package var code: String
    package var severity: Severity
    /// The thing, file or setting; escaped.
    package var subject: String
    package var says: String
    /// The line to write or the command to run.
    package var fix: String
    /// Where to read on: an upstream issue, or the file in which it was seen.
    package var source: String

    package init(
        _ code: String, _ severity: Severity, _ subject: String, _ says: String, fix: String, source: String
    ) {
        self.code = code
        self.severity = severity
        self.subject = subject
        self.says = says
        self.fix = fix
        self.source = source
    }
}

/// What is examined: a survey's parts and the settings of the host.
package struct Patient: Sendable {
    /// Absolute, escaped.
    package var root: String
    package var items: [Judged]
    package var problems: [Problem]
    package var catalog: Catalog
    package var settings: HostSettings
    /// `20.10.24`; `nil` if no engine said so.
    package var engineVersion: String?
    /// `graphdriver` or `containerd`.
    package var imageStore: String?

    package init(
        root: String, items: [Judged], problems: [Problem], catalog: Catalog, settings: HostSettings,
        engineVersion: String? = nil, imageStore: String? = nil
    ) {
        self.root = root
        self.items = items
        self.problems = problems
        self.catalog = catalog
        self.settings = settings
        self.engineVersion = engineVersion
        self.imageStore = imageStore
    }
}

/// Everything that is wrong, worst first. Pure: the same patient has the same findings.
package func examine(_ patient: Patient) -> [Diagnosis] {
    let findings =
        unreadable(patient) + hiddenStores(patient) + brokenImages(patient) + deadContainers(patient)
        + deadLeases(patient)
        + logs(patient) + cache(patient)
        + liveRestore(patient) + disks(patient) + engineBugs(patient)
    let order = Dictionary(uniqueKeysWithValues: Diagnosis.Severity.allCases.enumerated().map { ($1, $0) })
    return findings.enumerated().sorted { first, second in
        (order[first.element.severity] ?? 0, first.offset) < (order[second.element.severity] ?? 0, second.offset)
    }.map(\.element)
}

private func unreadable(_ patient: Patient) -> [Diagnosis] {
    // What the kernel or the engine do not tell is no damage of a record, and neither is a store that may be hidden.
    let records = patient.problems.filter { problem in
        let isKernel = problem.path.hasPrefix("/proc") || problem.path.hasPrefix("/") && problem.areas == [.volumes]
        return !isKernel && problem.path != "engine" && problem.areas != [.storageDrivers]
    }
    return records.map { problem in
        let file = problem.path.hasPrefix("/") ? problem.path : "\(patient.root)/\(problem.path)"
        return Diagnosis(
            "unreadable-record", .damage, problem.path,
            "it cannot be used: \(problem.reason); what it may have named stays unknown",
            fix: "stop the engine, copy \(file) back from a backup, start the engine; without a backup, move it aside "
                + "(mv \(file) \(file).damaged) once `bilge explain \(problem.path)` shows that you can do without",
            source: problem.path)
    }
}

private func hiddenStores(_ patient: Patient) -> [Diagnosis] {
    patient.problems.filter { $0.areas == [.storageDrivers] }.map { problem in
        Diagnosis(
            "hidden-store", .advice, problem.path, problem.reason,
            fix: "start the engine and run `bilge doctor` without --offline: it says which store is in use; the other "
                + "keeps its space until the engine is set back to it and its images are removed there",
            source: problem.path)
    }
}

private func brokenImages(_ patient: Patient) -> [Diagnosis] {
    let present = Set(patient.items.flatMap(\.item.paths))
    let layers = Dictionary(
        patient.catalog.layers.map { ("\($0.driver)/\($0.chainID)", $0) }, uniquingKeysWith: { first, _ in first })
    let images = Set(patient.catalog.images.map(\.id))
    return patient.catalog.images.compactMap { image in
        let name = image.tags.first ?? image.digests.first ?? String(image.id.prefix(12))
        var missing: String?
        if let driver = image.driver {
            missing =
                image.chain.lazy.compactMap { chain -> String? in
                    guard let layer = layers["\(driver)/\(chain)"] else {
                        return "the record of its layer \(chain.prefix(12)) (image/\(driver)/layerdb) is missing"
                    }
                    guard let directory = layer.directory else {
                        return "the record of its layer \(chain.prefix(12)) names no directory"
                    }
                    return present.contains(directory) ? nil : "the directory of its layer, \(directory), is missing"
                }.first
        } else if let parent = image.parent, !images.contains(parent) {
            missing = "the image that it is built on, \(parent.prefix(12)), is missing"
        }
        guard let missing else { return nil }
        return Diagnosis(
            "broken-image", .damage, image.path.text, "the image \(name) cannot run: \(missing)",
            fix: image.tags.isEmpty && image.digests.isEmpty
                ? "docker image rm \(image.id.prefix(12)), then build it again"
                : "docker image rm \(name), then docker pull \(name) or build it again; containers of it come first",
            source: image.path.text)
    }
}

private func deadContainers(_ patient: Patient) -> [Diagnosis] {
    patient.catalog.containers.filter { $0.state == "dead" }.map { container in
        let name = container.name.isEmpty ? String(container.id.prefix(12)) : container.name
        return Diagnosis(
            "dead-container", .damage, container.path.text,
            "the engine began to remove the container \(name) and could not end it", fix: "docker rm -f \(name)",
            source: container.path.text)
    }
}

/// What containerd would keep for ever: no end is set to the lease of a container, and only its engine would drop it.
private func deadLeases(_ patient: Patient) -> [Diagnosis] {
    patient.items.compactMap { entry in
        guard entry.standing == .reclaimable, let lease = LeaseName(entry.item), EntryName.isHexID(lease.id) else {
            return nil
        }
        return Diagnosis(
            "dead-lease", .advice, entry.item.path.text,
            "it holds what was begun for the container \(lease.id.prefix(12)), which does not exist; containerd keeps "
                + "that for ever",
            // A store below the data root is that of a containerd which the engine started.
            fix: lease.removal
                + (entry.item.path.isAbsolute ? "" : " (with -a /run/docker/containerd/containerd.sock behind ctr)"),
            source: entry.item.path.text)
    }
}

private func logs(_ patient: Patient) -> [Diagnosis] {
    let settings = patient.settings
    var findings: [Diagnosis] = []
    if let daemon = settings.daemon, !daemon.capsLogs {
        findings.append(
            Diagnosis(
                "no-log-cap", .danger, settings.file, "logs of new containers grow without an end",
                fix: #""log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}"#
                    + " in \(settings.file), then restart the engine; it counts for containers that are created then",
                source: "https://docs.docker.com/engine/logging/configure/"))
    }
    let growing = settings.logs.filter { !$0.isCapped }.sorted {
        ($1.bytes, $0.container.id) < ($0.bytes, $1.container.id)
    }
    let small = growing.filter { $0.bytes < 1_000_000_000 }
    findings += growing.prefix(growing.count - small.count).map { uncapped([$0], .danger) }
    if !small.isEmpty { findings.append(uncapped(small, .advice)) }
    return findings
}

/// Logs that nobody begins anew, the largest first; not empty.
private func uncapped(_ logs: [HostSettings.Log], _ severity: Diagnosis.Severity) -> Diagnosis {
    let names = logs.prefix(3).map { log in
        let name = log.container.name.isEmpty ? String(log.container.id.prefix(12)) : log.container.name
        return "\(name) (\(ByteCount(log.bytes).text))"
    }
    let more = logs.count > names.count ? " and \(logs.count - names.count) more" : ""
    let isOne = logs.count == 1
    let subject = isOne ? logs[0].container.path.text : "containers"
    return Diagnosis(
        "container-log-uncapped", severity, subject,
        "\(isOne ? "a log has" : "\(logs.count) logs have") no limit: \(names.joined(separator: ", "))\(more)",
        fix: "create \(isOne ? "the container" : "these containers") anew with --log-opt max-size=10m --log-opt "
            + "max-file=3 (compose: logging.options), since the engine does not change it for one that exists; "
            + "`bilge logs trim` frees space until then",
        source: isOne ? "\(subject)/hostconfig.json" : "containers/*/hostconfig.json")
}

private func cache(_ patient: Patient) -> [Diagnosis] {
    guard let daemon = patient.settings.daemon, !patient.catalog.caches.isEmpty else { return [] }
    if daemon.limitsCache, daemon.collectsCache != false { return [] }
    let state =
        daemon.collectsCache == false
        ? "its collection is switched off (builder.gc.enabled)" : "nothing in the settings says how much it may keep"
    return [
        Diagnosis(
            "no-cache-ceiling", .danger, patient.settings.file,
            "the build cache has \(Counted.text(patient.catalog.caches.count, "record")), and \(state)",
            fix: #""builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB"}}"#
                + " in \(patient.settings.file), then restart the engine",
            source: "https://docs.docker.com/build/cache/garbage-collection/")
    ]
}

private func liveRestore(_ patient: Patient) -> [Diagnosis] {
    guard patient.settings.daemon?.liveRestore == true else { return [] }
    return [
        Diagnosis(
            "live-restore", .advice, patient.settings.file,
            "containers go on while the engine is stopped: “no engine runs” does not mean that nobody uses the root, "
                + "and engines have lost count of their volumes that way",
            fix: #""live-restore": false in "# + patient.settings.file
                + " if you do not need it; else never `docker volume prune` after a restart of the engine",
            source: "https://github.com/moby/moby/issues/41686")
    ]
}

private func disks(_ patient: Patient) -> [Diagnosis] {
    guard let other = patient.settings.otherDisk else { return [] }
    return [
        Diagnosis(
            "two-disks", patient.imageStore == "containerd" ? .danger : .advice, other,
            "containerd keeps its data on another disk than \(patient.root): either can fill up, and `df` of one "
                + "does not show the other",
            fix: "watch both; to have one: stop engine and containerd, move \(other) beside \(patient.root), and write "
                + "root = \"NEW PLACE\" into /etc/containerd/config.toml",
            source: other)
    ]
}
