// SPDX-License-Identifier: Apache-2.0

import Decide
import Demo
import Model
import Testing

@testable import bilge

@Suite("the list to tick")
struct PickListTests {
    private func list(_ count: Int, needs: [Int: Set<Int>] = [:]) -> PickList {
        PickList(
            title: "PLAN 7c1e",
            rows: (0..<count).map {
                PickList.Row(
                    kind: "image", name: "shop/api:\($0)", bytes: 1000, why: "reason \($0)", needs: needs[$0] ?? [])
            })
    }

    private func press(_ list: inout PickList, _ bytes: String) {
        for key in Key.keys(in: Array(bytes.utf8)) { list.press(key) }
    }

    private func text(_ list: PickList) -> [String] { list.screen().map(\.text) }

    @Test("all is ticked at first; the head counts")
    func start() {
        var list = list(3)
        #expect(text(list)[0] == "PLAN 7c1e   3 of 3 ticked: 3 kB of 3 kB")
        press(&list, "j ")
        #expect(list.ticked == [0, 2] && list.tickedBytes == 2000)
        #expect(text(list)[0] == "PLAN 7c1e   2 of 3 ticked: 2 kB of 3 kB")
        #expect(text(list)[3].hasPrefix("> [ ] image") && text(list)[2].hasPrefix("  [x] image"))
        #expect(text(list).contains("reason 1"))
        press(&list, "a")
        #expect(list.ticked.count == 3)
        press(&list, "a")
        #expect(list.ticked.isEmpty)
    }

    @Test(
        "keys of every terminal move",
        arguments: [
            ("jj", 2), ("\u{1B}[B\u{1B}[B\u{1B}[A", 1), ("\u{1B}OB", 1), ("k", 0), ("G", 99), ("Gg", 0),
            ("\u{1B}[6~", 19), ("\u{1B}[6~\u{1B}[5~", 0), ("\u{1B}[F", 99), ("\u{1B}[4~\u{1B}[1~", 0),
            ("\u{1B}[1;5B", 1),
            ("é\u{1B}[200~", 0),
        ])
    func moving(keys: String, row: Int) {
        var list = list(100)
        press(&list, keys)
        #expect(list.cursor == row)
        #expect(list.state == .choosing)
    }

    @Test(
        "enter accepts; q, Escape and Ctrl-C leave",
        arguments: [
            ("\r", PickList.State.accepted), ("q", .left), ("\u{1B}", .left), ("\u{3}", .left), ("\u{4}", .left),
        ])
    func ending(keys: String, state: PickList.State) {
        var list = list(3)
        press(&list, keys)
        #expect(list.state == state)
    }

    @Test("keeping a child keeps what it is built on; ticking the base again ticks the child")
    func families() {
        // 0 is built on 1, which is built on 2; 3 is alone.
        var list = list(4, needs: [1: [0], 2: [1, 0]])
        press(&list, " ")
        #expect(list.ticked == [3])
        press(&list, "jj ")
        #expect(list.ticked == [0, 1, 2, 3])
        press(&list, " ")
        #expect(list.ticked == [0, 1, 3], "the base alone can stay")
    }

