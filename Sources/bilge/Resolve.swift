// SPDX-License-Identifier: Apache-2.0

import Model

/// What a person means by a path, an id, the beginning of an id, or a name.
enum Meaning: Hashable, Sendable {
    /// One thing; more than one only where they have one id, such as the record and the layer of an old image.
    case items([Judged])
    /// A directory that holds things; empty for the root itself.
    case above(RelativePath)
    /// A path that is not below this root.
    case outside
    case nothing
    /// Several things have such an id; their ids.
    case ambiguous([String])
}

/// Finds what is meant. Exact names win over the beginnings of ids, which must have four letters at least.
struct Resolver: Sendable {
    var items: [Judged]
    var catalog: Catalog
    /// Absolute, escaped.
    var rootPath: String
    /// Other spellings of the same root, as it was typed.
    var aliases: [String] = []
    /// Of containerd's own root, whose items are known by absolute paths.
    var stores: [String] = []
    /// False only if it is known that nothing is there.
    var exists: @Sendable (RelativePath) -> Bool = { _ in true }

    func meaning(of text: String) -> Meaning {
        // What is typed are bytes of a path; what was copied from our own output may be escaped already.
        let spellings = [EntryName.escaped(text: text), text]
        var places: [RelativePath] = []
        for spelling in spellings {
            guard let place = place(of: spelling) else { return .outside }
            places.append(place)
        }
        for place in places {
            if let exact = items.first(where: { $0.item.paths.contains(place) }) { return .items([exact]) }
            if place == .root || isAbove(place) { return .above(place) }
        }
        for place in places {
            let begun = items.filter { $0.item.paths.contains { Self.begins($0, as: place) } }
            if !begun.isEmpty { return found(begun) }
        }
        let index = ItemIndex(items.lazy.map(\.item))
        for place in places where exists(place) {
            guard case .item(let owner) = index.meaning(of: place) else { continue }
            return .items(items.filter { $0.item.path == owner })
        }
        return text.hasPrefix("/") ? .nothing : name(text)
    }

    /// Where a path leads below the root; `nil` if it leads elsewhere.
    private func place(of typed: String) -> RelativePath? {
        var text = typed[...]
        while text.count > 1, text.last == "/" { text.removeLast() }
        if text.first == "/" {
            if stores.contains(where: { text == $0 || text.hasPrefix($0 + "/") }) { return RelativePath(String(text)) }
            guard let root = ([rootPath] + aliases).first(where: { text == $0 || text.hasPrefix($0 + "/") }) else {
                return nil
            }
            text = text.dropFirst(root.count).drop { $0 == "/" }
        } else if text == "." || text.hasPrefix("./") {
            text = text.dropFirst(2)
        }
        return text.split(separator: "/").contains("..") ? nil : RelativePath(String(text))
    }

    /// True if `short` is a path as tables show it, or without the end of its last name: at least four letters of each name
    /// that is cut. A single name without its end may be that of anything.
    private static func begins(_ path: RelativePath, as short: RelativePath) -> Bool {
        let (names, shorter) = (Array(path.components), Array(short.components))
        guard names.count == shorter.count, names.count > 1 || short.text.hasSuffix("…") else { return false }
        return zip(names, shorter).enumerated().allSatisfy { index, pair in
            let (name, short) = pair
            if name == short { return true }
            guard index == names.count - 1 || short.hasSuffix("…") else { return false }
            let start = short.hasSuffix("…") ? short.dropLast() : short[...]
            return start.utf8.count >= 4 && name.hasPrefix(start)
        }
    }

    private func isAbove(_ path: RelativePath) -> Bool {
        items.contains { entry in entry.item.paths.contains { $0 != path && path.contains($0) } }
    }

    private func name(_ typed: String) -> Meaning {
        let text = typed.hasPrefix("sha256:") ? String(typed.dropFirst("sha256:".count)) : typed
        let paths = named(text)
        if !paths.isEmpty { return found(items.filter { !paths.isDisjoint(with: $0.item.paths) }) }
        let exact = items.filter { $0.item.id == text || $0.item.names.contains(text) }
        if !exact.isEmpty { return found(exact) }
        guard text.utf8.count >= 4 else { return .nothing }
        let known = Set(identified(by: text))
        return found(items.filter { $0.item.id.hasPrefix(text) || !known.isDisjoint(with: $0.item.paths) })
    }

    /// Records that carry exactly this name.
    private func named(_ text: String) -> Set<RelativePath> {
        var paths: Set<RelativePath> = []
        for image in catalog.images where image.tags.contains(where: { $0 == text || $0 == text + ":latest" }) {
            paths.insert(image.path)
        }
        for image in catalog.images where image.digests.contains(text) { paths.insert(image.path) }
        for container in catalog.containers where container.name == text { paths.insert(container.path) }
        for volume in catalog.volumes where volume.name == text { paths.insert(volume.path) }
        for snapshot in catalog.snapshots where snapshot.key == text || snapshot.key == "sha256:" + text {
            paths.insert(snapshot.path)
        }
        return paths
    }

    /// Layers are known by their chain ID, too.
    private func identified(by prefix: String) -> [RelativePath] {
        catalog.layers.filter { $0.chainID.hasPrefix(prefix) }.compactMap(\.directory)
    }

    private func found(_ matches: [Judged]) -> Meaning {
        guard let first = matches.first else { return .nothing }
        let stems = Set(matches.map { $0.item.id.prefix(64) })
        if stems.count == 1 || matches.count == 1 { return .items(matches) }
        // A name or an id may stand for one image in two stores; only different things are a doubt.
        let named = matches.filter { $0.item.thing == first.item.thing && $0.item.id == first.item.id }
        return named.count == matches.count ? .items(matches) : .ambiguous(matches.map(\.item.path.text).sorted())
    }
}

extension Meaning {
    /// The things that are meant, or a sentence about why there are none.
    func required(_ text: String, in rootPath: String, hint: (String) -> String) throws -> [Judged] {
        if text.isEmpty {
            throw Failure(.usage, "nothing is named", advice: "is it a variable of a script that is not set?")
        }
        let shown = Shown.raw(text)
        switch self {
        case .items(let items): return items
        case .above(let path):
            let place = path == .root ? "the data root itself" : "a directory of several things"
            throw Failure(
                .failed, "\(shown) is \(place)", advice: "\(hint("df")) shows what is in it, or name one of them")
        case .outside:
            throw Failure(
                .failed, "\(shown) is not below \(Shown.text(rootPath))",
                advice: "name another root with --data-root, or a path below this one")
        case .nothing:
            throw Failure(
                .failed, "nothing below \(Shown.text(rootPath)) is called \(shown)",
                advice:
                    "give a path, a name, a tag, or at least four letters of an id; \(hint("scan --all")) lists everything"
            )
        case .ambiguous(let candidates):
            let some = candidates.prefix(8).map { "\n    " + Shown.text($0) }.joined()
            throw Failure(
                .failed, "\(shown) may mean \(candidates.count) things", advice: "name one of them:" + some)
        }
    }
}
