// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

@Suite("What a policy selects")
struct SelectTests {
    private let now = Timestamp(seconds: 1_800_000_000)

    private func ago(_ days: Int64) -> Timestamp { Timestamp(seconds: now.seconds - days * 86_400) }

    private func image(_ id: String, _ tags: [String], built: Int64? = 100, here: Int64? = 100) -> Inventory.Entry {
        var entry = Inventory.Entry(kind: .images, id: id, path: RelativePath("image/\(id)"), names: tags)
        entry.created = built.map(ago)
        entry.arrived = here.map(ago)
        entry.used = entry.arrived
        entry.digests = tags.map { repository(of: $0).name + "@sha256:\(id)" }
        return entry
    }

    private func rules(_ words: [(Policy.Word, String)], for kind: Policy.Kind = .images) throws -> Policy {
        var rules = Policy.Rules()
        for (word, value) in words { try rules.set(word, to: value, for: kind) }
        return Policy(rules: [kind: rules])
    }

    private func selected(
        _ entries: [Inventory.Entry], _ words: [(Policy.Word, String)], kind: Policy.Kind = .images, grace: Int64 = 0,
        keep: [String] = []
    ) throws -> Selection {
        select(
            Inventory(entries: entries),
            SelectionBasis(
                policy: try rules(words, for: kind), now: now, graceSeconds: grace, keep: keep.map(Glob.init)))
    }

    private func ids(_ selection: Selection) -> [String] { selection.chosen.map(\.entry.id).sorted() }

    @Test("the newest of each repository stay, by when they were built; an image stays for any of its repositories")
    func keepLast() throws {
        let images = [
            image("a1", ["shop/api:1"], built: 50, here: 1), image("a2", ["shop/api:2"], built: 40),
            image("a3", ["shop/api:3"], built: 30), image("b1", ["shop/web:1", "shop/api:old"], built: 60),
            image("c1", ["host:5000/api:1"], built: 90), image("u1", ["shop/api:unknown"], built: nil),
        ]
        let selection = try selected(images, [(.keepLast, "2")])
        #expect(ids(selection) == ["a1"])
        let why = Dictionary(uniqueKeysWithValues: selection.kept.map { ($0.entry.id, $0.why) })
        #expect(why["a2"] == "one of the last 2 of shop/api")
        #expect(why["b1"] == "one of the last 2 of shop/web")
        #expect(why["u1"]?.contains("unknown is kept") == true)
    }

    @Test("without a rule only untagged images go; Docker's own filters do not widen that, other rules do")
    func scope() throws {
        let images = [image("t", ["a:1"]), image("d", []), image("i", [])]
        var dangling = images
        for index in [1, 2] { dangling[index].digests = ["a@sha256:\(index)"] }
        // Something is built on it.
        dangling[0].parents = ["i"]
        #expect(try ids(selected(dangling, [])) == ["d"])
        #expect(try ids(selected(dangling, [(.filter, "until=1d")])) == ["d"])
        #expect(try ids(selected(dangling, [(.filter, "label!=x")])) == ["d"])
        for words: [(Policy.Word, String)] in [
            [(.all, "true")], [(.unusedFor, "1d")], [(.builtBefore, "1d")], [(.pulledBefore, "1d")],
        ] {
            let selection = try selected(dangling, words)
            #expect(ids(selection) == ["d", "i", "t"])
            let order = selection.chosen.map(\.entry.id)
            #expect(order.firstIndex(of: "t")! < order.firstIndex(of: "i")!, "children go before what they stand on")
        }
        #expect(try ids(selected(dangling, [(.filter, "reference=a:*")])) == ["i", "t"])
        #expect(try ids(selected(dangling, [(.filter, "dangling=false")])) == ["i", "t"])
    }

