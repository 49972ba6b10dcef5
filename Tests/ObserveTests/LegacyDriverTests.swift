// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@Suite("Storage drivers of Docker 1.0 to 1.9")
struct LegacyDriverTests {
    let base = LegacyRecipe.id("ba5e")
    let top = LegacyRecipe.id("709")
    let layer = LegacyRecipe.id("1a")

    @Test("a layer of aufs is one item, data first; what the engine was removing is another")
    func aufsItems() throws {
        let recipe = try LegacyRecipe("aufs-items")
        try recipe.aufs(base)
        try recipe.aufs("\(top)-init", [base])
        try recipe.folder.write("aufs/layers/\(layer)")
        for folder in ["diff", "mnt"] { try recipe.folder.makeDirectory("aufs/\(folder)/\(layer)-removing") }
        let items = try recipe.scan().items.items
        #expect(items[RelativePath("aufs/diff/\(base)")]?.thing == .layer)
        #expect(
            items[RelativePath("aufs/diff/\(base)")]?.paths.map(\.text)
                == ["aufs/diff/\(base)", "aufs/mnt/\(base)", "aufs/layers/\(base)"])
        #expect(items[RelativePath("aufs/diff/\(top)-init")]?.thing == .initLayer)
        #expect(items[RelativePath("aufs/layers/\(layer)")]?.paths.count == 1)
        let removing = items[RelativePath("aufs/diff/\(layer)-removing")]
        #expect(removing?.thing == .removingLayer && removing?.paths.count == 2)
        #expect(items.count == 4)
    }

    @Test(
        "names that no engine makes are foreign", arguments: ["my-backup", "lost+found", "ABC", "-init", "x-removing"])
    func foreign(_ name: String) throws {
        let recipe = try LegacyRecipe("foreign")
        for folder in ["aufs", "aufs/diff", "aufs/mnt", "overlay"] {
            try recipe.folder.makeDirectory("\(folder)/\(name)")
        }
        try recipe.folder.write("aufs/layers/\(name)", "nonsense")
        try recipe.folder.makeDirectory("overlay/\(base)-removing")
        try recipe.folder.write("aufs/layers/\(base)-removing", "")
        let scan = try recipe.scan()
        #expect(scan.items.items.values.allSatisfy { $0.thing == .foreign })
        #expect(scan.items.items.count == 7)
        #expect(scan.problems.isEmpty && scan.findings.claims.isEmpty)
    }

    @Test("ids of BuildKit are layers too")
    func buildKit() throws {
        let recipe = try LegacyRecipe("buildkit")
        let name = "jx0s8q2m4w6e1r9t3y5u7i0pz"
        try recipe.aufs(name)
        try recipe.folder.makeDirectory("overlay/\(name)")
        let scan = try recipe.scan()
        #expect(scan.items.items[RelativePath("aufs/diff/\(name)")]?.thing == .layer)
        #expect(scan.items.items[RelativePath("overlay/\(name)")]?.thing == .layer)
    }

    @Test("a container's layers keep an image whose record and list are gone")
    func onlyTheListKnows() throws {
        var recipe = try LegacyRecipe("only-list")
        let container = LegacyRecipe.id("c0")
        try recipe.folder.makeDirectory("aufs/diff/\(top)")
        try recipe.aufs("\(container)-init", [top, base])
        try recipe.aufs(container, ["\(container)-init", top, base])
        try recipe.folder.makeDirectory("aufs/diff/\(base)")
        try recipe.folder.makeDirectory("aufs/diff/\(layer)")
        recipe.container(container, image: top)
        let scan = try recipe.scan()
        #expect(scan.problems.isEmpty)
        for id in [top, base] { #expect(scan.standing("aufs/diff/\(id)") == .inUse) }
        #expect(scan.standing("aufs/diff/\(layer)") == .orphan)
    }

    @Test("an orphan's list keeps nothing, whatever it names")
    func orphansClaimNothing() throws {
        let recipe = try LegacyRecipe("orphans")
        try recipe.aufs(top, [base])
        try recipe.aufs(layer, [top, base])
        try recipe.folder.makeDirectory("aufs/diff/\(base)")
        let scan = try recipe.scan()
        #expect(scan.problems.isEmpty)
        #expect(scan.paths([.orphan]).count == 3)
        let claim = scan.findings.claims.first { $0.source == "aufs/layers/\(layer)" }
        #expect(
            claim?.claimant == .item(RelativePath("aufs/diff/\(layer)")) && claim?.target.text == "aufs/diff/\(top)")
    }

    @Test(
        "a list that cannot be true freezes the driver, and claims what it names all the same",
        arguments: [
            "ID", "BAS\nID", "\n", "ID\n\n", "../\(String(repeating: "0", count: 64))\n", "short\n",
        ])
    func falseLists(_ text: String) throws {
        let recipe = try LegacyRecipe("false-list")
        try recipe.aufs(base)
        try recipe.aufs(layer)
        try recipe.folder.write("aufs/layers/\(top)", text.replacing("ID", with: base).replacing("BAS", with: layer))
        try recipe.folder.makeDirectory("aufs/diff/\(top)")
        let scan = try recipe.scan()
        #expect(scan.problems.map(\.path) == ["aufs/layers/\(top)"])
        #expect(scan.problems.first?.areas == [.driver("aufs")])
        #expect(scan.paths([.orphan, .reclaimable]).isEmpty)
    }

    /// What a list can be that its engine did not finish, where the whole one names the init layer, `ID` and `LOW`.
    static let unfinished = ["", "ID\n", "ID\nLOW\n", "INIT\n", "INIT\nID\n"]

    /// A container's layer with such a list. `parts`: what there is of the init layer.
    private func short(_ text: String, parts: [String]) throws -> LegacyRecipe {
        let recipe = try LegacyRecipe("short")
        try recipe.aufs(layer)
        try recipe.aufs(base, [layer])
        for part in parts where part != "layers" { try recipe.folder.makeDirectory("aufs/\(part)/\(top)-init") }
        if parts.contains("layers") { try recipe.folder.write("aufs/layers/\(top)-init", "\(base)\n\(layer)\n") }
        let list = text.replacing("INIT", with: "\(top)-init").replacing("ID", with: base).replacing("LOW", with: layer)
        try recipe.folder.write("aufs/layers/\(top)", list)
        try recipe.folder.makeDirectory("aufs/diff/\(top)")
        return recipe
    }

    @Test(
        "a container's layer that does not stand on the init layer of which something is there freezes the driver",
        arguments: unfinished, [["diff", "mnt", "layers"], ["diff"], ["mnt"]])
    func withoutInitLayer(_ text: String, parts: [String]) throws {
        var recipe = try short(text, parts: parts)
        recipe.container(top, image: base)
        let scan = try recipe.scan()
        #expect(Set(scan.problems.map(\.path)) == ["aufs/layers/\(top)"])
        #expect(scan.problems.first?.areas == [.driver("aufs")])
        #expect(scan.paths([.orphan]).isEmpty)
    }

    @Test(
        "a list that an engine did not finish hides nothing if nobody needs its layer", arguments: unfinished,
        [["diff", "mnt", "layers"], ["diff"], ["mnt"]])
    func unfinishedOrphan(_ text: String, parts: [String]) throws {
        let scan = try short(text, parts: parts).scan()
        #expect(Set(scan.findings.problems.map(\.path)) == ["aufs/layers/\(top)"] && scan.problems.isEmpty)
        #expect(scan.paths([.orphan]).count == 4)
    }

    @Test("25 digits are an id cut short, although BuildKit's ids have that length")
    func cutToTheLengthOfBuildKit() throws {
        let recipe = try LegacyRecipe("cut")
        try recipe.folder.makeDirectory("overlay/\(base)")
        try recipe.folder.write("overlay/\(top)/lower-id", String(base.prefix(25)))
        #expect(try recipe.scan().problems.map(\.path) == ["overlay/\(top)/lower-id"])
        try recipe.folder.write("overlay/\(top)/lower-id", "jx0s8q2m4w6e1r9t3y5u7i0pz")
        #expect(try recipe.scan().problems.isEmpty)
    }

    @Test("a container's layer of overlay needs the image that lower-id names")
    func lowerID() throws {
        var recipe = try LegacyRecipe("lower")
        let container = LegacyRecipe.id("c0")
        try recipe.folder.write("overlay/\(container)/lower-id", base)
        try recipe.folder.write("overlay/\(container)-init/lower-id", base)
        try recipe.folder.makeDirectory("overlay/\(base)/root")
        try recipe.folder.makeDirectory("overlay/\(layer)/root")
        recipe.container(container, image: base)
        let scan = try recipe.scan()
        #expect(scan.problems.isEmpty)
        #expect(scan.standing("overlay/\(base)") == .inUse && scan.standing("overlay/\(layer)") == .orphan)
    }

    @Test(
        "a lower-id that names no image freezes the driver",
        arguments: ["abc", "ID\n", "ID-init", "../ID", "ID/root", String(repeating: "a", count: 5000)])
    func badLowerID(_ text: String) throws {
        let recipe = try LegacyRecipe("bad-lower")
        try recipe.folder.makeDirectory("overlay/\(base)/root")
        try recipe.folder.write("overlay/\(top)/lower-id", text.replacing("ID", with: base))
        let scan = try recipe.scan()
        #expect(scan.problems.first?.areas == [.driver("overlay")])
        #expect(scan.paths([.orphan]).isEmpty)
    }

    @Test("without the folder of lists nothing of aufs is an orphan")
    func noLists() throws {
        let recipe = try LegacyRecipe("no-lists")
        try recipe.folder.makeDirectory("aufs/diff/\(base)")
        #expect(try recipe.scan().standing("aufs/diff/\(base)") == .unknown)
    }

    @Test(
        "a driver that cannot be listed hides images too", arguments: ["aufs", "aufs/diff", "aufs/layers", "overlay"])
    func unlistable(_ folder: String) throws {
        let recipe = try LegacyRecipe("unlistable")
        try recipe.image(top)
        try recipe.folder.makeLink(folder, to: "/tmp")
        #expect(try recipe.scan().standing("graph/\(top)") == .unknown)
    }

    @Test("layers of btrfs are layers; those of devicemapper and zfs are reported, with what their records say")
    func otherDrivers() throws {
        let recipe = try LegacyRecipe("reported")
        try recipe.folder.makeDirectory("btrfs/subvolumes/\(base)")
        try recipe.folder.makeDirectory("btrfs/subvolumes/\(top)-init")
        try recipe.folder.makeDirectory("btrfs/subvolumes/mine")
        try recipe.folder.write("btrfs/quotas/\(base)", "1048576")
        try recipe.folder.write("btrfs/quotas/\(layer)", "1048576")
        try recipe.folder.write("devicemapper/devicemapper/data")
        try recipe.folder.write("devicemapper/metadata/base", "{}")
        try recipe.folder.write("devicemapper/metadata/deviceset-metadata", "{}")
        try recipe.folder.write(
            "devicemapper/metadata/\(base)",
            #"{"device_id":7,"size":10737418240,"transaction_id":8,"initialized":false}"#)
        try recipe.folder.write("devicemapper/metadata/\(layer)", #"{"device_id":"#)
        try recipe.folder.makeDirectory("devicemapper/mnt/\(base)")
        try recipe.folder.makeDirectory("zfs/graph/\(base)")
        let scan = try recipe.scan()
        let things = Dictionary(grouping: scan.items.items.values, by: \.thing).mapValues {
            Set($0.flatMap(\.paths).map(\.text))
        }
        #expect(
            things == [
                .layer: ["btrfs/subvolumes/\(base)", "btrfs/quotas/\(base)"],
                .initLayer: ["btrfs/subvolumes/\(top)-init"], .foreign: ["btrfs/subvolumes/mine"],
                .metadata: [
                    "btrfs/subvolumes", "btrfs/quotas", "btrfs/quotas/\(layer)", "devicemapper/metadata",
                    "devicemapper/mnt", "devicemapper/metadata/base", "devicemapper/metadata/deviceset-metadata",
                    "zfs/graph",
                ],
                .otherDriver: [
                    "devicemapper/devicemapper", "devicemapper/metadata/\(base)", "devicemapper/mnt/\(base)",
                    "devicemapper/metadata/\(layer)", "zfs/graph/\(base)",
                ],
            ])
        #expect(
            scan.findings.catalog.facts == [
                RelativePath("devicemapper/metadata/\(base)"): [
                    "device 7 of the thin pool, which may grow to 10.74 GB"
                ]
            ])
        let damaged = RelativePath("devicemapper/metadata/\(layer)")
        #expect(scan.problems.map(\.areas) == [[.item(damaged)]])
    }

    @Test(
        "an image of an old engine needs its layer in every driver",
        arguments: ["btrfs/subvolumes", "devicemapper/metadata", "zfs/graph"])
    func imageLayers(folder: String) throws {
        let recipe = try LegacyRecipe("image-layers")
        try recipe.image(base)
        try recipe.folder.write("repositories-x", #"{"Repositories":{"a":{"1":"\#(base)"}}}"#)
        try recipe.folder.write("\(folder)/\(base)/x")
        try recipe.folder.write("\(folder)/\(top)/x")
        let scan = try recipe.scan()
        #expect(scan.standing("\(folder)/\(base)") == .inUse)
        #expect(scan.standing("\(folder)/\(top)") != .inUse)
    }

    @Test("an empty folder of such a driver is nothing to report")
    func emptyDriver() throws {
        let recipe = try LegacyRecipe("empty-driver")
        try recipe.folder.makeDirectory("btrfs")
        let scan = try recipe.scan()
        #expect(scan.items.items.isEmpty && scan.problems.isEmpty)
    }
}
