// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Roots of storage drivers that no test machine can run, written as their engines would (1.10 to 23).
@Suite("Other storage drivers beside content-addressed records")
struct DriverRootTests {
    static let readable = ["fuse-overlayfs", "overlay", "aufs", "btrfs"]
    static let reported = ["devicemapper", "zfs"]

    @Test(
        "layers of images and containers are in use, and what nobody recorded is an orphan where Bilge reads the driver",
        arguments: readable + reported)
    func standings(driver: String) async throws {
        let root = try DriverRoot(driver)
        try root.fill()
        let survey = try await survey(.offline(root.path))
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        var standings: [String: (Standing, Thing)] = [:]
        for entry in survey.items {
            for path in entry.item.paths { standings[path.text] = (entry.standing, entry.item.thing) }
        }
        for (id, thing) in [
            (DriverRoot.base, Thing.layer), (DriverRoot.top, .layer), (DriverRoot.writable, .rwLayer),
            (DriverRoot.writable + "-init", .initLayer),
        ] {
            let found = standings[root.directory(id)]
            #expect(found?.0 == .inUse && found?.1 == thing, "\(id): \(String(describing: found))")
        }
        let mayGo = Self.readable.contains(driver)
        #expect(standings[root.directory(DriverRoot.stray)]?.0 == (mayGo ? .orphan : .unknown))
        #expect(standings["image/\(driver)/layerdb/mounts/\(DriverRoot.killed)"]?.0 == (mayGo ? .orphan : .unknown))
        #expect(standings[root.directory(DriverRoot.half)]?.0 == (mayGo ? .orphan : .unknown))
    }

    @Test("prune takes what nobody needs of these drivers, and undo brings it back", arguments: readable)
    func thereAndBack(driver: String) async throws {
        let root = try DriverRoot(driver)
        try root.fill()
        let before = try TreeSnapshot(of: root.path)
        let survey = try await survey(.offline(root.path))
        let plan = try plan(survey, Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: []))
        #expect(plan.steps.count == 2, "\(plan.steps.map(\.paths))")
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, .offline(root.path))
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        for id in [DriverRoot.base, DriverRoot.top, DriverRoot.writable, DriverRoot.writable + "-init"] {
            #expect(FileManager.default.fileExists(atPath: root.path + "/" + root.directory(id)))
        }
        _ = try await undo(run: nil, .offline(root.path))
        #expect(try TreeSnapshot(of: root.path).differences(from: before) == [])
    }

    @Test("a record that is damaged makes nothing an orphan", arguments: readable)
    func damage(driver: String) async throws {
        let mount = "layerdb/mounts/\(DriverRoot.container)"
        for files in [
            ["layerdb/sha256/\(DriverRoot.chainOfTop)/cache-id"], [mount + "/mount-id", mount + "/init-id"],
        ] {
            let root = try DriverRoot(driver)
            try root.fill()
            for file in files { try root.folder.write("image/\(driver)/\(file)", "") }
            let survey = try await survey(.offline(root.path))
            let orphans = survey.items.filter { $0.standing == .orphan }.flatMap(\.item.paths).map(\.text)
            #expect(!orphans.contains { $0.hasPrefix(driver + "/") }, "\(files): \(orphans)")
            #expect(!survey.problems.isEmpty)
        }
    }

    @Test("of two stores side by side, nothing is an orphan while no engine says which it uses")
    func twoStores() async throws {
        let root = try DriverRoot("btrfs")
        try root.fill()
        let other = try DriverRoot("fuse-overlayfs", in: root.folder)
        try other.fill()
        let survey = try await survey(.offline(root.path))
        #expect(!survey.items.contains { $0.standing == .orphan })
        #expect(survey.hiddenStores.map(\.name.text) == ["btrfs", "fuse-overlayfs"])
        #expect(survey.root.notes.count == 2)
    }

    @Test("a root of remapped users inside is not foreign, and the one around it may be hidden")
    func remapped() async throws {
        let root = try DriverRoot("fuse-overlayfs")
        try root.fill()
        for name in ["containers", "image", "volumes"] { try root.folder.makeDirectory("165536.165536/\(name)") }
        let outer = try await survey(.offline(root.path))
        let inner = try #require(outer.items.first { $0.item.path.text == "165536.165536" })
        #expect(inner.item.thing == .otherDriver && inner.standing == .unknown)
        #expect(!outer.items.contains { $0.standing == .orphan || $0.standing == .reclaimable })
        #expect(outer.hiddenStores.map(\.setting) == [.usernsRemap])
        let survey = try await survey(.offline(root.path + "/165536.165536"))
        #expect(survey.root.notes.contains { $0.contains("another data root") }, "\(survey.root.notes)")
    }
}

/// A data root with one image of two layers, a container, a layer without a record, and what a killed `create` left.
struct DriverRoot {
    static let base = id("ba5e")
    static let top = id("709")
    static let writable = id("a7")
    static let stray = id("57a")
    static let half = id("4a1f")
    static let container = id("c1")
    static let killed = id("c2")
    static let chainOfBase = id("b1")
    static let chainOfTop = id("b2")
    private static let image = id("1")

