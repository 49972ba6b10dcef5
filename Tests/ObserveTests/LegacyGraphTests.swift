// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@Suite("The image graph of Docker 1.0 to 1.9")
struct LegacyGraphTests {
    let base = LegacyRecipe.id("ba5e")
    let top = LegacyRecipe.id("709")
    let other = LegacyRecipe.id("07e3")

    /// `base` below `top`, which is tagged, and below `other`, which is not.
    private func recipe(_ name: String) throws -> LegacyRecipe {
        let recipe = try LegacyRecipe(name)
        try recipe.image(base)
        try recipe.image(top, parent: base)
        try recipe.image(other, parent: base)
        try recipe.aufs(base)
        try recipe.aufs(top, [base])
        try recipe.aufs(other, [base])
        try recipe.tag(["shop/api": ["4.10": top]])
        return recipe
    }

    @Test("a tag needs its image, the image its parent, each its layer; an untagged image is only known")
    func claims() throws {
        let scan = try recipe("claims").scan()
        for path in ["graph/\(base)", "graph/\(top)", "aufs/diff/\(base)", "aufs/layers/\(top)"] {
            #expect(scan.standing(path) == .inUse)
        }
        #expect(scan.standing("graph/\(other)") == .reclaimable)
        #expect(scan.standing("aufs/diff/\(other)") == .reclaimable)
        #expect(scan.findings.problems.isEmpty)
        let tag = scan.findings.claims.first { $0.claimant == .tag("shop/api:4.10") }
        #expect(tag?.target.text == "graph/\(top)" && tag?.source == "repositories-aufs" && tag?.force == .needs)
    }