    @Test("different keys must all match, values of one key are alternatives, any label!= keeps")
    func filters() throws {
        var images = [image("a", ["shop/api:1"]), image("b", ["shop/web:1"]), image("c", ["tool:1"])]
        images[0].labels = ["team": "red", "env": "prod"]
        images[1].labels = ["team": "blue"]
        func chosen(_ filters: String...) throws -> [String] {
            try ids(selected(images, [(.all, "true")] + filters.map { (.filter, $0) }))
        }
        #expect(try chosen("reference=shop/*", "reference=tool") == ["a", "b", "c"])
        #expect(try chosen("reference=shop/api") == ["a"])
        #expect(try chosen("reference=shop") == [], "never a part of a name")
        #expect(try chosen("label=team=red", "label=team=blue") == ["a", "b"])
        #expect(try chosen("label=team", "label=env") == ["a"])
        #expect(try chosen("label!=team=red", "label!=team=blue") == ["c"])
        #expect(try chosen("reference=shop/*", "label!=env") == ["b"])
    }

    @Test("what nobody recorded never counts as old")
    func unknown() throws {
        var unknown = image("x", ["a:1"], built: nil, here: nil)
        unknown.used = nil
        for words: [(Policy.Word, String)] in [
            [(.unusedFor, "1s")], [(.builtBefore, "1s")], [(.pulledBefore, "1s")],
            [(.all, "true"), (.filter, "until=1s")],
            [(.all, "true"), (.filter, "size>=1B")],
        ] {
            let selection = try selected([unknown], words)
            #expect(selection.chosen.isEmpty && selection.kept.count == 1, "\(words)")
        }
        #expect(try selected([unknown], [(.all, "true")], grace: 60).chosen.isEmpty)
    }

    @Test("a container that goes in the same plan keeps no image")
    func containersFirst() throws {
        var kept = image("i", ["a:1"])
        kept.containers = ["c1": "container one", "c2": "container two"]
        var gone = image("j", ["b:1"])
        gone.containers = ["c1": "container one"]
        var one = Inventory.Entry(kind: .containers, id: "c1", path: RelativePath("containers/c1"), names: ["one"])
        one.used = ago(10)
        var two = one
        two.id = "c2"
        two.claims = ["it is running"]
        var all = Policy.Rules()
        try all.set(.all, to: "true", for: .images)
        let policy = Policy(rules: [.images: all, .containers: Policy.Rules()])
        let selection = select(
            Inventory(entries: [kept, gone, one, two]),
            SelectionBasis(policy: policy, now: now, graceSeconds: 0, keep: []))
        #expect(selection.chosen.map(\.entry.id) == ["c1", "j"])
        #expect(selection.kept.map(\.why).sorted() == ["container two needs it", "it is running"])
    }

