// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

@testable import Observe

/// The one-line records of layers: `link` and `lower` of overlay2, `lower-id` of overlay, the lists of aufs, and ids.
enum LayerFuzz {
    static func run(_ bytes: [UInt8]) {
        do {
            let name = try Overlay2.shortName(in: bytes)
            precondition(name.utf8.count == 26, "a short name of another length")
        } catch {}
        do {
            try Overlay2.check(bytes)
            let names = Overlay2.names(in: bytes)
            precondition(names.count * 29 == bytes.count + 1, "a layer below is missing")
            precondition(names.allSatisfy { !$0.contains("/") }, "a layer below lies elsewhere")
        } catch {}
        do {
            let name = try OverlayLayers.lower(bytes)
            precondition(LayerName.isReference(name), "it names no layer")
        } catch {}
        if LayerDatabase.isDigest(String(decoding: bytes, as: UTF8.self)) {
            precondition(bytes.count == "sha256:".utf8.count + 64, "a digest of another length")
        }
        aufs(bytes.split(separator: 0, omittingEmptySubsequences: false))
    }

    /// Lists of several layers, with a NUL between them: whatever one claims is a layer, or it is a problem.
    private static func aufs(_ lists: [ArraySlice<UInt8>]) {
        var parents = AufsParents(items: Findings())
        var names: [String] = []
        for (index, list) in lists.prefix(16).enumerated() {
            let name = String(repeating: String(index, radix: 16), count: 64)
            parents.add(name, Array(list))
            if !list.isEmpty { names.append(name) }
        }
        var findings = Findings()
        parents.claim(&findings)
        let diff = AufsLayers.folder / "diff"
        precondition(
            findings.claims.allSatisfy { $0.target.parent == diff && LayerName.isReference($0.target.name) },
            "it claims what is no layer")
        let heard = Set(findings.claims.map(\.source) + findings.problems.map(\.path))
        precondition(
            names.allSatisfy { heard.contains((AufsLayers.lists / $0).text) },
            "a list is neither believed nor a problem")
    }
}
