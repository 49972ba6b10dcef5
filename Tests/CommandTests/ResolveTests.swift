// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import bilge

@Suite("what a person means by a word")
struct ResolveTests {
    private static let imageID = String(repeating: "ab", count: 32)
    private static let layerID = "6688ce71" + String(repeating: "0", count: 56)
    private static let other = "6688ffff" + String(repeating: "0", count: 56)

    private var resolver: Resolver {
        let items = [
            judged(.image, "graph/\(Self.imageID)"),
            judged(.layer, "aufs/diff/\(Self.imageID)", "aufs/layers/\(Self.imageID)"),
            judged(.layer, "overlay2/\(Self.layerID)"), judged(.layer, "overlay2/\(Self.other)"),
            judged(.namedVolume, "volumes/pg data"), judged(.metadata, "tmp"), judged(.scratch, "tmp/x%1B"),
        ]
        var catalog = Catalog()
        var image = ImageRecord(id: Self.imageID, path: RelativePath("graph/\(Self.imageID)"))
        image.tags = ["shop/api:4.10", "base:latest"]
        catalog.images = [image]
        catalog.volumes = [VolumeRecord(name: "pg data", path: RelativePath("volumes/pg data"))]
        return Resolver(items: items, catalog: catalog, rootPath: "/var/lib/docker", aliases: ["/link"])
    }

    private func paths(_ text: String) -> [String] {
        guard case .items(let items) = resolver.meaning(of: text) else { return [] }
        return items.map(\.item.path.text)
    }

    @Test(
        "a path, below the root or absolute, means what lies there or around it",
        arguments: [
            "/var/lib/docker/overlay2/\(layerID)", "overlay2/\(layerID)", "./overlay2/\(layerID)/",
            "/link/overlay2/\(layerID)/diff/etc/passwd", "overlay2/\(layerID)/link",
        ])
    func path(text: String) { #expect(paths(text) == ["overlay2/\(Self.layerID)"]) }

    @Test("a path may be cut as tables cut it, or at its end")
    func shortened() {
        for text in ["overlay2/6688ce71", "overlay2/6688ce71…", "/var/lib/docker/overlay2/6688c"] {
            #expect(paths(text) == ["overlay2/\(Self.layerID)"], "\(text)")
        }
        #expect(resolver.meaning(of: "overlay2/668…") == .nothing)
        #expect(paths("volumes/pg d") == ["volumes/pg data"] && resolver.meaning(of: "over") == .nothing)
        guard case .ambiguous = resolver.meaning(of: "overlay2/6688") else { return #expect(Bool(false)) }
    }

    @Test("what is not there is nothing, whatever it would lie in")
    func missing() {
        var resolver = resolver
        resolver.exists = { $0.text != "overlay2/\(Self.layerID)/nosuch" }
        #expect(resolver.meaning(of: "overlay2/\(Self.layerID)/nosuch") == .nothing)
        #expect(resolver.meaning(of: "overlay2/../tmp") == .outside)
        #expect(resolver.meaning(of: ".") == .above(.root))
    }

    @Test("an id may be cut short, but not to less than four letters or to what two have")
    func ids() {
        #expect(paths("6688ce71") == ["overlay2/\(Self.layerID)"])
        #expect(resolver.meaning(of: "668") == .nothing)
        #expect(resolver.meaning(of: "6688") == .ambiguous(["overlay2/\(Self.layerID)", "overlay2/\(Self.other)"]))
    }

    @Test("an old image's id means its record and its layer")
    func legacy() {
        #expect(paths("sha256:" + Self.imageID) == ["graph/\(Self.imageID)", "aufs/diff/\(Self.imageID)"])
        #expect(paths("abababab").count == 2)
    }

    @Test("a name means the record that has it")
    func names() {
        #expect(paths("shop/api:4.10") == ["graph/\(Self.imageID)"])
        #expect(paths("base") == ["graph/\(Self.imageID)"])
        #expect(paths("pg data") == ["volumes/pg data"])
    }

    @Test("a name that no terminal shows can be given as it is printed, or as it is")
    func escaped() {
        #expect(paths("tmp/x%1B") == ["tmp/x%1B"])
        #expect(paths("tmp/x\u{1B}") == ["tmp/x%1B"])
    }

    @Test("elsewhere, above, and nothing are told apart, with a sentence each")
    func others() throws {
        #expect(resolver.meaning(of: "/etc") == .outside)
        #expect(resolver.meaning(of: "/var/lib/docker2/overlay2") == .outside)
        #expect(resolver.meaning(of: "/var/lib/docker") == .above(.root))
        #expect(resolver.meaning(of: "overlay2") == .above(RelativePath("overlay2")))
        #expect(resolver.meaning(of: "nothing-like-it") == .nothing)
        for text in ["/etc", "overlay2", "nothing-like-it", "6688"] {
            let failure = #expect(throws: Failure.self) {
                try resolver.meaning(of: text).required(text, in: "/var/lib/docker", hint: { "bilge " + $0 })
            }
            #expect(failure?.status == .failed && failure?.advice.isEmpty == false)
        }
        let failure = #expect(throws: Failure.self) {
            try resolver.meaning(of: "").required("", in: "/var/lib/docker", hint: { "bilge " + $0 })
        }
        #expect(failure?.status == .usage && failure?.message == "nothing is named")
    }
}
