// SPDX-License-Identifier: Apache-2.0

import Act
import Disk
import Engine
import Foundation
import Logging
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Flow

/// Images that the engine holds, with an engine that dies at every one of its calls.
@Suite("images that the engine holds")
struct HeldImagesTests {
    private let folder: TemporaryDirectory
    private let root: Directory

    init() throws {
        folder = try TemporaryDirectory("held")
        root = try folder.open()
    }

    private func plan(_ steps: [Plan.Step]) throws -> ApprovedPlan {
        let status = try root.status(.root)
        return ApprovedPlan(
            Plan(
                plan: "7c1e00", created: "",
                policy: Plan.Policy(kinds: ["images"], graceSeconds: 0, named: false, keep: []),
                root: Plan.Root(path: folder.path, device: status.device, inode: status.inode), steps: steps, kept: [],
                totals: Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 0)), approver: "test")
    }

    private func step(_ id: String, _ names: [String]) -> Plan.Step {
        Plan.Step(
            action: .removeImage, kind: "image", id: id, names: names, paths: [], identities: [], freesBytes: 10,
            inodes: 1, undo: true, why: ["old"])
    }

    private func hands(_ engine: MemoryEngine) -> EngineHands {
        let images = RootImages(engine: engine, root: root, layers: nil, since: nil, builds: nil)
        return EngineHands(
            images: images.functions,
            removals: RemovalEngine(
                describe: { _ in nil }, remove: { _ in .refused("no") }, exists: { _ in true }))
    }

    private func take(_ engine: MemoryEngine) async throws -> Receipt {
        try await execute(
            plan([step("a", ["shop/api:1", "shop/api:old"]), step("b", [])]), in: root, checks: Checks { _ in nil },
            hands: hands(engine), clock: { Timestamp(seconds: 1_700_000_000) }, logger: Logger(label: "test"))
    }

    private func undo(_ engine: MemoryEngine) async throws -> Receipt {
        try await Act.undo(
            run: nil, in: root, hands: hands(engine), clock: { Timestamp(seconds: 1_700_000_000) },
            logger: Logger(label: "test"))
    }

    private static let names = ["shop/api:1": "a", "shop/api:old": "a", "other:1": "c"]

    @Test("names go to the trash and come back; an image without a name comes back without one")
    func wholeWay() async throws {
        let engine = MemoryEngine(Self.names, images: ["a", "b", "c"])
        let receipt = try await take(engine)
        #expect(receipt.steps.map(\.outcome) == [.done, .done], "\(receipt.steps.map(\.reason))")
        #expect(engine.names.filter { !$0.key.hasPrefix("bilge-trash/") } == ["other:1": "c"])
        #expect(engine.images == ["a", "b", "c"])
        let undone = try await undo(engine)
        #expect(undone.steps.map(\.outcome) == [.done, .done], "\(undone.steps.map(\.reason))")
        #expect(engine.names == Self.names)
        #expect(engine.images == ["a", "b", "c"])
        #expect(try root.statusIfPresent(RelativePath(".bilge")) == nil)
    }

    @Test("an engine that dies at any call loses no image and no name", arguments: [true, false])
    func deaths(isDoneFirst: Bool) async throws {
        for number in 0..<200 {
            let engine = MemoryEngine(Self.names, images: ["a", "b", "c"])
            engine.dies(at: number, isDoneFirst: isDoneFirst)
            _ = try await take(engine)
            let died = engine.isDead
            engine.revive()
            #expect(engine.images == ["a", "b", "c"], "died at \(number)")
            engine.dies(at: number / 2, isDoneFirst: isDoneFirst)
            _ = try await undo(engine)
            engine.revive()
            #expect(engine.images.isSuperset(of: ["a", "b", "c"]), "died at \(number)")
            // What is left is settled by the next two commands.
            for _ in 0..<2 { _ = try await undo(engine) }
            #expect(engine.names == Self.names, "died at \(number)")
            #expect(engine.images == ["a", "b", "c"], "died at \(number)")
            #expect(try root.statusIfPresent(RelativePath(".bilge")) == nil, "died at \(number)")
            if !died { return }
        }
        Issue.record("there is no end of calls")
    }

    @Test("who wants an image meanwhile keeps it, and a name that is used again is not taken")
    func meanwhile() async throws {
        let engine = MemoryEngine(Self.names, images: ["a", "b", "c"])
        engine.users = ["a"]
        #expect(try await take(engine).steps.map(\.outcome) == [.skipped, .done])
        #expect(engine.names.filter { $0.value == "a" }.count == 2)
        engine.users = []
        _ = try await take(engine)
        engine.names["shop/api:1"] = "c"
        let refused = try await undo(engine)
        #expect(refused.steps.map(\.reason).contains("the name is in use again: shop/api:1"))
        #expect(engine.names["shop/api:1"] == "c" && engine.images.contains("a"))
        engine.names["shop/api:1"] = nil
        // The run with the other image is another one.
        for _ in 0..<2 { _ = try await undo(engine) }
        #expect(engine.names == Self.names)
    }

    @Test("an image that got one of its names again is put back by the next command that writes")
    func wantedAgain() async throws {
        let engine = MemoryEngine(Self.names, images: ["a", "b", "c"])
        _ = try await take(engine)
        engine.names["shop/api:1"] = "a"
        _ = try await empty(
            EmptyingOrder(runs: [], olderThanSeconds: 1 << 40), in: root, hands: hands(engine),
            witness: { $0.map { _ in nil } }, now: Timestamp(seconds: 1_700_000_000), logger: Logger(label: "test"))
        #expect(engine.names.filter { $0.value == "a" } == ["shop/api:1": "a", "shop/api:old": "a"])
    }
}

