// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Model
import TestSupport
import Testing

@testable import Flow

/// Records of containers' layers that an engine was killed over, while it wrote or removed them.
@Suite("Half a mount record")
struct HalfRecordTests {
    private static let record = "image/overlay2/layerdb/mounts/"

    private func root() throws -> DriverRoot {
        let root = try DriverRoot("overlay2")
        try root.fill()
        return root
    }

    private func remove(_ path: String, in root: DriverRoot) throws {
        try FileManager.default.removeItem(atPath: root.path + "/" + path)
    }

    private func standings(_ root: DriverRoot) async throws -> [String: Standing] {
        let survey = try await survey(.offline(root.path))
        var standings: [String: Standing] = [:]
        for judged in survey.items {
            for path in judged.item.paths where path.text.hasPrefix("overlay2/") {
                standings[String(path.name)] = judged.standing
            }
        }
        return standings
    }

    @Test("one of the two ids says what the other was, and nothing else is hidden", arguments: ["mount-id", "init-id"])
    func oneLeft(file: String) async throws {
        let emptied = try root()
        try emptied.folder.write(Self.record + DriverRoot.container + "/" + file, "")
        let missing = try root()
        try remove(Self.record + DriverRoot.container + "/" + file, in: missing)
        for root in [emptied, missing] {
            let standings = try await standings(root)
            #expect(standings[DriverRoot.writable] == .inUse)
            #expect(standings[DriverRoot.writable + "-init"] == .inUse)
            #expect(standings[DriverRoot.stray] == .orphan)
        }
    }

    @Test("of a container that is gone, its layers are as little known as its record")
    func oneLeftOfNothing() async throws {
        let root = try root()
        try remove("containers/" + DriverRoot.killed, in: root)
        try root.folder.write(Self.record + DriverRoot.killed + "/init-id", "")
        let standings = try await standings(root)
        #expect(standings[DriverRoot.half] == .unknown)
        #expect(standings[DriverRoot.half + "-init"] == .unknown)
        #expect(standings[DriverRoot.stray] == .orphan)
        #expect(standings[DriverRoot.writable] == .inUse)
    }

    @Test("without either, of a container that is gone, the layers of containers are hidden")
    func noneLeft() async throws {
        let root = try root()
        try remove("containers/" + DriverRoot.killed, in: root)
        for file in ["mount-id", "init-id"] { try remove(Self.record + DriverRoot.killed + "/" + file, in: root) }
        let standings = try await standings(root)
        #expect(standings[DriverRoot.half] == .unknown)
        #expect(standings[DriverRoot.half + "-init"] == .unknown)
        #expect(standings[DriverRoot.stray] == .orphan)
    }

    @Test("of a container that is there, all layers are hidden without either")
    func noneOfContainer() async throws {
        let root = try root()
        for file in ["mount-id", "init-id"] {
            try root.folder.write(Self.record + DriverRoot.container + "/" + file, "")
        }
        #expect(try await !standings(root).values.contains(.orphan))
    }

    @Test("an id of which only one layer is there may be a wrong one: all layers are hidden")
    func half() async throws {
        let root = try root()
        try remove("overlay2/" + DriverRoot.writable + "-init", in: root)
        try root.folder.write(Self.record + DriverRoot.container + "/init-id", "")
        #expect(try await !standings(root).values.contains(.orphan))
    }

    @Test("the chain below hides records of layers, and no directory that has none")
    func parentIsEmpty() async throws {
        let root = try root()
        try root.folder.write(Self.record + DriverRoot.container + "/parent", "")
        let survey = try await survey(.offline(root.path))
        #expect(survey.problems.count == 1, "\(survey.problems)")
        let standings = try await standings(root)
        for layer in [DriverRoot.base, DriverRoot.top, DriverRoot.writable] { #expect(standings[layer] == .inUse) }
        #expect(standings[DriverRoot.stray] == .orphan)
        // Without its tag nobody but the container needs the image, and the container's record may be wrong about it.
        try remove("image/overlay2/repositories.json", in: root)
        try remove("containers/" + DriverRoot.container, in: root)
        #expect(try await self.standings(root)[DriverRoot.top] == .unknown)
    }

    @Test("a record that was being removed, file by file, names nothing that anybody needs", arguments: [nil, ""])
    func removing(name: String?) async throws {
        let root = try root()
        let record = "image/overlay2/layerdb/sha256/\(DriverRoot.base)-\(DriverRoot.top)-removing"
        try root.folder.write(record + "/diff", "sha256:" + DriverRoot.base)
        if let name { try root.folder.write(record + "/cache-id", name) }
        let survey = try await survey(.offline(root.path))
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        #expect(survey.items.first { $0.item.path.text == record }?.standing == .orphan)
        #expect(try await standings(root)[DriverRoot.stray] == .orphan)
    }

    @Test("a mount of BuildKit has no init layer: all layers are hidden without its id")
    func mountOfBuildKit() async throws {
        let root = try root()
        try root.folder.write(Self.record + "0123456789abcdefghijklmno/mount-id", "")
        #expect(try await !standings(root).values.contains(.orphan))
    }
}
