// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport
import Testing

@testable import Flow

/// How much Bilge says of data roots that real daemons wrote: not only what is safe, but what a perfect reader would say.
@Suite("What a perfect reader would say")
struct GoldenIdealTests {
    @Test("nearly every path has the very standing that a perfect reader would give it", arguments: GoldenRoot.all)
    func ideal(golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let survey = try await survey(.offline(root))
        var standings: [String: Standing] = [:]
        for entry in survey.items { for path in entry.item.paths { standings[path.text] = entry.standing } }
        let paths = try golden.expectation().paths
        let others = paths.compactMap { path, expected -> String? in
            let standing = standings[EntryName.escaped(text: path)]?.rawValue ?? "missing"
            return standing == expected.ideal ? nil : "\(path) is \(standing), not \(expected.ideal)"
        }
        let share = Double(paths.count - others.count) / Double(paths.count)
        print(
            "\(golden.name): \(paths.count - others.count) of \(paths.count) paths are judged ideally (\(percent(share)))"
        )
        // In the messy root whole classes freeze, because one record of each cannot be read.
        #expect(share >= (golden.name.hasSuffix("-messy") ? 0.80 : 0.95), "\(others.sorted())")
        let lost = paths.filter { path, expected in
            standings[EntryName.escaped(text: path)] == .orphan && !expected.allowed.contains("orphan")
        }
        #expect(lost.isEmpty)
    }

    private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
}
