// SPDX-License-Identifier: Apache-2.0

import Model

/// BuildKit's own list of driver directories: `buildkit/snapshots.db`, with one bucket per snapshot key.
///
///     <25 characters> / parent       the snapshot below: a key, `sha256:<chain ID>`, or empty; the directory has this name
///     <25 characters> / iscommitted  frozen; the directory has this name
///     <25 characters> / committed    this key is a second name; the value is the name of the directory
///     <25 characters> / chainid      the same data is a layer of the engine, whose `cache-id` names the directory
///     <25 characters> / size         bytes in decimal, once measured
///     sha256:<chain ID>              BuildKit holds that layer of the engine
///
/// Source: moby `builder/builder-next/adapters/snapshot/{snapshot,layer,leasemanager}.go`.
struct BuildSnapshots {
    struct Snapshot {
        /// A key or `sha256:<chain ID>`.
        var parent: String?
        /// The name of the directory if it is not the key.
        var committed: String?
        /// The engine's layer with the same data, 64 hexadecimal digits.
        var chainID: String?
        /// Frozen, so that nobody writes to its directory any more.
        var isCommitted = false
        var sizeBytes: Int64?
    }

    /// By key of 25 characters.
    private(set) var byKey: [String: Snapshot] = [:]
    /// Layers of the engine that BuildKit holds, 64 hexadecimal digits each, and the keys that say so.
    private(set) var heldChains: [String: Set<String>] = [:]
    /// Directories whose data is a layer of the engine too.
    private(set) var layerDirectories: Set<String> = []
    /// What does not look like BuildKit's: damage, or a format that is not known.
    private(set) var strange: [String] = []

    init(_ root: BoltBucket) {
        for entry in root {
            let key = entry.name
            guard case .bucket(let bucket) = entry.value else {
                strange.append(key)
                continue
            }
            if let chainID = Self.chainID(key) {
                heldChains[chainID, default: []].insert(key)
            } else if EntryName.isBuildKitID(key) {
                byKey[key] = snapshot(key, bucket)
            } else {
                strange.append(key)
            }
        }
    }

    /// The hexadecimal digits of `sha256:<chain ID>`, or `nil` if it is something else.
    static func chainID(_ text: String) -> String? {
        guard text.hasPrefix("sha256:") else { return nil }
        let digits = text.dropFirst("sha256:".count)
        return EntryName.isHexID(digits) ? String(digits) : nil
    }

    private mutating func snapshot(_ key: String, _ bucket: BoltBucket) -> Snapshot {
        var snapshot = Snapshot()
        var isLayer = false
        for entry in bucket {
            guard case .bytes(let bytes) = entry.value else {
                strange.append("\(key)/\(entry.name)")
                continue
            }
            // The only field that is empty.
            if entry.name == "iscommitted" { snapshot.isCommitted = true }
            let value = EntryName.escaped(bytes)
            guard !value.isEmpty else { continue }
            switch entry.name {
            case "parent":
                snapshot.parent = value
                if !EntryName.isBuildKitID(value) { hold(value, by: key) }
            case "committed":
                snapshot.committed = value
                if !EntryName.isBuildKitID(value) { strange.append(value) }
            case "chainid":
                isLayer = true
                snapshot.chainID = Self.chainID(value)
                hold(value, by: key)
            case "size": snapshot.sizeBytes = Int64(value)
            default: break
            }
        }
        if isLayer { layerDirectories.insert(snapshot.committed ?? key) }
        return snapshot
    }

    private mutating func hold(_ chain: String, by key: String) {
        if let chainID = Self.chainID(chain) {
            heldChains[chainID, default: []].insert(key)
        } else {
            strange.append(chain)
        }
    }
}