    let driver: String
    let folder: TemporaryDirectory
    var path: String { folder.path }

    init(_ driver: String, in folder: TemporaryDirectory? = nil) throws {
        self.driver = driver
        self.folder = try folder ?? TemporaryDirectory("driver")
    }

    private static func id(_ end: String) -> String { String(repeating: "0", count: 64 - end.count) + end }

    /// Where the driver keeps a layer.
    func directory(_ id: String) -> String {
        switch driver {
        case "aufs": "aufs/diff/\(id)"
        case "btrfs": "btrfs/subvolumes/\(id)"
        case "zfs": "zfs/graph/\(id)"
        case "devicemapper": "devicemapper/metadata/\(id)"
        default: "\(driver)/\(id)"
        }
    }

    func fill() throws {
        for name in ["containers", "volumes", "network"] { try folder.makeDirectory(name) }
        try layer(Self.base, below: [])
        try layer(Self.top, below: [Self.base])
        try record(Self.chainOfBase, Self.base, diff: "d1", parent: nil)
        try record(Self.chainOfTop, Self.top, diff: "d2", parent: Self.chainOfBase)
        let store = "image/\(driver)"
        let diffs = ["d1", "d2"].map { "\"sha256:\(Self.id($0))\"" }.joined(separator: ",")
        try folder.write("\(store)/imagedb/content/sha256/\(Self.image)", #"{"rootfs":{"diff_ids":[\#(diffs)]}}"#)
        try folder.write(
            "\(store)/repositories.json", #"{"Repositories":{"app":{"app:1":"sha256:\#(Self.image)"}}}"#)
        try mounts(Self.container, Self.writable)
        try folder.write(
            "containers/\(Self.container)/config.v2.json",
            #"{"ID":"\#(Self.container)","Name":"/web","Image":"sha256:\#(Self.image)","Driver":"\#(driver)","State":{}}"#
        )
        try layer(Self.stray, below: [])
        try mounts(Self.killed, Self.half)
        try folder.makeDirectory("containers/\(Self.killed)")
    }

    /// A container's layers with the record of them.
    private func mounts(_ container: String, _ layer: String) throws {
        let below = [Self.top, Self.base]
        try self.layer(layer + "-init", below: below)
        try self.layer(layer, below: [layer + "-init"] + below)
        let record = "image/\(driver)/layerdb/mounts/\(container)"
        try folder.write("\(record)/mount-id", layer)
        try folder.write("\(record)/init-id", layer + "-init")
        try folder.write("\(record)/parent", "sha256:" + Self.chainOfTop)
    }

    private func record(_ chain: String, _ layer: String, diff: String, parent: String?) throws {
        let record = "image/\(driver)/layerdb/sha256/\(chain)"
        try folder.write("\(record)/cache-id", layer)
        try folder.write("\(record)/diff", "sha256:" + Self.id(diff))
        try folder.write("\(record)/size", "7")
        if let parent { try folder.write("\(record)/parent", "sha256:" + parent) }
    }

    /// - Parameter below: the layers below it, nearest first.
    private func layer(_ id: String, below: [String]) throws {
        let directory = directory(id)
        switch driver {
        case "aufs":
            try folder.write(directory + "/etc/x", "x")
            try folder.makeDirectory("aufs/mnt/\(id)")
            try folder.write("aufs/layers/\(id)", below.map { $0 + "\n" }.joined())
        case "overlay":
            let isContainers = below.first?.hasSuffix("-init") == true || id.hasSuffix("-init")
            try folder.write(directory + (isContainers ? "/upper/x" : "/root/x"), "x")
            if isContainers { try folder.write(directory + "/lower-id", Self.top) }
        case "devicemapper":
            let record = #"{"device_id":3,"size":10737418240,"transaction_id":2,"initialized":false}"#
            try folder.write(directory, record)
        case "fuse-overlayfs":
            try folder.write(directory + "/diff/x", "x")
            try folder.write(directory + "/link", Self.short(id))
            try folder.makeLink("\(driver)/l/\(Self.short(id))", to: "../\(id)/diff")
            if !below.isEmpty {
                try folder.write(directory + "/lower", below.map { "l/" + Self.short($0) }.joined(separator: ":"))
            }
        default: try folder.write(directory + "/etc/x", "x")
        }
    }

    /// Twenty-six letters that tell layers apart.
    private static func short(_ id: String) -> String {
        let isInit = id.hasSuffix("-init")
        let digits = id.prefix(64).suffix(20).uppercased().map { character in
            character.isNumber
                ? Character(UnicodeScalar(UInt8(ascii: "A") + UInt8(character.wholeNumberValue ?? 0))) : "X"
        }
        let letters = id.prefix(64).suffix(4).uppercased().map { $0.isLetter ? $0 : "Z" }
        return (isInit ? "I" : "L") + "Q" + String(digits) + String(letters)
    }
}
