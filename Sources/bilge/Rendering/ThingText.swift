// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

extension Thing {
    fileprivate var explanation: String {
        switch self {
        case .layer: "a layer: files that one or more images are made of"
        case .initLayer: "the small layer below a container's own, with what the engine puts into /etc and /dev"
        case .rwLayer: "a container's writable layer: everything the container wrote outside its volumes"
        case .removingLayer: "a layer that the engine began to remove and did not finish"
        case .buildCache: "a build cache record: files of a build step, owned by BuildKit"
        case .buildScratch: "BuildKit's own scratch space"
        case .danglingLink: "a short name for a layer that does not exist any more"
        case .image: "the record of an image: its settings and what it is built on, no files"
        case .layerRecord: "the engine's record of a layer"
        case .mountRecord: "the engine's record of a container's layers"
        case .container: "a container's record: its settings, its name, its network files"
        case .containerLeftover: "what is left of a container that the engine did not finish making or removing"
        case .log: "the log of a container; no engine counts it"
        case .anonymousVolume: "a volume that nobody named: made for a VOLUME line of an image, or by -v without a name"
        case .namedVolume: "a volume with a name that a person chose"
        case .bindRecord: "a note about a bind mount; the data is elsewhere on the host"
        case .scratch: "scratch space of a pull, a build or an import"
        case .plugin: "a plugin of the engine"
        case .removingPlugin: "a plugin that the engine began to remove; it never comes back to it"
        case .snapshot: "a snapshot: files of a layer or a container, owned by containerd"
        case .blob: "a compressed layer or a document of an image, owned by containerd"
        case .ingest: "content that was on its way into containerd's store and is not finished"
        case .lease: "a lease: a record that keeps containerd from collecting what it names; takes no space itself"
        case .metadata: "the engine's own bookkeeping"
        case .otherDriver: "data that is no plain directory of files, or a data root of its own: reported, never moved"
        case .foreign: "something that no engine makes"
        }
    }
}

extension Item {
    /// It is Bilge's own trash.
    var isTrash: Bool { path.components.first == ".bilge" }

    /// What it is, for somebody who never looked into a data root.
    var explanation: String {
        isTrash ? "Bilge's own: what was taken out of this root and is held, and the log of that" : thing.explanation
    }
}

extension Judged {
    /// What a person should do about it, with the exact commands; `names` are what people call it.
    func advice(names: [String], _ root: RootOptions) -> [String] {
        if isProtected { return ["Nothing: the keep list protects it."] }
        if hidden != nil { return ["Leave it: it is back in use when the engine uses this store again."] }
        if standing == .orphan, item.driver == "btrfs", item.path.components.first == "btrfs" {
            return ["Bilge moves no subvolumes. While no engine runs: btrfs subvolume delete, with this path."]
        }
        switch standing {
        case .inUse:
            if item.isTrash { return ["See what is held: \(root.hint("trash ls"))"] }
            guard item.thing == .image || item.thing == .container else { return ["Nothing. Something needs it."] }
            let name = RootOptions.quoted(names.first ?? item.id)
            return ["Nothing by itself. What keeps it from a policy: " + root.hint("why-not \(name)")]
        case .orphan:
            let command = item.thing.isVolume ? "prune volumes" : "prune"
            return [
                "Take it out, with all of the kind: " + root.cautiousHint(command),
                "Put it back afterwards: " + root.hint("undo"),
            ]
        case .unknown:
            return ["Leave it. Where the evidence names something that could not be read, mend that and look again."]
        case .reclaimable: return [reclaim(names.first ?? item.id, root)]
        }
    }

    /// Of an image that has a name; others go without being asked for.
    private func filter(_ name: String) -> String {
        name.contains(":") ? " --filter " + RootOptions.quoted("reference=" + name) : ""
    }

    private func reclaim(_ name: String, _ root: RootOptions) -> String {
        switch item.thing {
        case .anonymousVolume: "Nobody needs it; the engine knows it: \(root.cautiousHint("prune volumes"))"
        case .namedVolume: "No container uses it, but somebody named it: \(root.cautiousHint("prune volumes --named"))"
        case .image:
            "No container needs it; the engine knows it: \(root.cautiousHint("prune images" + filter(name))); "
                + "with --irreplaceable if no registry has it."
        case .buildCache: "The engine knows it: \(root.cautiousHint("prune cache"))"
        case .buildScratch: "Let the builder drop it: docker builder prune."
        case .layer, .initLayer, .rwLayer, .removingLayer, .danglingLink, .layerRecord, .mountRecord, .container,
            .containerLeftover, .log, .bindRecord, .scratch, .plugin, .removingPlugin, .snapshot, .blob, .ingest,
            .lease, .metadata, .otherDriver, .foreign:
            "Nobody needs it, but the engine has a record of it: remove what the record belongs to through the engine."
        }
    }
}

extension Evidence.Saying {
    /// One word before the evidence.
    var word: String {
        switch self {
        case .claimed: "claimed"
        case .denied: "denied"
        case .problem: "problem"
        case .young: "young"
        case .marked: "marked"
        case .hidden: "hidden"
        }
    }
}
