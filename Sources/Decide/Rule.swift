// SPDX-License-Identifier: Apache-2.0

package import Model

/// What may become of a thing that nothing claims: one row of `docs/classes.md` for each class.
package struct Rule: Hashable, Sendable {
    /// Why a thing of this class is not an orphan even if nothing claims it; `nil` if it may be one.
    package var reason: String?
    /// What was looked at and denied it, for a thing that may be an orphan.
    package var evidence: [Evidence]

    package init(for item: Item, engine: EngineState) {
        reason = Self.obstacle(item, engine)
        evidence = Self.witnesses(item)
    }

    /// True if `Act` may ever move a thing of this class.
    package static func mayBeQuarantined(_ thing: Thing) -> Bool {
        switch thing {
        case .layer, .initLayer, .rwLayer, .removingLayer, .danglingLink, .image, .mountRecord, .containerLeftover,
            .anonymousVolume, .namedVolume, .bindRecord, .scratch, .removingPlugin:
            true
        case .buildCache, .buildScratch, .layerRecord, .container, .log, .plugin, .snapshot, .blob, .ingest, .lease,
            .metadata, .otherDriver, .foreign:
            false
        }
    }

    /// True if an engine makes such a thing before it writes anywhere that it needs it, or removes a part of it first.
    static func isFilledByEngine(_ thing: Thing) -> Bool {
        switch thing {
        case .layer, .initLayer, .rwLayer, .removingLayer, .danglingLink, .mountRecord: true
        case .buildCache, .buildScratch, .image, .layerRecord, .container, .containerLeftover, .log, .anonymousVolume,
            .namedVolume, .bindRecord, .scratch, .plugin, .removingPlugin, .snapshot, .blob, .ingest, .lease, .metadata,
            .otherDriver, .foreign:
            false
        }
    }

    private static func obstacle(_ item: Item, _ engine: EngineState) -> String? {
        let engineMayRun = engine == .running || engine == .unreachable
        if item.thing == .mountRecord || item.thing == .removingLayer, ["devicemapper", "zfs"].contains(item.driver) {
            return "its layer is no directory: only the engine can remove both"
        }
        return switch item.thing {
        case .layer, .initLayer, .removingLayer, .danglingLink, .anonymousVolume, .bindRecord, .scratch,
            .removingPlugin, .snapshot, .blob, .ingest:
            nil
        case .rwLayer, .mountRecord, .containerLeftover:
            engineMayRun ? "a running engine may keep it in memory: stop it and look again" : nil
        case .image: engineMayRun ? "a running engine may keep it in memory: stop it and look again" : nil
        case .buildCache: "only the builder may remove it"
        case .buildScratch: "a build may have left it; Bilge does not remove what the builder keeps for itself"
        case .namedVolume: "somebody chose its name"
        case .layerRecord: "only the engine releases its records of layers"
        case .container: "its record cannot be read"
        case .log: "it belongs to a container whose record cannot be read"
        case .plugin: "nothing says whether the plugin is used"
        case .lease: "only containerd drops its leases"
        case .metadata: "the engine's own file"
        case .otherDriver:
            switch item.driver {
            case "devicemapper": "a device of the thin pool, which only the engine can remove"
            case "zfs": "a ZFS dataset, which only the engine can remove"
            case nil: "a data root of its own: look at it with --data-root"
            default: "Bilge reports this driver, but does not read it"
            }
        case .foreign: "no engine makes such a name"
        }
    }

    private static func witnesses(_ item: Item) -> [Evidence] {
        func denied(_ by: String, _ source: String) -> Evidence { Evidence(.denied, by: by, source: source) }
        let kernel = denied("no mount, open file or process uses it", "/proc")
        switch item.thing {
        case .layer, .initLayer, .rwLayer:
            return [
                denied("no image and no container's record names it", "graph, image/*/layerdb, containers"),
                denied("no other layer is built on it", item.path.parent?.text ?? ""),
                denied("no build cache record names it", "buildkit"), kernel,
            ]
        case .removingLayer, .removingPlugin:
            return [Evidence(.marked, by: "the engine renamed it to remove it", source: item.path.text), kernel]
        case .danglingLink: return [denied("the layer it names does not exist", item.path.text), kernel]
        case .image: return [denied("no engine loads it: its record or its layer is missing", item.path.text), kernel]
        case .mountRecord, .containerLeftover:
            return [denied("no record of such a container exists", "containers"), kernel]
        case .anonymousVolume, .namedVolume, .bindRecord:
            return [
                denied("no container in any state mounts it", "containers/*/config*.json, hostconfig.json"), kernel,
            ]
        case .scratch: return [denied("nothing in flight uses it", item.path.parent?.text ?? ""), kernel]
        case .snapshot:
            return [
                denied(
                    "neither its snapshotter nor any namespace of containerd has a record of it", "meta.db, metadata.db"
                ), kernel,
            ]
        case .blob: return [denied("no namespace of containerd has a record of it", "meta.db"), kernel]
        case .ingest: return [denied("no lease holds it, and containerd does not wait for it", "meta.db"), kernel]
        case .buildCache, .buildScratch, .layerRecord, .container, .log, .plugin, .lease, .metadata, .otherDriver,
            .foreign:
            return [kernel]
        }
    }
}
