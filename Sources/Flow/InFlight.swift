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
///     tmp/docker-builder<n>, docker-import-<n>    the context of a classic build, an image that is being loaded
///     buildkit/executor/<id>                      a `RUN` that runs
///
/// Source: moby `layer/filestore.go`, `distribution/pull_v2.go`, `builder/remotecontext`, `image/tarexport/load.go`;
/// BuildKit `executor/runcexecutor/executor.go`.
func inFlight(in root: Directory, since started: Timestamp?) -> [String] {
    do {
        var found: [(what: String, path: RelativePath)] = []
        for driver in try root.namesIfPresent(of: RelativePath("image")) ?? [] {
            let folder = RelativePath("image") / driver / "layerdb" / "tmp"
            for name in try root.namesIfPresent(of: folder) ?? [] {
                found.append(("a pull, load or commit", folder / name))
            }
        }
        let prefixes = ["GetImageBlob", "docker-builder", "docker-import-"]
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

extension Survey {
    /// What the engine is in the middle of; with the build cache that a build uses.
    package var inFlight: [String] {
        var sentences = Flow.inFlight(in: directory, since: place.engineStarted)
        if let caches, caches.contains(where: { $0.isInUse }) {
            sentences.append("a build is in flight: it uses build cache; wait for it with --wait 5m")
        }
        return sentences
    }
}
