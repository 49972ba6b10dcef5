// SPDX-License-Identifier: Apache-2.0

import Act
import Demo
import Disk
import Foundation
import Glibc
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Flow

@Suite("measuring items, and remembering it")
struct MeasureItemsTests {
    let folder: TemporaryDirectory
    var root: String { folder.path + "/root" }
    var state: String { folder.path + "/state" }

    init() throws {
        folder = try TemporaryDirectory("items")
        try Demo.buildLargeRoot(at: FilePath(folder.path + "/root"), layers: 20, containers: 4, volumes: 4)
        for layer in try layers() {
            for number in 0..<5 { try folder.write("\(layer)/diff/a/b/\(number)", "\(layer) \(number)") }
        }
        try folder.write("root/volumes/project-0_data-0/_data/file", "x")
    }

    private func layers() throws -> [String] {
        let records = folder.path + "/root/image/overlay2/layerdb/sha256"
        return try FileManager.default.contentsOfDirectory(atPath: records).sorted().map { chain in
            "root/overlay2/" + (try String(contentsOfFile: "\(records)/\(chain)/cache-id", encoding: .utf8))
        }
    }

    private func path(_ layer: String) -> RelativePath { RelativePath(String(layer.dropFirst("root/".count))) }

    /// - Parameter later: seconds from now; what changed a moment ago is not remembered.
    private func measure(exact: Bool = false, later: Int64 = 60, at root: String? = nil) async throws -> MeasuredItems {
        let survey = try await survey(request(exact: exact, later: later, at: root ?? self.root))
        return Flow.measure(survey.items, in: survey)
    }

