// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

/// The reader against databases that real engines wrote, and against dumps made by another program.
@Suite struct BoltGoldenTests {
    static let roots = GoldenRoot.all.filter {
        FileManager.default.fileExists(atPath: "\($0.folder)/\($0.name).bbolt.txt.xz")
    }

    @Test("every database of every golden root reads as the dump beside it says", arguments: roots)
    func oracle(_ golden: GoldenRoot) throws {
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let text = try run(["xz", "-dc", "\(golden.folder)/\(golden.name).bbolt.txt.xz"])
        var databases = 0
        for section in text.components(separatedBy: "##### ./").dropFirst() {
            var expected = section.components(separatedBy: "\n")
            let path = expected.removeFirst()
            if expected.last == "" { expected.removeLast() }
            let file = try Directory(path: FilePath(root)).file(RelativePath(path))
            let found = try BoltFile.read(file)
            #expect(found.doubt == nil)
            // The dump cuts its lines.
            let lines = try dump(found.root).map { String($0.prefix(4000)) }
            #expect(lines == expected.map(Self.moved), "\(path)")
            databases += 1
        }
        #expect(databases >= 7)
    }

    /// The roots were moved after they were dumped, and their recorded location with them, but not where it is in hex.
    private static func moved(_ line: String) -> String {
        func hex(_ text: String) -> String { text.utf8.map { String($0, radix: 16) }.joined() }
        return line.replacingOccurrences(of: hex("/tmp/modern"), with: hex("/srv/docker"))
    }

    @Test("every database of every golden root is in its dump", arguments: roots)
    func dumpIsComplete(_ golden: GoldenRoot) throws {
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let text = try run(["xz", "-dc", "\(golden.folder)/\(golden.name).bbolt.txt.xz"])
        let dumped = Set(text.components(separatedBy: "\n").filter { $0.hasPrefix("##### ") }.map { $0.dropFirst(6) })
        let found = try run(["sh", "-c", "cd '\(root)' && find . -name '*.db' -type f"])
            .split(separator: "\n").filter { !$0.contains("linkgraph") }
        #expect(Set(found) == dumped)
    }

    @Test("a changed byte in an engine's database never loses a key unseen")
    func changedBytes() throws {
        guard let golden = GoldenRoot.named("20.10-overlay2-orphans") else { return }
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let healthy = try [UInt8](Data(contentsOf: URL(fileURLWithPath: root + "/buildkit/metadata_v2.db")))
        let scratch = try Scratch()
        let expected = try shape(scratch.read(healthy).root)
        var random = SplitMix(state: 20)
        var detected = 0
        for _ in 0..<3000 {
            let index = Int(random.next() % UInt64(healthy.count))
            var bytes = healthy
            bytes[index] = random.byte()
            guard let found = try? scratch.read(bytes) else {
                detected += 1
                continue
            }
            #expect(try found.doubt != nil || isAsLarge(shape(found.root), as: expected), "byte \(index)")
        }
        #expect(detected > 20)
    }

    @Test("an engine's database cut off anywhere below its last page in use is an error")
    func truncated() throws {
        guard let golden = GoldenRoot.named("20.10-overlay2-orphans") else { return }
        let (directory, root) = try golden.unpack()
        defer { withExtendedLifetime(directory) {} }
        let healthy = try [UInt8](Data(contentsOf: URL(fileURLWithPath: root + "/buildkit/snapshots.db")))
        let scratch = try Scratch()
        let expected = try dump(scratch.read(healthy).root)
        for length in stride(from: 0, to: healthy.count, by: 101) {
            if let found = try? scratch.read(Array(healthy.prefix(length))) {
                #expect(try dump(found.root) == expected, "cut to \(length)")
            } else {
                #expect(length < healthy.count)
            }
        }
    }
}