    @Test("200 random policies on random hosts choose nothing that is protected", arguments: 0..<200 as Range<UInt64>)
    func nothingProtected(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let inventory = Inventory.random(now: now, using: &random)
        let policy = try Policy.random(using: &random)
        let grace = [0, 3600, 86_400 * 20].randomElement(using: &random)!
        let keep = [[], ["r1:*"], ["*"], ["r2"]].randomElement(using: &random)!.map(Glob.init)
        let selection = select(
            inventory, SelectionBasis(policy: policy, now: now, graceSeconds: Int64(grace), keep: keep))
        let chosen = Set(selection.chosen.map { "\($0.entry.kind) \($0.entry.id)" })
        #expect(chosen.count == selection.chosen.count)
        for entry in selection.chosen.map(\.entry) {
            let rules = try #require(policy.rules[entry.kind], "seed \(seed)")
            #expect(inventory.doubts[entry.kind] == nil, "seed \(seed)")
            #expect(entry.claims.isEmpty && !entry.isProtected && entry.labels["bilge.keep"] != "true", "seed \(seed)")
            #expect(entry.containers.keys.allSatisfy { chosen.contains("containers \($0)") }, "seed \(seed)")
            #expect(!keep.contains { glob in entry.words.contains(where: glob.matches) }, "seed \(seed)")
            let children = inventory.entries.filter { $0.kind == entry.kind && $0.parents.contains(entry.id) }
            #expect(children.allSatisfy { chosen.contains("\(entry.kind) \($0.id)") }, "seed \(seed)")
            // A step of a build goes with what was built on it, and with nothing else.
            if entry.kind == .images, entry.names.isEmpty, !children.isEmpty { continue }
            if entry.kind == .images { #expect(entry.irreplaceable == nil || rules.irreplaceable, "seed \(seed)") }
            if entry.kind == .volumes, !entry.names.isEmpty { #expect(rules.named, "seed \(seed)") }
            if let unused = rules.unusedForSeconds {
                #expect(entry.used.map { now.seconds - $0.seconds >= unused } ?? false, "seed \(seed)")
            }
            if let count = rules.keepLast, let built = entry.created {
                for repository in entry.repositories {
                    let newer = inventory.entries.filter { other in
                        guard other.kind == .images, let created = other.created, created >= built else { return false }
                        return other.repositories.contains(repository)
                    }
                    #expect(newer.count > count, "seed \(seed)")
                }
            }
        }
        // Whatever was asked about is either chosen or says why not, or nobody asked for it.
        #expect(selection.kept.allSatisfy { !$0.why.isEmpty && !chosen.contains("\($0.entry.kind) \($0.entry.id)") })
    }
}

extension Inventory {
    static func random(now: Timestamp, using random: inout SplitMix) -> Inventory {
        func time(_ random: inout SplitMix) -> Timestamp? {
            Int.random(in: 0..<6, using: &random) == 0
                ? nil : Timestamp(seconds: now.seconds - Int64.random(in: 0...86_400 * 90, using: &random))
        }
        var entries: [Entry] = []
        for index in 0..<Int.random(in: 1..<40, using: &random) {
            let kind = [Policy.Kind.images, .images, .containers, .volumes, .cache].randomElement(using: &random)!
            let id = "\(kind)\(index)"
            let names = Bool.random(using: &random) ? ["r\(index % 4):\(index)"] : []
            var entry = Entry(kind: kind, id: id, path: RelativePath("\(kind)/\(id)"), names: names)
            entry.created = time(&random)
            entry.arrived = kind == .images ? time(&random) : nil
            entry.used = [entry.arrived, time(&random)].compactMap(\.self).max()
            let isUnique = Bool.random(using: &random)
            if kind == .images, !isUnique { entry.digests = ["r\(index % 3)@sha256:\(index)"] }
            let isAlone = kind == .images ? isUnique : kind == .volumes && (isUnique || !names.isEmpty)
            entry.irreplaceable = isAlone ? "no copy" : nil
            entry.isProtected = Int.random(in: 0..<10, using: &random) == 0
            entry.isInternal = kind == .cache && Bool.random(using: &random)
            if Bool.random(using: &random) { entry.bytes = Int64.random(in: 0...2_000_000, using: &random) }
            if let team = [nil, "red", "blue"].randomElement(using: &random)! { entry.labels["team"] = team }
            if Bool.random(using: &random) { entry.labels["x"] = "" }
            if Int.random(in: 0..<10, using: &random) == 0 { entry.labels["bilge.keep"] = "true" }
            if Int.random(in: 0..<8, using: &random) == 0 { entry.claims = ["somebody needs it"] }
            let same = entries.filter { $0.kind == kind }
            if Int.random(in: 0..<3, using: &random) == 0, let parent = same.randomElement(using: &random) {
                entry.parents = [parent.id]
            }
            let containers = entries.filter { $0.kind == .containers }
            if kind == .images, Int.random(in: 0..<3, using: &random) == 0,
                let container = containers.randomElement(using: &random)
            {
                entry.containers = [container.id: "container"]
            }
            entries.append(entry)
        }
        let doubts: [Policy.Kind: String] =
            Int.random(in: 0..<6, using: &random) == 0 ? [.images: "a record cannot be read"] : [:]
        return Inventory(entries: entries, doubts: doubts)
    }
}