    private func request(exact: Bool = false, later: Int64 = 60, at root: String) -> Request {
        Request(
            dataRoot: root, offline: true, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970) + later), caller: geteuid(),
            environment: ["BILGE_STATE_DIRECTORY": state], exact: exact)
    }

    @Test("the second time, no file of a committed layer is looked at; exactly, all are")
    func notTwice() async throws {
        let first = try await measure()
        #expect(first.remembered == 0)
        // Of this the layer's own directories know nothing.
        let layer = try layers()[3]
        try folder.write(layer + "/diff/a/b/late", String(repeating: "x", count: 100_000))
        let second = try await measure()
        #expect(second.usage == first.usage && second.remembered == 20)
        let exact = try await measure(exact: true)
        #expect(exact.remembered == 0)
        #expect(exact.usage[path(layer)]?.inodes == (first.usage[path(layer)]?.inodes ?? 0) + 1)
        #expect(try await measure().usage == exact.usage, "what was exact is remembered")
    }

    @Test("what is written in volumes and containers is seen each time")
    func writable() async throws {
        let first = try await measure()
        try folder.write("root/volumes/project-0_data-0/_data/more", String(repeating: "x", count: 100_000))
        let second = try await measure()
        let volume = RelativePath("volumes/project-0_data-0")
        #expect(second.remembered == 20)
        #expect(second.usage[volume]?.inodes == (first.usage[volume]?.inodes ?? 0) + 1)
    }

    @Test("a layer of which a directory changed is measured again, and only that one")
    func changed() async throws {
        _ = try await measure()
        let layer = try layers()[7]
        try folder.write(layer + "/diff/top", String(repeating: "x", count: 50_000))
        let second = try await measure()
        #expect(second.remembered == 19)
        #expect(try await second.usage == measure(exact: true).usage)
    }

    @Test("the tenth run finds what nobody could have noticed")
    func sample() async throws {
        _ = try await measure()
        // One of the first sixteen by name, which are the second sample: the first begins with the sixteenth.
        let layer = try layers().sorted()[2]
        try folder.write(layer + "/diff/a/b/late", String(repeating: "x", count: 100_000))
        for run in 1..<10 { #expect(try await measure().remembered == 20, "run \(run)") }
        let tenth = try await measure()
        #expect(tenth.remembered == 0, "a sample that differs drops everything")
        #expect(try await tenth.usage == measure(exact: true).usage)
    }

    @Test("a file that is linked into a layer later counts once")
    func linked() async throws {
        let first = try await measure()
        let layer = try layers()[0]
        try run(["ln", folder.path + "/\(layer)/diff/a/b/1", root + "/volumes/project-0_data-0/_data/again"])
        let second = try await measure()
        #expect(second.remembered == 0)
        let sum = { (measured: MeasuredItems) in measured.usage.values.reduce(Usage(), +) }
        #expect(sum(second) == sum(first), "a directory entry takes no block, and the file was counted before")
    }

    @Test("a volume with files that are linked elsewhere does not cost more than once")
    func strays() async throws {
        try folder.write("elsewhere", "x")
        try run(["ln", folder.path + "/elsewhere", root + "/volumes/project-0_data-0/_data/stray"])
        _ = try await measure()
        #expect(try await measure().remembered == 20)
        try run(["ln", folder.path + "/elsewhere", folder.path + "/third"])
        #expect(try await measure().remembered == 0)
        #expect(try await measure().remembered == 20)
    }

    @Test("what changed a moment ago is not remembered")
    func tooYoung() async throws {
        _ = try await measure(later: 0)
        #expect(try await measure(later: 0).remembered == 0)
    }

    @Test("a damaged memory, a place that is not ours, and none at all cost time and nothing else")
    func unusable() async throws {
        let first = try await measure()
        let file = state + "/" + RememberedUsage.fileName(try await survey(request(at: root)).root.path)
        #expect(FileManager.default.fileExists(atPath: file))
        try Data("bilge 1 0000000000000000\nusage 1\n".utf8).write(to: URL(fileURLWithPath: file))
        let afterDamage = try await measure()
        #expect(afterDamage.remembered == 0 && afterDamage.usage == first.usage)
        #expect(try await measure().remembered == 20, "it was written anew")
        chmod(state, 0o777)
        let refused = try await measure()
        #expect(refused.remembered == 0 && refused.usage == first.usage)
        var request = request(at: root)
        request.environment = ["BILGE_STATE_DIRECTORY": "/proc/nothing/here"]
        let survey = try await survey(request)
        #expect(Flow.measure(survey.items, in: survey).usage == first.usage)
    }

    @Test("part of the items can be measured from memory as well, and forgets nothing")
    func some() async throws {
        let first = try await measure()
        let survey = try await survey(request(at: root))
        let layer = try layers()[1]
        let some = survey.items.filter { $0.item.path == path(layer) || $0.item.thing.isVolume }
        let measured = Flow.measure(some, in: survey)
        #expect(measured.remembered == 1 && measured.usage.count == some.count)
        #expect(measured.usage.allSatisfy { first.usage[$0.key] == $0.value })
        #expect(try await measure().remembered == 20)
    }

    @Test("on every golden root the second answer is the exact one", arguments: GoldenRoot.all)
    func golden(golden: GoldenRoot) async throws {
        let (unpacked, root) = try golden.unpack()
        defer { withExtendedLifetime(unpacked) {} }
        let exact = try await measure(exact: true, at: root)
        let second = try await measure(at: root)
        #expect(second.usage == exact.usage)
        // The driver `overlay` links files from layer to layer; with containerd's store there is no layer of the engine.
        let hasNone = golden.name.contains("overlay-crash") || golden.name.contains("containerd-")
        #expect((second.remembered == 0) == hasNone, "\(second.remembered)")
        guard !hasNone else { return }
        let text = try FileManager.default.contentsOfDirectory(atPath: state).filter { $0.hasPrefix("usage-") }.map {
            try String(contentsOfFile: state + "/" + $0, encoding: .utf8)
        }.joined()
        let survey = try await survey(request(at: root))
        for entry in survey.items where ![.layer, .buildCache].contains(entry.item.thing) {
            #expect(!text.contains("\n\(entry.item.path.text) "), "\(entry.item.path) is no committed layer")
        }
    }
}
