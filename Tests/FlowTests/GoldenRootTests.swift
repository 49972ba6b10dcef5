// SPDX-License-Identifier: Apache-2.0

import Act
import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Bilge on data roots that real daemons wrote, from Docker 1.0.1 to 29.7.
@Suite("Golden roots", .serialized)
struct GoldenRootTests {
    static let roots = GoldenRoot.all

    @Test("at least those that come with the project are there")
    func areThere() {
        #expect(Self.roots.count >= 10)
        if !Self.roots.contains(where: { $0.name.hasPrefix("20.10") }) {
            print("SKIPPED: golden roots of Docker 20.10 and 29.7 (set BILGE_GOLDEN_ROOTS to their folder)")
        }
    }

    @Test(
        "every path gets a standing that is allowed for it, and what must be kept is never an orphan", arguments: roots)
    func standings(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let survey = try await survey(.offline(root))
        let standings = Dictionary(
            survey.items.flatMap { entry in entry.item.paths.map { ($0.text, entry.standing) } },
            uniquingKeysWith: { first, _ in first })
        let wrong = try golden.expectation().paths.compactMap { path, expected -> String? in
            let standing = standings[EntryName.escaped(text: path)]?.rawValue ?? "missing"
            return expected.allowed.contains(standing) ? nil : "\(path) is \(standing), allowed: \(expected.allowed)"
        }
        #expect(wrong == [], "problems: \(survey.problems.map { "\($0.path): \($0.reason)" })")
    }

    @Test("every path is in exactly one item", arguments: roots)
    func everyPathOnce(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let paths = try await survey(.offline(root)).items.flatMap(\.item.paths)
        #expect(Set(paths).count == paths.count)
    }

    @Test("two looks at an unchanged root say the same", arguments: roots)
    func isStable(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let first = try await survey(.offline(root)).items
        let second = try await survey(.offline(root)).items
        #expect(first.map(\.item) == second.map(\.item))
        #expect(first.map(\.standing) == second.map(\.standing))
    }

    @Test("reading changes nothing", arguments: roots)
    func readingIsReading(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let before = try TreeSnapshot(of: root)
        let survey = try await survey(.offline(root))
        _ = try plan(survey, Plan.Policy(kinds: ["orphans", "volumes"], graceSeconds: 0, named: true, keep: []))
        _ = try await trash(.offline(root))
        #expect(try TreeSnapshot(of: root) == before)
        #expect(!FileManager.default.fileExists(atPath: root + "/.bilge"))
    }

    @Test(
        "prune takes every path that can only be an orphan, leaves the rest byte for byte, and undo brings all of it back",
        .enabled(if: geteuid() == 0, "needs root: the roots belong to it"), arguments: roots,
        [["orphans"], ["volumes"], ["orphans", "volumes"]])
    func pruneAndUndo(golden: GoldenRoot, kinds: [String]) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let expected = try golden.expectation().paths
        let before = try TreeSnapshot(of: root)
        let survey = try await survey(.offline(root))
        let plan = try plan(survey, Plan.Policy(kinds: kinds, graceSeconds: 0, named: false, keep: []))
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, .offline(root))
        #expect(
            receipt.steps.allSatisfy { $0.outcome == .done },
            "\(receipt.steps.filter { $0.outcome != .done }.map(\.reason))")

        let after = try TreeSnapshot(of: root)
        for (path, expectation) in expected where expectation.allowed == ["orphan"] && kinds.contains("orphans") {
            #expect(after.entries[path] == nil, "\(path) should have been taken")
        }
        if kinds.contains("volumes") {
            for entry in survey.items where entry.standing == .orphan && entry.item.thing.isVolume {
                #expect(entry.item.paths.allSatisfy { after.entries[$0.text] == nil }, "\(entry.item.path)")
            }
        }
        let taken = Set(plan.steps.flatMap { $0.paths.map(\.text) })
        for path in before.differences(from: after) {
            #expect(taken.contains { path == $0 || path.hasPrefix($0 + "/") }, "\(path) changed")
        }
        for (path, expectation) in expected where !expectation.allowed.contains("orphan") {
            #expect(
                after.entries[path] == before.entries[path] || !before.entries.keys.contains(path),
                "\(path) had to stay")
        }

        _ = try await undo(run: nil, .offline(root))
        let restored = try TreeSnapshot(of: root)
        #expect(restored.differences(from: before) == [])
        for (path, time) in before.directoryTimes
        where taken.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
            #expect(restored.directoryTimes[path] == time, "\(path)")
        }
        #expect(!FileManager.default.fileExists(atPath: root + "/.bilge"))
    }

    @Test(
        "emptying the trash frees what was held, and only that", .enabled(if: geteuid() == 0, "needs root"),
        arguments: roots.filter { $0.name.contains("orphans") || $0.name.contains("messy") })
    func emptying(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let survey = try await survey(.offline(root))
        let plan = try plan(
            survey, Plan.Policy(kinds: ["orphans", "volumes"], graceSeconds: 0, named: false, keep: []))
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, .offline(root))
        let after = try TreeSnapshot(of: root)
        let emptied = try await emptyTrash(runs: [], olderThanSeconds: 0, .offline(root))
        #expect(emptied.items.count == receipt.steps.count)
        #expect(emptied.items.allSatisfy { $0.outcome == .done })
        #expect(try TreeSnapshot(of: root) == after)
        #expect(!FileManager.default.fileExists(atPath: root + "/.bilge"))
    }
}

extension Request {
    /// Looks at a root without asking anybody and without waiting for things to grow old.
    static func offline(_ root: String) -> Request {
        Request(
            dataRoot: root, offline: true, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)),
            caller: geteuid())
    }
}
