// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite("Joining findings")
struct FindingsJoinTests {
    private func claims(_ numbers: Range<Int>) -> ClaimList {
        var list = ClaimList()
        for number in numbers {
            list.append(
                Claim(target: .root, claimant: .layout, force: .needs, thing: nil, source: String(number)))
        }
        return list
    }

    @Test("claims stay in their order, whatever the lengths of what is joined")
    func order() {
        var all = ClaimList()
        var next = 0
        for length in [0, 1, 300, 5, 255, 256, 1000, 0, 2] {
            all.append(contentsOf: claims(next..<(next + length)))
            next += length
            all.append(contentsOf: claims(next..<(next + 1)))
            next += 1
        }
        #expect(all.count == next && all.map(\.source) == (0..<next).map(String.init))
        #expect(all.first?.source == "0" && !all.isEmpty && ClaimList().first == nil)
        // What two share does not change with one of them.
        let before = all
        for claim in claims(0..<3) { all.append(claim) }
        #expect(before.count == next && all.count == next + 3)
    }

    @Test("items of several parts: sorted, each once, and the first one's; found by path, folder and entry")
    func arranging() {
        var (one, two, three) = (Findings(), Findings(), Findings())
        for name in ["c", "a", "e"] {
            one.add(Item(.layer, [RelativePath("overlay2/\(name)"), RelativePath("overlay2/l/\(name)")]))
        }
        for name in ["b", "a", "d"] { two.add(Item(.foreign, [RelativePath("overlay2/\(name)")])) }
        three.add(Item(.namedVolume, [RelativePath("volumes/v")]))
        three.problem("volumes", hides: [.volumes], because: "test")
        one.sort()
        two.sort()
        let all = Findings(arranging: [one, two, three])
        #expect(all.paths.map(\.text) == ["a", "b", "c", "d", "e"].map { "overlay2/\($0)" } + ["volumes/v"])
        #expect(all.items.count == 6 && all.items[RelativePath("overlay2/a")]?.thing == .layer)
        #expect(all.paths(in: RelativePath("overlay2")).map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(all.items(in: RelativePath("volumes")).map(\.thing) == [.namedVolume])
        #expect(all.index.meaning(of: RelativePath("overlay2/l/c")) == .item(RelativePath("overlay2/c")))
        #expect(all.index.meaning(of: RelativePath("overlay2/l")) == .above)
        #expect(all.has(RelativePath("overlay2/e")) && !all.has(RelativePath("overlay2/l/e")))
        #expect(all.problems.count == 1)
    }
}
