// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Model
import TestSupport
import Testing

@testable import Flow

/// Directories of layers that an engine was killed over: it had made a file, and not filled it.
@Suite("Half a layer")
struct HalfLayerTests {
    private static let list = ["overlay": "lower-id", "fuse-overlayfs": "lower"]
    static let drivers = ["overlay", "fuse-overlayfs"]

    private func root(_ driver: String) throws -> DriverRoot {
        let root = try DriverRoot(driver)
        try root.fill()
        return root
    }

    /// Leaves the list of the layers below empty.
    private func empty(_ layer: String, in root: DriverRoot) throws {
        let file = try #require(Self.list[root.driver])
        try root.folder.write(root.directory(layer) + "/" + file, "")
    }

    private func standing(of layer: String, in root: DriverRoot, _ survey: Survey) throws -> Standing {
        let path = root.directory(layer)
        return try #require(survey.items.first { $0.item.paths.contains { $0.text == path } }).standing
    }

    @Test("an orphan whose list is empty is one, and hides nothing: who needs what only it named?", arguments: drivers)
    func orphan(driver: String) async throws {
        let root = try root(driver)
        try empty(DriverRoot.stray, in: root)
        let survey = try await survey(.offline(root.path))
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        for layer in [DriverRoot.stray, DriverRoot.half] {
            #expect(try standing(of: layer, in: root, survey) == .orphan)
        }
        let before = try TreeSnapshot(of: root.path)
        let plan = try plan(survey, Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: []))
        #expect(plan.steps.count == 2, "\(plan.steps.map(\.paths))")
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, .offline(root.path))
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        _ = try await undo(run: nil, .offline(root.path))
        #expect(try TreeSnapshot(of: root.path).differences(from: before) == [])
    }

    @Test("one that is in use may have named any other", arguments: drivers)
    func inUse(driver: String) async throws {
        let root = try root(driver)
        try empty(DriverRoot.writable, in: root)
        let survey = try await survey(.offline(root.path))
        #expect(try standing(of: DriverRoot.writable, in: root, survey) == .inUse)
        for layer in [DriverRoot.stray, DriverRoot.half] {
            #expect(try standing(of: layer, in: root, survey) == .unknown)
        }
        #expect(survey.problems.count == 1, "\(survey.problems)")
    }

    @Test("beside one that is in use, an orphan's counts as well", arguments: drivers)
    func both(driver: String) async throws {
        let root = try root(driver)
        for layer in [DriverRoot.writable, DriverRoot.stray] { try empty(layer, in: root) }
        let survey = try await survey(.offline(root.path))
        #expect(try standing(of: DriverRoot.stray, in: root, survey) == .unknown)
        #expect(try standing(of: DriverRoot.half, in: root, survey) == .unknown)
        #expect(survey.problems.count == 2, "\(survey.problems)")
    }

    @Test("a list that holds anything else than one is damage, whoever's it is", arguments: drivers)
    func damaged(driver: String) async throws {
        let root = try root(driver)
        let file = try #require(Self.list[driver])
        try root.folder.write(root.directory(DriverRoot.stray) + "/" + file, "l")
        let survey = try await survey(.offline(root.path))
        #expect(try standing(of: DriverRoot.half, in: root, survey) == .unknown)
    }

    @Test("a short name that was not written yet is as one that is missing")
    func noName() async throws {
        let root = try root("fuse-overlayfs")
        for layer in [DriverRoot.stray, DriverRoot.base] { try root.folder.write(root.directory(layer) + "/link", "") }
        let survey = try await survey(.offline(root.path))
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        #expect(try standing(of: DriverRoot.stray, in: root, survey) == .orphan)
        #expect(try standing(of: DriverRoot.base, in: root, survey) == .inUse)
    }
}