/// An engine that has only names, and may die.
private final class MemoryEngine: ImageCaller, ImageCalls {
    var names: [String: String]
    var images: Set<String>
    /// Images that containers use.
    var users: Set<String> = []
    private(set) var isDead = false
    private var left = Int.max
    private var isDoneFirst = false
    private var made = 0

    init(_ names: [String: String], images: Set<String>) {
        self.names = names
        self.images = images
    }

    func dies(at number: Int, isDoneFirst: Bool) {
        left = number
        self.isDoneFirst = isDoneFirst
    }

    func revive() {
        isDead = false
        left = .max
    }

    func calling<Result>(_ body: (any ImageCalls) async throws -> Result) async throws -> Result {
        try await body(self)
    }

    /// The n-th call and all later ones get no answer; the n-th may have been heard.
    private func call<Value>(_ body: () throws(EngineError) -> Value) throws(EngineError) -> Value {
        if left == 0 || isDead {
            let isHeard = isDoneFirst && !isDead
            isDead = true
            if isHeard { _ = try body() }
            throw EngineError("/", .incomplete, "it died")
        }
        left -= 1
        return try body()
    }

    private func id(_ reference: String) -> String? {
        names[reference] ?? (reference.hasPrefix("sha256:") ? String(reference.dropFirst(7)) : nil)
    }

    func image(_ reference: String) throws(EngineError) -> EngineImageDetail? {
        try call { () throws(EngineError) in
            guard let id = id(reference), images.contains(id) else { return nil }
            var detail = EngineImageDetail(id: "sha256:" + id, layers: nil)
            detail.tags = names.filter { $0.value == id }.map(\.key)
            detail.isEmptyOfOurs = id.hasPrefix("empty")
            return detail
        }
    }

    func tag(_ id: String, repository: String, tag: String) throws(EngineError) {
        try call { () throws(EngineError) in names["\(repository):\(tag)"] = String(id.dropFirst(7)) }
    }

    func removeImage(_ reference: String) throws(EngineError) -> [EngineDeletion] {
        try call { () throws(EngineError) in
            guard let id = names.removeValue(forKey: reference) else {
                throw EngineError("/", .notFound, status: 404, "no such image")
            }
            if names.values.contains(id) { return [EngineDeletion(untagged: reference, deleted: nil)] }
            images.remove(id)
            return [EngineDeletion(untagged: reference), EngineDeletion(deleted: "sha256:" + id)]
        }
    }

    func importEmpty(repository: String, tag: String) throws(EngineError) {
        try call { () throws(EngineError) in
            made += 1
            images.insert("empty\(made)")
            names["\(repository):\(tag)"] = "empty\(made)"
        }
    }

    func containers() throws(EngineError) -> [EngineContainer] {
        try call { () throws(EngineError) in
            users.map { id in
                EngineContainer(
                    id: String(repeating: "1", count: 64), name: "user", state: "exited", imageID: "sha256:" + id)
            }
        }
    }

    func knownServices() throws(EngineError) -> [EngineService] { [] }

    func isBuilding() throws(EngineError) -> Bool { false }
}