    @Test("every repositories file counts, the one from before 0.7 and digests too")
    func allTables() throws {
        let recipe = try recipe("tables")
        try recipe.tag(["shop/api": ["sha256:\(other)": other], "old": ["latest": top]], driver: "overlay")
        try recipe.folder.write("repositories", #"{"Repositories":{"ancient":{"1":"\#(base)"}}}"#)
        let images = try recipe.scan().findings.catalog.images
        #expect(images.first { $0.id == top }?.tags == ["old:latest", "shop/api:4.10"])
        #expect(images.first { $0.id == other }?.digests == ["shop/api@sha256:\(other)"])
        #expect(images.first { $0.id == base }?.tags == ["ancient:1"])
        #expect(try recipe.scan().standing("graph/\(other)") == .inUse)
    }

    @Test("the catalog has time and size: layersize first, else Size, else nothing")
    func catalog() throws {
        let recipe = try recipe("catalog")
        try recipe.image(base, layersize: nil)
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/graph/\(base)/layersize")
        try recipe.folder.write("graph/\(other)/layersize", "1 GB")
        let scan = try recipe.scan()
        let sizes = Dictionary(uniqueKeysWithValues: scan.findings.catalog.images.map { ($0.id, $0.ownBytes) })
        #expect(sizes == [base: 7, top: 10, other: nil])
        let image = try #require(scan.findings.catalog.images.first { $0.id == top })
        #expect(image.created == Timestamp(rfc3339: "2015-06-01T10:00:00.5Z"))
        #expect(image.parent == base && image.path.text == "graph/\(top)")
        #expect(scan.findings.problems.isEmpty)
    }

    @Test("keys count whatever their case, as docker load of 1.0 wrote them")
    func keysOfOldLoad() throws {
        let recipe = try recipe("case")
        let json = #"{"Id":"\#(top)","Parent":"\#(base)","Created":"2014-06-01T10:00:00Z","Size":0}"#
        try recipe.folder.write("graph/\(top)/json", json)
        let scan = try recipe.scan()
        #expect(scan.findings.problems.isEmpty)
        #expect(scan.findings.catalog.images.first { $0.id == top }?.parent == base)
    }

    @Test("a tag may name an image that is not there")
    func tagOfMissingImage() throws {
        let recipe = try recipe("dangling")
        try recipe.tag(["broken/dangling": ["gone": LegacyRecipe.id("dead")]])
        let scan = try recipe.scan()
        #expect(scan.findings.problems.isEmpty)
        #expect(scan.standing("graph/\(top)") == .reclaimable)
    }

    @Test(
        "damage to a table of names leaves no image and no layer an orphan",
        arguments: [
            "", "{", "null", "[]", "{}", #"{"Repositories":null}"#, #"{"Repositories":{"a":"b"}}"#,
            #"{"Repositories":{"a":{"b":"abc"}}}"#, #"{"Repositories":{"a":{"b":null}}}"#,
        ])
    func damagedTable(_ text: String) throws {
        let recipe = try recipe("table")
        try recipe.folder.write("repositories-vfs", text)
        try recipe.aufs(LegacyRecipe.id("0f"))
        let scan = try recipe.scan()
        #expect(scan.findings.problems.map(\.path) == ["repositories-vfs"])
        #expect(scan.paths([.orphan, .reclaimable]).isEmpty)
        #expect(scan.standing("graph/\(top)") == .inUse)
    }

    @Test("a table of names that is a symbolic link or a directory is unreadable, not absent")
    func oddTables() throws {
        let recipe = try recipe("odd-table")
        try recipe.folder.makeLink("repositories-overlay", to: "/dev/null")
        try recipe.folder.makeDirectory("repositories-vfs")
        #expect(Set(try recipe.scan().findings.problems.map(\.path)) == ["repositories-overlay", "repositories-vfs"])
    }

    @Test(
        "a damaged record keeps its entry and freezes images and layers",
        arguments: [
            "", "{", "[]", #"{"id":"ID","parent":"abc"}"#, #"{"id":"ID","parent":7}"#, #"{"parent":"ID"}"#,
            #"{"id":"abc"}"#, #"{"id":"ID"}x"#, #"{"id":"ID","Id":"ID"}"#,
        ])
    func damagedRecord(_ text: String) throws {
        let recipe = try recipe("record")
        try recipe.folder.write("graph/\(other)/json", text.replacing("ID", with: other))
        try recipe.aufs(LegacyRecipe.id("0f"))
        let scan = try recipe.scan()
        let problem = try #require(scan.findings.problems.first)
        #expect(problem.areas == [.images, .layers, .item(RelativePath("graph/\(other)"))])
        #expect(scan.paths([.orphan, .reclaimable]).isEmpty)
        #expect(scan.findings.catalog.images.count == 2)
    }

    @Test("a record that is missing although a layer or a tag says that there was one is damage")
    func missingRecord() throws {
        for isTagged in [true, false] {
            let recipe = try recipe("missing-record")
            let id = LegacyRecipe.id("1057")
            try recipe.folder.makeDirectory("graph/\(id)")
            #expect(try recipe.scan().standing("graph/\(id)") == .orphan)
            if isTagged {
                try recipe.tag(["x": ["y": id]])
            } else {
                try recipe.folder.write("aufs/layers/\(id)")
            }
            let scan = try recipe.scan()
            #expect(scan.findings.problems.map(\.path) == ["graph/\(id)/json"])
            #expect(scan.standing("graph/\(id)") == (isTagged ? .inUse : .unknown))
        }
    }

    @Test("an entry whose layer is in no driver is left over, unless an older engine may return to it")
    func withoutLayer() throws {
        let recipe = try recipe("no-layer")
        let id = LegacyRecipe.id("1e57")
        try recipe.image(id, parent: base)
        #expect(try recipe.scan().standing("graph/\(id)") == .orphan)
        try recipe.folder.makeDirectory("image/aufs")
        #expect(try recipe.scan().standing("graph/\(id)") == .reclaimable)
    }

    @Test("a layer counts in every driver", arguments: ["overlay", "vfs/dir", "aufs/mnt", "aufs/layers", "aufs/diff"])
    func layerElsewhere(_ folder: String) throws {
        let recipe = try recipe("elsewhere")
        let id = LegacyRecipe.id("1e57")
        try recipe.image(id, parent: base)
        try recipe.folder.makeDirectory("\(folder)/\(id)")
        let scan = try recipe.scan()
        #expect(scan.standing("graph/\(id)") == .reclaimable)
        let claim = scan.findings.claims.first { $0.target.text == "\(folder)/\(id)" && $0.thing == .layer }
        #expect(claim?.claimant == .item(RelativePath("graph/\(id)")))
    }

    @Test(
        "where a driver cannot be read, every image may have its layer there",
        arguments: ["btrfs", "devicemapper", "zfs"])
    func otherDriver(_ driver: String) throws {
        let recipe = try recipe("other-driver")
        let id = LegacyRecipe.id("1e57")
        try recipe.image(id)
        try recipe.folder.makeDirectory("\(driver)/x")
        #expect(try recipe.scan().standing("graph/\(id)") == .reclaimable)
    }

    @Test("an entry that lost its record may be an image whose layer cannot be listed")
    func unlistedLayer() throws {
        let recipe = try recipe("unlisted")
        let id = LegacyRecipe.id("1e57")
        try recipe.image(id)
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/graph/\(id)/json")
        #expect(try recipe.scan().standing("graph/\(id)") == .orphan)
        try recipe.folder.makeLink("overlay", to: "/nowhere")
        let scan = try recipe.scan()
        #expect(scan.standing("graph/\(id)") == .unknown && scan.paths([.orphan]).isEmpty)
    }

    @Test("where no image has its layer any more, no entry is left over", arguments: [true, false])
    func lostLayers(_ isMadeAnew: Bool) throws {
        let recipe = try recipe("lost")
        let id = LegacyRecipe.id("1e57")
        try recipe.image(id, parent: base)
        let (old, empty) = (RelativePath("graph/\(id)"), RelativePath("graph/\(LegacyRecipe.id("e"))"))
        try recipe.folder.makeDirectory(empty.text)
        #expect(try recipe.scan().paths([.orphan]) == [old, empty])
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/aufs")
        if isMadeAnew { try recipe.aufs(LegacyRecipe.id("0f")) }
        let scan = try recipe.scan()
        #expect(scan.paths([.orphan]).isEmpty)
        #expect(scan.findings.problems.map(\.path) == ["\(empty)/json"])
    }

    @Test("an image whose layer is a link into graph/ keeps both, and the link is not followed")
    func layerBehindLink() throws {
        let recipe = try recipe("link")
        let id = LegacyRecipe.id("0722")
        try recipe.image(id, parent: base)
        try recipe.folder.write("graph/\(id)/layer/etc/hostname", "x")
        try recipe.folder.makeLink("aufs/diff/\(id)", to: "/var/lib/docker/graph/\(id)/layer")
        var scan = try recipe.scan()
        #expect(scan.standing("graph/\(id)") == .reclaimable && scan.standing("aufs/diff/\(id)") == .reclaimable)
        // Before 0.7 there was no link either.
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/aufs/diff/\(id)")
        #expect(try recipe.scan().standing("graph/\(id)") == .reclaimable)
        // And without a record it may still be somebody's image.
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/graph/\(id)/json")
        scan = try recipe.scan()
        #expect(scan.standing("graph/\(id)") == .unknown)
    }

    @Test("a tagged image keeps the layer of a parent that has no record any more")
    func missingParent() throws {
        let recipe = try recipe("missing-parent")
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/graph/\(base)")
        try FileManager.default.removeItem(atPath: "\(recipe.folder.path)/aufs/layers/\(top)")
        let scan = try recipe.scan()
        #expect(scan.standing("graph/\(top)") == .inUse && scan.standing("aufs/diff/\(base)") == .inUse)
    }

    @Test("scratch is scratch, _tmp itself the engine's, and other names nobody's")
    func names() throws {
        let recipe = try recipe("names")
        try recipe.folder.write("graph/_tmp/\(base)/json", "{")
        try recipe.folder.makeDirectory("graph/my-backup\u{1b}[31m")
        let scan = try recipe.scan()
        #expect(scan.standing("graph/_tmp") == .inUse)
        #expect(scan.items.items[RelativePath("graph/_tmp/\(base)")]?.thing == .scratch)
        #expect(scan.items.items[RelativePath("graph/my-backup%1B[31m")]?.thing == .foreign)
        #expect(scan.findings.problems.isEmpty)
    }

    @Test("an entry that is a link or a file is unreadable", arguments: [true, false])
    func oddEntry(_ isLink: Bool) throws {
        let recipe = try recipe("odd-entry")
        let id = LegacyRecipe.id("0dd")
        if isLink {
            try recipe.folder.makeLink("graph/\(id)", to: base)
        } else {
            try recipe.folder.write("graph/\(id)")
        }
        let scan = try recipe.scan()
        #expect(scan.findings.problems.map(\.path) == ["graph/\(id)/json"])
        #expect(scan.standing("graph/\(id)") == .unknown && scan.paths([.orphan, .reclaimable]).isEmpty)
    }

    @Test("a graph/ that cannot be listed freezes images and layers")
    func unlistable() throws {
        let recipe = try LegacyRecipe("unlistable")
        try recipe.folder.makeLink("graph", to: "/tmp")
        try recipe.aufs(base)
        let scan = try recipe.scan()
        #expect(scan.standing("aufs/diff/\(base)") == .unknown)
    }

    @Test("a name with control characters reaches nobody's terminal")
    func hostileName() throws {
        let recipe = try recipe("hostile")
        try recipe.tag(["e\u{1b}vil": ["t\u{7}": top]])
        #expect(try recipe.scan().findings.catalog.images.first { $0.id == top }?.tags == ["e%1Bvil:t%07"])
    }
}
