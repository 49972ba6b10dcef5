// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import Model
import TestSupport
import Testing

/// Real answers with one field taken out at a time: what an engine of another age, or a proxy, may leave out.
@Suite("A field that is missing")
struct FieldRemovalTests {
    static let names = ["20.10-overlay2", "20.10-vfs", "29.7-overlay2", "29.7-containerd"]

    @Test("is unknown, not empty: whatever it had claimed is covered by a problem", arguments: names)
    func oneField(name: String) async throws {
        let whole = try Answers(name)
        let claims = try await Set(whole.findings().claims.map(Kept.init))
        var removals = 0
        var complaints: [String] = []
        for (endpoint, body) in whole.bodies.sorted(by: { $0.key < $1.key }) {
            let tree = try JSONSerialization.jsonObject(with: Data(body.utf8), options: .fragmentsAllowed)
            for path in Self.fields(of: tree) {
                var answers = whole
                answers.bodies[endpoint] = try Self.text(Self.removing(path[...], from: tree))
                removals += 1
                let answer = await EngineClient(transport: Script(answers: answers)).ask()
                let found = Engine.findings(from: answer)
                let areas = Set(found.problems.flatMap(\.areas))
                let lost = claims.subtracting(found.claims.map(Kept.init))
                if let loss = lost.first(where: { !$0.isCovered(by: areas) }) {
                    complaints.append("\(endpoint) without \(path): \(loss) is gone, and only \(areas) in doubt")
                }
            }
        }
        #expect(removals > 300)
        #expect(complaints == [])
    }

    /// A claim without its claimant's name, which is only shown.
    private struct Kept: Hashable {
        var target: RelativePath
        var force: Claim.Force

        init(_ claim: Claim) {
            target = claim.target
            force = claim.force
        }

        func isCovered(by areas: Set<Area>) -> Bool {
            if areas.contains(.everything) { return true }
            return switch target.components.first {
            case "volumes": areas.contains(.volumes)
            case "containers": areas.contains(.containers)
            case "plugins": areas.contains(.plugins)
            case "graph", "containerd": areas.contains(.images)
            case "image" where target.text.contains("/imagedb/"): areas.contains(.images)
            case nil: areas.contains(.volumes)
            default: areas.contains(.layers)
            }
        }
    }

    /// The paths of all keys of objects, at any depth.
    private static func fields(of tree: Any) -> [[String]] {
        if let object = tree as? [String: Any] {
            return object.keys.sorted().flatMap { key in
                [[key]] + fields(of: object[key] ?? NSNull()).map { [key] + $0 }
            }
        }
        guard let list = tree as? [Any] else { return [] }
        return list.indices.flatMap { index in fields(of: list[index]).map { ["\(index)"] + $0 } }
    }

