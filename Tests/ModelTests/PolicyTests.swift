// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Testing

@Suite("The words of a policy")
struct PolicyTests {
    @Test("what was said can be said again, and read back from JSON")
    func roundTrip() throws {
        var rules = Policy.Rules()
        for (word, value) in [
            (Policy.Word.keepLast, "3"), (.unusedFor, "30d"), (.builtBefore, "2026-01-31"), (.pulledBefore, "2w"),
            (.filter, "reference=shop/*"), (.filter, "label!=keep=yes"), (.keep, "redis:*"), (.all, "true"),
        ] {
            try rules.set(word, to: value, for: .images)
        }
        var again = Policy.Rules()
        for (word, value) in rules.words { try again.set(word, to: value, for: .images) }
        #expect(again == rules)
        #expect(rules.unusedForSeconds == Int64(2_592_000))
        let policy = Policy(rules: [.images: rules], free: try FreeTarget("20%"))
        let json = try JSONEncoder().encode(policy)
        #expect(String(decoding: json, as: UTF8.self).contains(#""images":{"#))
        #expect(try JSONDecoder().decode(Policy.self, from: json) == policy)
    }

    @Test(
        "a value that means nothing is refused, with what could be written",
        arguments: [
            (Policy.Word.keepLast, "0", "1 or more"), (.keepLast, "-1", "1 or more"), (.keepLast, "two", "1 or more"),
            (.unusedFor, "30", "write 45s"), (.builtBefore, "yesterday", "write 30d"),
            (.filter, "name=x", "reference="),
            (.filter, "size>=big", "500MB"), (.filter, "dangling=maybe", "true or false"), (.filter, "label=", "value"),
            (.filter, "label==x", "name of a label"), (.keep, "", "pattern"), (.all, "yes", "true or false"),
            (.named, "true", "says nothing about images"), (.to, "10MB", "says nothing about images"),
        ])
    func refused(word: Policy.Word, value: String, says: String) {
        var rules = Policy.Rules()
        let error = #expect(throws: PolicyError.self) { try rules.set(word, to: value, for: .images) }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "nothing")")
        #expect(rules == Policy.Rules())
    }

    @Test("a filter says which kinds it can be asked of")
    func filterKinds() throws {
        var rules = Policy.Rules()
        #expect(throws: PolicyError.self) { try rules.set(.filter, to: "reference=x", for: .volumes) }
        #expect(throws: PolicyError.self) { try rules.set(.filter, to: "label=x", for: .cache) }
        try rules.set(.filter, to: "size>=1GB", for: .cache)
        #expect(rules.filters.map(\.condition) == [.sizeAtLeast(1_000_000_000)])
    }

    @Test("a moment is an age or a date")
    func moments() throws {
        let now = try #require(Timestamp(rfc3339: "2026-03-02T10:00:00Z"))
        #expect(try Cutoff("30d").timestamp(at: now).rfc3339 == "2026-01-31T10:00:00Z")
        #expect(try Cutoff("2026-01-31").timestamp(at: now).rfc3339 == "2026-01-31T00:00:00Z")
        #expect(try Cutoff("2024-02-29").timestamp(at: now).rfc3339 == "2024-02-29T00:00:00Z")
        for date in ["2026-02-29", "2026-02-30", "2026-11-31", "2026-04-31", "2026-12-32", "2026-01-00"] {
            #expect(throws: (any Error).self, "\(date)") { try Cutoff(date) }
        }
        #expect(try Cutoff("2026-01-31T12:00:00+02:00").timestamp(at: now).rfc3339 == "2026-01-31T10:00:00Z")
    }

    @Test("a target is a share of the file system or a number of bytes")
    func targets() throws {
        #expect(try FreeTarget("20%").bytes(of: 1001) == 201)
        #expect(try FreeTarget("50GB").bytes(of: 1001) == 50_000_000_000)
        for wrong in ["0%", "100%", "-1%", "%", "", "0B", "x"] {
            #expect(throws: PolicyError.self) { try FreeTarget(wrong) }
        }
    }
}
