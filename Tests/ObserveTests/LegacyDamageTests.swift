// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@Suite("Damage to the metadata of Docker 1.0 to 1.9")
struct LegacyDamageTests {
    static let base = LegacyRecipe.id("ba5e")
    static let middle = LegacyRecipe.id("31d")
    static let top = LegacyRecipe.id("709")
    static let untagged = LegacyRecipe.id("0e")
    static let unlayered = LegacyRecipe.id("1e57")
    static let container = LegacyRecipe.id("c0")
    static let lost = LegacyRecipe.id("105")
    static let lower = LegacyRecipe.id("10e")
    static let orphan = LegacyRecipe.id("0f")
    static let child = LegacyRecipe.id("c1d")

    @Test("no file cut to any length makes anything removable", arguments: ["aufs", "overlay"])
    func everyLength(driver: String) throws {
        let recipe = try driver == "aufs" ? aufs() : overlay()
        // The image graph is the same with every driver: once is enough.
        let files = try metadata(of: recipe.folder.path).filter { driver == "aufs" || !$0.hasPrefix("graph/") }
        let whole = try recipe.scan()
        #expect(whole.problems.isEmpty)
        #expect(whole.paths([.orphan]).count >= 4)
        #expect(whole.paths([.reclaimable]).count >= 2)
        let removable = whole.paths([.orphan, .reclaimable])
        var noticed = 0
        for file in files {
            let path = URL(fileURLWithPath: recipe.folder.path + "/" + file)
            let text = try Data(contentsOf: path)
            for length in 0..<text.count {
                try text.prefix(length).write(to: path)
                let scan = try recipe.scan()
                #expect(scan.paths([.orphan]).isSubset(of: whole.paths([.orphan])), "\(file) cut to \(length)")
                #expect(scan.paths([.orphan, .reclaimable]).isSubset(of: removable), "\(file) cut to \(length)")
                noticed += scan.problems.isEmpty ? 0 : 1
            }
            try text.write(to: path)
        }
        #expect(noticed > 300)
    }

    @Test("a lone list, which nothing repeats, cannot lose a layer unnoticed either")
    func loneList() throws {
        let recipe = try LegacyRecipe("lone")
        try recipe.image(Self.top, parent: Self.lost)
        try recipe.aufs(Self.top, [Self.lost, Self.lower])
        for id in [Self.lost, Self.lower] { try recipe.folder.makeDirectory("aufs/diff/\(id)") }
        try recipe.tag(["broken/parent": ["1": Self.top]])
        let path = URL(fileURLWithPath: "\(recipe.folder.path)/aufs/layers/\(Self.top)")
        let text = try Data(contentsOf: path)
        for length in 0...text.count {
            try text.prefix(length).write(to: path)
            let scan = try recipe.scan()
            #expect(!scan.problems.isEmpty && scan.paths([.orphan, .reclaimable]).isEmpty, "cut to \(length)")
        }
    }

    /// Images, containers, one of them without its image, and orphans: no problem as long as it is whole.
    private func aufs() throws -> LegacyRecipe {
        var recipe = try images(driver: "aufs")
        try recipe.aufs(Self.base)
        try recipe.aufs(Self.middle, [Self.base])
        try recipe.aufs(Self.top, [Self.middle, Self.base])
        try recipe.aufs(Self.untagged, [Self.base])
        let init_ = "\(Self.container)-init"
        try recipe.aufs(init_, [Self.lost, Self.lower])
        try recipe.aufs(Self.container, [init_, Self.lost, Self.lower])
        for id in [Self.lost, Self.lower] { try recipe.folder.makeDirectory("aufs/diff/\(id)") }
        try recipe.aufs(Self.orphan, [Self.base])
        try recipe.aufs(Self.child, [Self.orphan, Self.base])
        try recipe.folder.makeDirectory("aufs/diff/\(Self.child)-removing")
        recipe.container(Self.container, image: Self.lost)
        return recipe
    }

    private func overlay() throws -> LegacyRecipe {
        var recipe = try images(driver: "overlay")
        for id in [Self.base, Self.middle, Self.top, Self.untagged, Self.lower, Self.orphan, Self.child] {
            try recipe.folder.makeDirectory("overlay/\(id)/root")
        }
        for name in [Self.container, "\(Self.container)-init"] {
            try recipe.folder.write("overlay/\(name)/lower-id", Self.lower)
        }
        try recipe.folder.write("overlay/\(LegacyRecipe.id("0c"))/lower-id", Self.child)
        recipe.container(Self.container, image: Self.lost)
        return recipe
    }

    private func images(driver: String) throws -> LegacyRecipe {
        let recipe = try LegacyRecipe("damage-\(driver)")
        try recipe.image(Self.base)
        try recipe.image(Self.middle, parent: Self.base)
        try recipe.image(Self.top, parent: Self.middle)
        try recipe.image(Self.untagged, parent: Self.base)
        try recipe.image(Self.unlayered, parent: Self.untagged)
        try recipe.tag(["shop/api": ["4.10": Self.top]], driver: driver)
        try recipe.tag(["shop/web": ["1": Self.middle, "sha256:\(Self.base)": Self.base]], driver: "vfs")
        try recipe.folder.write("graph/_tmp/\(Self.child)/json", "{")
        return recipe
    }

    private func metadata(of root: String) throws -> [String] {
        let all = try #require(FileManager.default.enumerator(atPath: root)).compactMap { $0 as? String }
        return all.filter { file in
            file.hasPrefix("repositories-") || file.hasPrefix("aufs/layers/") || file.hasSuffix("/lower-id")
                || (file.hasPrefix("graph/") && !file.hasPrefix("graph/_tmp"))
        }.filter { (try? Data(contentsOf: URL(fileURLWithPath: "\(root)/\($0)"))) != nil }.sorted()
    }
}
