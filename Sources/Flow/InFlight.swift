// SPDX-License-Identifier: Apache-2.0

import Disk
import Engine
import Model

/// What an engine that started then is in the middle of, as far as its disk shows: layers that are being unpacked (pull,
/// load, import, commit, classic build), downloads, and steps of BuildKit that run. What cannot be looked at counts as in
/// flight.
///
///     image/<driver>/layerdb/tmp/write-set-<n>    a layer that is not finished
///     tmp/GetImageBlob<n>                         a blob that is being downloaded
///     tmp/docker-builder<n>, docker-build-git<n>  the context of a classic build
///     tmp/docker-remote<n>                        a file that a classic build fetches
///     tmp/docker-import-<n>                       an image that is being loaded
///     buildkit/executor/<id>                      a `RUN` that runs
///
/// Source: moby `layer/filestore.go`, `distribution/pull_v2.go`, `builder/remotecontext`, `builder/dockerfile/copy.go`,
/// `image/tarexport/load.go`;
/// BuildKit `executor/runcexecutor/executor.go`. Of a build of BuildKit that fetches, copies or exports the folders show
/// nothing; see `BuildWatch`.
func inFlight(in root: Directory, since started: Timestamp?) -> [String] {
    do {
        var found = try unfinishedRecords(in: root).map { (what: "a pull, load or commit", path: $0) }
        let prefixes = ["GetImageBlob", "docker-builder", "docker-build-git", "docker-remote", "docker-import-"]
        let scratch = RelativePath("tmp")
        for name in try root.namesIfPresent(of: scratch) ?? [] where prefixes.contains(where: name.hasPrefix) {
            found.append(("a pull, load or build", scratch / name))
        }
        let executor = RelativePath("buildkit/executor")
        if try root.statusIfPresent(executor) != nil {
            for entry in try root.entries(of: executor) where entry.kind == .directory {
                found.append(("a build", executor / entry.name))
            }
        }
        // A killed engine leaves such entries, and the next one does not clean them all.
        var sentences: [String] = []
        for (what, path) in found {
            guard let status = try root.statusIfPresent(path) else { continue }
            if let started, max(status.changed, status.modified) < started { continue }
            sentences.append("\(what) is in flight (\(path)): wait for it with --wait 5m")
        }
        return sentences
    } catch {
        return ["nobody can tell what is in flight: \(error)"]
    }
}

/// What an engine writes of a layer that it has not finished, whenever that was.
///
///     image/<driver>/layerdb/tmp/<x>    1.10 and later
///     graph/_tmp/<x>                    before
///
/// Source: moby `layer/filestore.go`, `StartTransaction`; `graph/graph.go`, `mktemp`.
private func unfinishedRecords(in root: Directory) throws -> [RelativePath] {
    let images = RelativePath("image")
    // Beside the drivers, 29 keeps a file there. Of a link nobody can tell what is behind it.
    let drivers =
        try root.statusIfPresent(images) == nil ? [] : root.entries(of: images).filter { $0.kind != .file }
    let folders = drivers.map { images / $0.name / "layerdb/tmp" } + [RelativePath("graph/_tmp")]
    return try folders.flatMap { folder in try (root.namesIfPresent(of: folder) ?? []).map { folder / $0 } }
}

/// Since when an engine that started then has been making the oldest layer that it has not finished; `nil` if none.
///
/// Nothing on the disk says which of the driver's directories it fills. That one is made just before the record, and named
/// by a finished one as soon as the record is gone. So whoever asks this first and lists the directories later knows which
/// of those without a name may be filled: none that last changed long before this time.
///
/// - Returns: the beginning of time if that cannot be looked at, or the file system tells no time of birth.
func unpackingSince(in root: Directory, engineStarted started: Timestamp) -> Timestamp? {
    do {
        return try unfinishedRecords(in: root).compactMap { try root.statusIfPresent($0) }
            .filter { max($0.changed, $0.modified) >= started }.map(\.birth).min()
    } catch {
        return Timestamp(nanoseconds: .min)
    }
}

extension Survey {
    /// What the engine is in the middle of; with the build cache that a build uses. Nothing if none uses the root: what is
    /// there is what one left that was killed.
    package var inFlight: [String] {
        if root.owner == "none" { return [] }
        var sentences = Flow.inFlight(in: directory, since: place.engineStarted)
        if let caches, caches.contains(where: \.isInUse) { sentences.append(BuildWatch.sentence) }
        return sentences
    }
}

/// Whether BuildKit builds something by now, for whoever knew that it did not.
///
/// The engine says which records of the cache a build uses, but one before 23.0 measures everything on the way. Whatever a
/// build does, it first writes down in BuildKit's databases what it uses; so as long as none of them changed, none began.
final class BuildWatch {
    static let sentence =
        "a build is in flight: it uses build cache; wait for it with --wait 5m (if none runs, one that failed has left it "
        + "so, until the engine is started again)"
    static let databases = ["metadata_v2.db", "metadata.db", "containerdmeta.db", "snapshots.db"]

    private let root: Directory
    private var quietSince: Timestamp

    /// - Parameter quietSince: before the engine was asked the last time.
    init(root: Directory, quietSince: Timestamp) {
        self.root = root
        self.quietSince = quietSince
    }

    /// Returns a sentence if there is one.
    ///
    /// - Throws: also if nobody can tell.
    func flight(_ client: any ImageCalls) async throws -> String? {
        guard try hasChanged() else { return nil }
        let asked = systemClock()
        guard try await client.isBuilding() else {
            quietSince = asked
            return nil
        }
        return Self.sentence
    }

    /// Times on a disk are told in steps of a few milliseconds; a second is more than enough.
    private func hasChanged() throws -> Bool {
        try Self.databases.contains { name in
            let status = try root.statusIfPresent(RelativePath("buildkit") / name)
            return status.map { $0.modified.seconds >= quietSince.seconds - 1 } ?? false
        }
    }
}
