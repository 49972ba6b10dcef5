// SPDX-License-Identifier: Apache-2.0

import Foundation
import FuzzTargets
import Testing

/// A short run of what `make fuzz` does for hours: every input of the corpus, whole and changed at random.
@Suite("Parsers fed with rubbish", .serialized)
struct FuzzTests {
    @Test("no parser traps or hangs on its corpus, however it is changed", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fuzz/Corpus/\(target.rawValue)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }
        let inputs = try files.map { [UInt8](try Data(contentsOf: $0)) }
        #expect(inputs.count >= 5)
        for input in inputs { input.withUnsafeBytes(target.run) }
        let environment = ProcessInfo.processInfo.environment
        let executions = environment["BILGE_FUZZ_RUNS"].flatMap { Int($0) } ?? 20_000
        var random = Numbers(state: environment["BILGE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1)
        let start = Date()
        for _ in 0..<executions {
            var input = inputs[random.below(inputs.count)]
            for _ in 0...random.below(4) { random.change(&input, other: inputs[random.below(inputs.count)]) }
            input.withUnsafeBytes(target.run)
        }
        print("\(target.rawValue): \(executions) executions in \(Int(Date().timeIntervalSince(start))) s, none trapped")
    }
}

/// The same numbers in each run.
private struct Numbers {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    /// One change of the kinds that disks and bugs make.
    mutating func change(_ bytes: inout [UInt8], other: [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = below(bytes.count)
        switch below(7) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: next())
        case 2: for index in place..<min(bytes.count, place + 8) { bytes[index] = below(2) == 0 ? 0 : 0xFF }
        case 3: bytes.removeLast(below(bytes.count))
        case 4: bytes += [UInt8](repeating: 0, count: below(5000))
        case 5:
            let count = min(below(64), bytes.count - place, other.count)
            bytes.replaceSubrange(place..<place + count, with: other.prefix(count))
        default:
            let from = below(bytes.count), count = min(below(512), bytes.count - max(from, place))
            bytes.replaceSubrange(place..<place + count, with: Array(bytes[from..<from + count]))
        }
    }
}