    @Test(
        "whatever the size, the screen fits and shows the row at the cursor",
        arguments: [(24, 80), (5, 20), (1, 1), (3, 40), (60, 200), (10, 30)])
    func sizes(rows: Int, columns: Int) {
        var list = list(50)
        list.resize(rows: rows, columns: columns)
        for _ in 0..<60 {
            let lines = list.screen()
            #expect(lines.count <= rows && lines.allSatisfy { Shown.width($0.text) <= columns })
            if rows >= 6 { #expect(lines.count { $0.isCurrent } == 1) }
            list.press(.down)
        }
        if columns >= 60, rows >= 6 {
            #expect(text(list).contains { $0.contains("shop/api:49") })
            list.resize(rows: 6, columns: columns)
            #expect(list.screen().count { $0.isCurrent } == 1, "a smaller window still shows it")
        }
    }

    @Test("long names are cut in their middle, and no name is a command to the terminal")
    func names() {
        let long = "registry.example.org/" + String(repeating: "very/", count: 40) + "long:4.10"
        var list = PickList(
            title: "PLAN",
            rows: [
                PickList.Row(kind: "image", name: long, bytes: 1, why: ""),
                PickList.Row(kind: "image", name: "a\u{1B}[2Jb\u{202E}\r\n", bytes: 1, why: "\u{9B}31m"),
                PickList.Row(kind: "volume", name: String(repeating: "船", count: 90), bytes: 1, why: ""),
            ])
        let lines = text(list)
        #expect(lines[2].contains("registry.example.org/") && lines[2].contains("…") && lines[2].contains("long:4.10"))
        #expect(lines.allSatisfy { Shown.width($0) <= 80 })
        press(&list, "j")
        #expect(text(list).joined().unicodeScalars.allSatisfy(Shown.isHarmless))
    }

    @Test("what two rows share counts while both are ticked; a row that is not says what it would add")
    func shared() {
        var list = PickList(
            title: "PLAN 7c1e",
            rows: [
                PickList.Row(kind: "image", name: "a", bytes: 10_000, why: ""),
                PickList.Row(kind: "image", name: "b", bytes: 205_000, why: ""),
            ],
            count: { ticked in
                [ticked.contains(0) ? 10_000 : 0, ticked.contains(1) ? (ticked.contains(0) ? 205_000 : 5000) : 0]
            })
        #expect(text(list)[0] == "PLAN 7c1e   2 of 2 ticked: 215 kB of 215 kB")
        press(&list, " ")
        #expect(text(list)[0] == "PLAN 7c1e   1 of 2 ticked: 5 kB of 215 kB")
        #expect(text(list)[2].hasSuffix("210 kB") && text(list)[3].hasSuffix("5 kB"))
        press(&list, "j ")
        #expect(list.tickedBytes == 0)
        #expect(text(list)[2].hasSuffix("10 kB") && text(list)[3].hasSuffix("5 kB"))
    }

    @Test("what was not ticked is kept in the plan, and no longer counts")
    func plans() {
        let steps = (0..<3).map { number in
            Plan.Step(
                action: .quarantine, kind: "layer", id: "\(number)", names: [], paths: [RelativePath("x/\(number)")],
                identities: [], freesBytes: 100, inodes: 1, undo: number != 2, why: ["why"])
        }
        let whole = Plan(
            plan: "p", created: "", policy: Plan.Policy(kinds: [], graceSeconds: 0, named: false, keep: []),
            root: Plan.Root(path: "/r", device: 1, inode: 2), steps: steps, kept: [],
            totals: Plan.Totals(freesNowBytes: 100, freesWhenTrashEmptiesBytes: 200))
        let picked = Decide.plan(whole, keeping: [0, 2])
        #expect(picked.steps.map(\.id) == ["1"])
        #expect(picked.kept.map(\.id) == ["0", "2"] && picked.kept.allSatisfy { $0.why == ["not ticked"] })
        #expect(picked.totals.freesNowBytes == 0 && picked.totals.freesWhenTrashEmptiesBytes == 100)
        #expect(picked.plan != whole.plan)
        #expect(Decide.plan(whole, keeping: []) == whole)
    }

    @Test("without a terminal, -i is a usage error; with one, only what was ticked is taken")
    func command() async throws {
        let host = try SampleHost(.overlay2)
        let before = try host.fingerprint()
        let screen = Screen()
        #expect(try await host.run("prune", "-i", on: screen.console(answer: true)) == .usage)
        #expect(screen.err.contains("terminal"))
        var console = Screen().console(answer: true)
        console.pick = { list in
            var list = list
            list.press(.leave)
            return list
        }
        #expect(try await host.run("prune", "-i", on: console) == .refused)
        #expect(try host.fingerprint() == before)

        let chosen = Screen()
        console = chosen.console(answer: true)
        console.pick = { list in
            var list = list
            list.press(.tickAll)
            list.press(.last)
            list.press(.tick)
            list.press(.accept)
            return list
        }
        #expect(try await host.run("prune", "-i", on: console) == .done)
        #expect(chosen.out.contains("not ticked") && chosen.out.contains("1 taken out"))
        #expect(try await host.run("undo", on: Screen().console()) == .done)
        #expect(try host.fingerprint() == before)
    }
}
