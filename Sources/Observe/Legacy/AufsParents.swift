// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// What the lists in `aufs/layers` claim, and whether they can be believed.
///
/// The list of a layer is its parent followed by the list of the parent, as the driver wrote it. So every list is held
/// against another one, and one that lost lines is found out: cut within a line it has no last newline, cut between
/// lines it differs from its parent's. The engine writes it line by line, and one that was killed may have left it short:
/// that hides nothing while the layer is an orphan whatever the list named.
struct AufsParents {
    let items: Findings
    private var lists: [String: [UInt8]] = [:]

    /// aufs takes 127 layers at most; a line has 71 bytes at most.
    static let limitBytes = 64 << 10
    /// What such a list may claim.
    private static let hidden: Set<Area> = [.driver("aufs")]

    init(items: Findings) { self.items = items }

    mutating func add(_ name: String, _ list: [UInt8]) { lists[name] = list }

    /// Claims what every layer stands on: the next layer below, and through that one the others.
    func claim(_ findings: inout Findings) {
        // Layers whose list a layer above them repeats.
        var confirmed: Set<String> = []
        var parentless: [(name: String, parent: String)] = []
        for (name, list) in lists.sorted(by: { $0.key < $1.key }) {
            do throws(FormatError) {
                guard let parent = try Self.parent(in: list) else {
                    checkInitLayer(of: name, nil, &findings)
                    continue
                }
                if let below = lists[parent], list.dropFirst(parent.utf8.count + 1).elementsEqual(below) {
                    confirmed.insert(parent)
                    claim([parent], by: name, &findings)
                } else {
                    claim(try Self.lines(of: list), by: name, &findings)
                    if lists[parent] == nil {
                        parentless.append((name, parent))
                    } else {
                        doubt(name, &findings, because: "it does not agree with \(AufsLayers.lists / parent)")
                    }
                }
                checkInitLayer(of: name, parent, &findings)
            } catch {
                findings.problem((AufsLayers.lists / name).text, hides: Self.hidden, because: error.description)
            }
        }
        for (name, parent) in parentless where !confirmed.contains(name) {
            doubt(name, &findings, because: "its parent \(parent) has no list to hold it against")
        }
    }

    /// Tells an empty list from one that lost all its lines, for images: their record names the parent as well.
    func checkBases(in root: Directory, _ findings: inout Findings) {
        for (name, list) in lists where list.isEmpty && items.has(ImageGraph.folder / name) {
            let image = ImageGraph.folder / name
            let record = image / "json"
            // The very problem that `ImageGraph` reports for it.
            let document = findings.reading(record, hides: ImageGraph.proof.union([.item(image)])) {
                () throws -> ImageDocument? in
                guard let bytes = try root.readIfPresent(record) else { return nil }
                return try ImageDocument.read(bytes, of: name)
            }
            guard let parent = (document ?? nil)?.parent else { continue }
            let reason = "the list is empty, although \(record) names the parent \(parent)"
            findings.problem((AufsLayers.lists / name).text, hides: Self.hidden, because: reason)
        }
    }

    /// A container's layer always stands on its init layer, of which something is left as long as the container is there.
    private func checkInitLayer(of name: String, _ parent: String?, _ findings: inout Findings) {
        let below = name + LayerName.initSuffix
        if parent != below, AufsLayers.item(below, among: items) != nil {
            doubt(name, &findings, because: "it does not name \(below)")
        }
    }

    private func claim(_ lines: [String], by name: String, _ findings: inout Findings) {
        let claimant = items.claimant(path(of: name))
        for line in lines {
            findings.claim(path(of: line), by: claimant, source: (AufsLayers.lists / name).text)
        }
    }

    /// The list says less than the layer needs, or may.
    private func doubt(_ name: String, _ findings: inout Findings, because reason: String) {
        findings.problem(
            (AufsLayers.lists / name).text, hides: Self.hidden, unlessOrphan: path(of: name), because: reason)
    }

    private func path(of name: String) -> RelativePath {
        AufsLayers.item(name, among: items) ?? AufsLayers.folder / "diff" / name
    }

    /// The first line; `nil` for a base.
    private static func parent(in list: [UInt8]) throws(FormatError) -> String? {
        guard !list.isEmpty else { return nil }
        guard list.last == UInt8(ascii: "\n") else { throw FormatError("its last line is cut off") }
        return try layer(list.prefix { $0 != UInt8(ascii: "\n") })
    }

    private static func lines(of list: [UInt8]) throws(FormatError) -> [String] {
        var lines: [String] = []
        for line in list.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            lines.append(try layer(line))
        }
        return lines
    }

    private static func layer(_ line: ArraySlice<UInt8>) throws(FormatError) -> String {
        let name = EntryName.escaped(line)
        guard LayerName.isReference(name) else { throw FormatError("it names no layer: \(name)") }
        return name
    }
}
