// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the directories of drivers overlay2 and fuse-overlayfs, which have one layout.
///
///     <driver>/<id>/diff       the files
///     <driver>/<id>/link       the layer's short name, 26 characters
///     <driver>/<id>/lower      `l/<short name>` of every layer below, the nearest first; absent on a base layer
///     <driver>/l/<short name>  symbolic link to `../<id>/diff`
///
/// The id is 64 hexadecimal digits, with `-init` for a container's init layer, or a BuildKit id of 25 characters.
/// Creation makes directory, link, `link`, `lower` in this order; removal takes the link first, then the directory.
///
/// Source: moby `daemon/graphdriver/overlay2/overlay.go`, `create`, `getLower`, `Remove`.
package struct Overlay2: Reader {
    let folder: RelativePath

    /// - Parameter driver: `overlay2` or `fuse-overlayfs`.
    package init(driver: StorageDriver) { folder = RelativePath(driver.rawValue) }

    private var links: RelativePath { folder / "l" }
    private var area: Set<Area> { [.driver(folder.text)] }

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        guard let entries = findings.reading(folder, hides: area, { try root.entriesIfPresent(of: folder) }) ?? nil
        else {
            return findings
        }
        findings.reserveCapacity(entries.count)
        let linksOf = readLinks(in: root, to: entries, &findings)
        for (entry, links) in zip(entries, linksOf) where entry.name != "l" {
            findings.add(Item(thing(of: entry), [folder / entry.name] + (links.count > 1 ? links.sorted() : links)))
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let entries = items.items(in: folder)
        let layers = entries.filter { Self.isLayer($0.thing) }
        if items.has(links) { findings.claim(links, by: .layout, source: folder.text) }
        for item in entries where item.thing == .metadata {
            findings.claim(item.path, by: .layout, source: folder.text)
        }
        var layerOf = [String: RelativePath](minimumCapacity: layers.count)
        for item in layers {
            for link in item.paths.dropFirst() { layerOf[String(link.name)] = item.path }
        }
        var unnamed: [RelativePath] = []
        var lowersOf = [RelativePath: [UInt8]](minimumCapacity: layers.count)
        let paths = layers.map(\.path)
        let read = concurrently(paths.parts(of: 256).map { part in { self.read(part, in: root) } })
        for part in read { findings.merge(part.findings) }
        for (item, layer) in zip(layers, read.lazy.map(\.layers).joined()) {
            lowersOf[item.path] = layer.lowers
            guard let name = layer.name else {
                unnamed.append(item.path)
                continue
            }
            // Mostly its link says the same; where another layer's does, that one goes first.
            if item.paths.dropFirst().contains(where: { $0.name == name }) { continue }
            if layerOf[name] == nil { layerOf[name] = item.path }
        }
        for path in paths {
            guard let list = lowersOf[path], !list.isEmpty else { continue }
            claimLowers(path, list, layerOf, lowersOf, unnamed, items, &findings)
        }
        return findings
    }

    private static func isLayer(_ thing: Thing) -> Bool { thing == .layer || thing == .initLayer }

    private func thing(of entry: Entry) -> Thing {
        if entry.name == "backingFsBlockDev" || entry.name == "metadata" { return .metadata }
        guard entry.kind == .directory else { return .foreign }
        if EntryName.isHexID(entry.name) || EntryName.isBuildKitID(entry.name) { return .layer }
        let isInit = entry.name.hasSuffix("-init") && EntryName.isHexID(entry.name.dropLast("-init".count))
        return isInit ? .initLayer : .foreign
    }

    /// Returns the links to each of the driver's entries; a link whose layer does not exist becomes an item of its own.
    private func readLinks(
        in root: Directory, to entries: [Entry], _ findings: inout Findings
    ) -> [[RelativePath]] {
        var linksOf = [[RelativePath]](repeating: [], count: entries.count)
        guard let folder = findings.reading(links, hides: area, { try root.statusIfPresent(links) }) ?? nil,
            folder.kind == .directory
        else { return linksOf }
        findings.add(Item(.metadata, [links]))
        var numbers = [String: Int](minimumCapacity: entries.count)
        for (number, entry) in entries.enumerated() where entry.kind == .directory { numbers[entry.name] = number }
        let opened = findings.reading(links, hides: area) { try root.directory(links) }
        let names = opened.flatMap { opened in findings.reading(links, hides: area) { try opened.names() } } ?? []
        let known = numbers
        for part in concurrently(names.parts(of: 512).map { part in { self.targets(of: part, known, in: opened) } }) {
            findings.merge(part.findings)
            for (link, number) in part.links { linksOf[number].append(link) }
        }
        return linksOf
    }

    /// The number of the entry that each link leads to; what leads nowhere, or was not made by the driver, is an item.
    private func targets(
        of names: ArraySlice<String>, _ numbers: [String: Int], in opened: Directory?
    ) -> (links: [(link: RelativePath, number: Int)], findings: Findings) {
        var findings = Findings()
        var found: [(link: RelativePath, number: Int)] = []
        for name in names {
            let link = links / name
            let target = opened.flatMap { opened in
                findings.reading(link, hides: area) { try opened.linkTarget(RelativePath(name)) }
            }
            let layer = name.utf8.count == 26 ? target.flatMap(Self.layer) : nil
            if let number = layer.flatMap({ numbers[$0] }) {
                found.append((link, number))
            } else {
                findings.add(Item(layer == nil ? .foreign : .danglingLink, [link]))
            }
        }
        return (found, findings)
    }

    /// `../<id>/diff`, and nothing else.
    private static func layer(of target: [UInt8]) -> String? {
        let (start, end) = ("../".utf8, "/diff".utf8)
        guard target.count > start.count + end.count, target.starts(with: start),
            target.suffix(end.count).elementsEqual(end)
        else { return nil }
        let id = Array(target[start.count..<(target.count - end.count)])
        return id.contains(UInt8(ascii: "/")) ? nil : EntryName.escaped(id)
    }

    /// The short name of each layer, `nil` without one, and its list of those below.
    private func read(
        _ paths: ArraySlice<RelativePath>, in root: Directory
    ) -> (layers: [(name: String?, lowers: [UInt8])], findings: Findings) {
        var findings = Findings()
        let layers = paths.map { path in
            (name: shortName(of: path, in: root, &findings), lowers: lowers(of: path, in: root, &findings))
        }
        return (layers, findings)
    }

    /// A layer may lack its `link` (half removed), or have an empty one (half created); one that is cut short is damage.
    private func shortName(of layer: RelativePath, in root: Directory, _ findings: inout Findings) -> String? {
        let file = layer / "link"
        let name = findings.reading(file, hides: [.item(layer)]) { () -> String? in
            guard let bytes = try root.readIfPresent(file, limit: 4096), !bytes.isEmpty else { return nil }
            return try Self.shortName(in: bytes)
        }
        return name ?? nil
    }

    /// What a file `link` holds.
    static func shortName(in bytes: [UInt8]) throws(FormatError) -> String {
        guard isShortName(bytes[...]) else { throw FormatError("not a short name of 26 characters") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `l/<short name>` of each layer below, joined by `:`, as it is in the file: on a large root that is much text, and
    /// nearly all of it only has to be compared.
    private func lowers(of layer: RelativePath, in root: Directory, _ findings: inout Findings) -> [UInt8] {
        let file = layer / "lower"
        // A damaged list hides which layers it named, whatever this layer's own standing.
        let list = findings.reading(file, hides: area) { () -> [UInt8]? in
            let list = try root.readIfPresent(file, limit: 64 << 10)
            if let list, !list.isEmpty { try Self.check(list) }
            return list
        }
        guard let list = list ?? nil else { return [] }
        if list.isEmpty {
            // The engine was killed between making and filling it; nothing had got the layer's name by then.
            findings.problem(file.text, hides: area, unlessOrphan: layer, because: "the list of layers below is empty")
        }
        return list
    }

    /// - Throws: if the bytes are not what the driver writes into a file `lower`.
    static func check(_ list: [UInt8]) throws(FormatError) {
        guard (list.count + 1) % partLength == 0 else { throw FormatError("not a list of layers") }
        for start in stride(from: 0, to: list.count, by: partLength) {
            let end = start + partLength - 1
            guard list[start] == UInt8(ascii: "l"), list[start + 1] == UInt8(ascii: "/"),
                isShortName(list[(start + 2)..<end]), end == list.count || list[end] == UInt8(ascii: ":")
            else { throw FormatError("not a list of layers") }
        }
    }

    /// Of `l/<short name>:`.
    private static let partLength = 29

    /// The short names in a list that was checked.
    static func names(in list: [UInt8]) -> [String] {
        stride(from: 2, to: list.count, by: partLength).map { String(decoding: list[$0..<($0 + 26)], as: UTF8.self) }
    }

    /// Claims the layer directly below; through its own list that reaches the rest.
    ///
    /// The driver writes a layer's list as the layer below followed by that layer's list. One that does not agree was cut
    /// short at a `:`, which no other check would notice.
    private func claimLowers(
        _ layer: RelativePath, _ list: [UInt8], _ layerOf: [String: RelativePath],
        _ lowersOf: [RelativePath: [UInt8]],
        _ unnamed: [RelativePath], _ items: Findings, _ findings: inout Findings
    ) {
        let file = (layer / "lower").text
        let nearest = layerOf[String(decoding: list[2..<28], as: UTF8.self)]
        let expected = nearest.flatMap { lowersOf[$0] }
        if let nearest, let expected, list.dropFirst(Self.partLength) == expected[...] {
            findings.claim(nearest, by: .item(layer), source: file)
            return
        }
        for name in Self.names(in: list) {
            if let target = layerOf[name] {
                findings.claim(target, by: .item(layer), source: file)
            } else if items.items[links / name]?.thing != .danglingLink {
                findings.problem(file, hides: Set(unnamed.map(Area.item)), because: "no layer is called \(name)")
            }
        }
        if expected != nil {
            findings.problem(file, hides: area, because: "the list of layers below does not continue with theirs")
        }
    }

    private static func isShortName(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.count == 26 && bytes.allSatisfy { (65...90).contains($0) || (50...55).contains($0) }
    }
}
