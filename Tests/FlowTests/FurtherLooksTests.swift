// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Flow

@Suite("Further looks at a busy host")
struct FurtherLooksTests {
    /// Looks that meet these problems, one after the other, the last one from then on.
    private func looks(_ problems: [[String]]) async throws -> (count: Int, last: [String]) {
        var count = 0
        let last = try await whileProblemsChange({ $0 }) {
            count += 1
            return problems[min(count, problems.count) - 1].map {
                Problem(path: $0, areas: [.layers], reason: "half gone")
            }
        }
        return (count, last.map(\.path))
    }

    @Test("one look is enough where nothing is wrong")
    func quiet() async throws { #expect(try await looks([[]]) == (1, [])) }

    @Test("what was half gone for a moment is not told")
    func passing() async throws {
        #expect(try await looks([["a"], []]) == (2, []))
        #expect(try await looks([["a"], ["b"], ["c", "d"], []]) == (4, []))
    }

    @Test("damage is told after one more look, and what passes beside it is not")
    func damage() async throws {
        #expect(try await looks([["a"]]) == (2, ["a"]))
        #expect(try await looks([["a", "b"], ["a"]]) == (3, ["a"]))
    }

    @Test("it ends where it never gets quiet, and believes nothing that a look could not read")
    func neverQuiet() async throws {
        let found = try await looks((0..<20).map { ["\($0)"] })
        #expect(found == (5, ["4"]))
    }
}