    private static func removing(_ path: ArraySlice<String>, from tree: Any) throws -> Any {
        let first = try #require(path.first)
        let rest = path.dropFirst()
        if var object = tree as? [String: Any] {
            object[first] = rest.isEmpty ? nil : try removing(rest, from: try #require(object[first]))
            return object
        }
        var list = try #require(tree as? [Any])
        let index = try #require(Int(first))
        list[index] = try removing(rest, from: list[index])
        return list
    }

    private static func text(_ tree: Any) throws -> String {
        let data = try JSONSerialization.data(withJSONObject: tree, options: [.fragmentsAllowed, .sortedKeys])
        return String(decoding: data, as: UTF8.self)
    }
}

/// What engines of every age that Bilge speaks to are asked, and in which version.
@Suite("API versions")
struct VersionTests {
    @Test("every version from 1.24 to 1.55 is asked in itself", arguments: 24...55)
    func each(minor: Int) async throws {
        let answers = try Answers("29.7-overlay2")
        let engine = try StubEngine { request in
            if request == "GET /version" {
                return .json(#"{"Version":"x","ApiVersion":"1.\#(minor)","MinAPIVersion":"1.24"}"#)
            }
            let prefix = "GET /v1.\(minor)"
            guard request.hasPrefix(prefix) else { return .answer(status: 400, body: "") }
            return answers.bodies[String(request.dropFirst(prefix.count))].map(StubEngine.Reaction.json)
                ?? .answer(status: 404, body: "")
        }
        let report = try await engine.report()
        #expect(report.api == APIVersion(1, minor))
        #expect(Engine.findings(from: report).problems.isEmpty)
        let df = engine.requests.filter { $0.contains("/system/df") }.map { String($0.drop { $0 != "?" }) }
        let expected = minor >= 52 ? ["?type=build-cache&verbose=1"] : minor >= 42 ? ["?type=build-cache"] : [""]
        #expect(df == (minor >= 25 ? expected : []))
    }

    @Test(
        "outside of what both speak, nothing more is asked",
        arguments: [("1.23", ""), ("1.21", "1.12"), ("1.60", "1.56"), ("1.44", "1.60")])
    func refused(highest: String, lowest: String) async throws {
        let engine = try StubEngine([
            "GET /version": #"{"Version":"x","ApiVersion":"\#(highest)","MinAPIVersion":"\#(lowest)"}"#
        ])
        #expect(try await engine.ask().error?.code == .unsupportedVersion)
        #expect(engine.requests == ["GET /version"])
    }

    @Test("an engine whose lowest version is above 1.24 is asked within its range")
    func lowest() async throws {
        let engine = try StubEngine([
            "GET /version": #"{"Version":"29.0.0","ApiVersion":"1.52","MinAPIVersion":"1.44"}"#
        ])
        #expect(try await engine.report().api == APIVersion(1, 52))
    }
}

/// The build cache in every form in which engines list it.
@Suite("The build cache in /system/df")
struct BuildCacheAnswerTests {
    static let records = #"[{"ID":"busy","InUse":true," Parents":["idle"]},{"ID":"idle","InUse":false}]"#

    @Test(
        "is read from the old field, the new one, or both",
        arguments: [
            #"{"BuildCache":\#(records)}"#, #"{"BuildCacheUsage":{"TotalCount":2,"Items":\#(records)}}"#,
            #"{"BuildCache":[],"BuildCacheUsage":{"TotalCount":2,"Items":\#(records)}}"#,
            #"{"BuildCache":\#(records),"BuildCacheUsage":{"TotalCount":2}}"#,
            #"{"BuildCache":\#(records),"BuildCacheUsage":{"TotalCount":2,"Items":\#(records)}}"#,
        ])
    func forms(body: String) async throws {
        var answers = try Answers("29.7-overlay2")
        answers.bodies["/system/df?type=build-cache&verbose=1"] = body
        let findings = try await answers.findings()
        #expect(findings.problems.isEmpty)
        #expect(findings.needed("overlay2/busy") && !findings.needed("overlay2/idle"))
        #expect(findings.isKnown("overlay2/idle"))
        let busy = try #require(findings.catalog.caches.first { $0.id == "busy" })
        #expect(busy.isInUse == true && busy.parents == ["idle"])
    }

    @Test("a container that says nowhere where its layers are hides layers")
    func storage() async throws {
        let id = FindingsTests.created1
        var answers = try Answers("20.10-overlay2")
        try answers.set("GraphDriver", to: nil, in: "/containers/\(id)/json")
        #expect(try await answers.findings().areas == [.layers])
        try answers.set("Storage", to: #"{"RootFS":{"Snapshot":{"Name":"overlayfs"}}}"#, in: "/containers/\(id)/json")
        // An engine that uses a storage driver has no container in containerd.
        #expect(try await answers.findings().areas == [.layers])

        answers = try Answers("29.7-containerd")
        let endpoint = try #require(answers.bodies.keys.first { $0.hasPrefix("/containers/") && !$0.contains("?") })
        try answers.set("Storage", to: nil, in: endpoint)
        #expect(try await answers.findings().areas == [.layers])
        // Up to API 1.51 there is a GraphDriver without data instead.
        try answers.set("GraphDriver", to: #"{"Name":"overlayfs","Data":null}"#, in: endpoint)
        #expect(try await answers.findings().areas == [])
    }
}
