// SPDX-License-Identifier: Apache-2.0

import Act
import ArgumentParser
import Foundation
import Model
import Testing

@testable import Flow
@testable import bilge

@Suite("plans and receipts")
struct PlanTextTests {
    private let step = Plan.Step(
        action: .quarantine, kind: "layer", id: "o1", names: [],
        paths: [RelativePath("overlay2/o1"), RelativePath("overlay2/l/AB")],
        identities: [], freesBytes: 8_100_000_000, inodes: 3, undo: true,
        why: ["no image names it (graph, image/*/layerdb)", "no mount uses it (/proc)"])

    private var plan: Plan {
        Plan(
            plan: "7c1e0abc", created: "2026-11-23T18:02:00Z",
            policy: Plan.Policy(kinds: ["orphans"], graceSeconds: 86_400, named: false, keep: []),
            root: Plan.Root(path: "/var/lib/docker", device: 1, inode: 2), steps: [step],
            kept: [Plan.Kept(kind: "volume", id: "pgdata", names: [], why: ["somebody chose its name: --named"])],
            totals: Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 8_100_000_000))
    }

    private func answer(verbose: Bool = false, now: Bool = false) throws -> PlanAnswer {
        let place = Place(
            root: Survey.Root(
                path: "/var/lib/docker", how: "--data-root", filesystem: "ext4", eras: [.contentAddressed],
                drivers: [.overlay2], owner: "none", notes: [], writeObstacles: []),
            engine: Survey.EngineSummary(state: .notAsked))
        return PlanAnswer(
            place: place, plan: plan, problems: [], isNow: now, isVerbose: verbose, command: "bilge prune",
            save: "bilge prune -n -o plan.json", root: try RootOptions.parse([]))
    }

    @Test("a plan says what goes, what stays and why, and that nothing is freed by it")
    func planText() throws {
        let lines = try answer().lines(Style(isColoured: false))
        #expect(
            lines == [
                "/var/lib/docker (ext4, overlay2), found by --data-root; the engine was not asked (--offline)", "",
                "PLAN 7c1e0abc   nothing has been changed   policy: orphans, grace 24h", "",
                "REMOVE    PATH              FREES   WHY",
                "  layer   overlay2/o1 +1   8.1 GB   no image names it (+1, -v)", "",
                "KEEP       ID       WHY", "  volume   pgdata   somebody chose its name: --named", "",
                "Takes out 1 item, which frees 0 B at first: 8.1 GB are held in /var/lib/docker/.bilge.",
                "`bilge undo` puts them back, and only `bilge trash empty --older-than 0s` frees them.",
                "Run:   bilge prune",
                "Save:  bilge prune -n -o plan.json",
            ])
    }

    @Test("-v lists every path and every reason, and --now says that there is no way back")
    func verbose() throws {
        let text = try answer(verbose: true, now: true).lines(Style(isColoured: false)).joined(separator: "\n")
        #expect(text.contains("overlay2/l/AB") && text.contains("no mount uses it (/proc)"))
        #expect(text.contains("frees 8.1 GB at once: --now cannot be undone"))
    }

    @Test("the plan in JSON is the plan")
    func json() throws {
        let decoded = try JSONDecoder().decode(Plan.self, from: Data(answer().json().utf8))
        #expect(decoded == plan)
    }

    private func receipt(freed: Emptied? = nil) -> ReceiptAnswer {
        var skipped = step
        skipped.id = "o2"
        skipped.paths = [RelativePath("overlay2/o2")]
        return ReceiptAnswer(
            receipt: Receipt(
                plan: "7c1e0abc", run: "20261123-180200-7c1e",
                steps: [
                    .init(step, .done, isHeld: true), .init(skipped, .skipped, reason: "container web needs it now"),
                ]),
            freed: freed, undo: "bilge undo R", empty: "bilge trash empty R")
    }

    @Test("a receipt names what was skipped, says 0 B freed yet, and how to go on")
    func receiptText() {
        #expect(
            receipt().lines(Style(isColoured: false)) == [
                "", "RUN 20261123-180200-7c1e   KIND    PATH            SIZE",
                "  taken out                layer   overlay2/o1   8.1 GB",
                "  skipped                  layer   overlay2/o2   8.1 GB   container web needs it now", "",
                "1 taken out, 1 skipped. 0 B freed yet: 8.1 GB are held in the trash.", "Put it back:  bilge undo R",
                "Free it:      bilge trash empty R",
            ])
        #expect(receipt().receipt.status == .partly)
    }

    @Test("what failed and is held all the same counts as held; what went wrong beside the steps is a failure, too")
    func receiptTroubles() throws {
        var answer = receipt()
        answer.receipt.steps = [.init(step, .failed, reason: "it is held in D", isHeld: true)]
        #expect(
            answer.lines(Style(isColoured: false)).contains {
                $0.hasPrefix("0 taken out, 1 failed. 0 B freed yet: 8.1 GB are held")
            })
        answer.receipt = Receipt(
            plan: "7c1e", run: "R", steps: [.init(step, .done, isHeld: true)], troubles: ["no log"])
        #expect(answer.receipt.status == .partly)
        #expect(answer.lines(Style(isColoured: false)).last == "FAILED: no log")
        #expect(answer.exceptions == ["FAILED: no log"])
        #expect(try answer.json().contains(#""troubles":"#))
    }

    @Test("an image that came back is shown with what it can be pulled by, which the engine forgot")
    func digests() {
        var image = step
        image.action = .removeImage
        image.kind = "image"
        image.why = ["old", "pullable as shop/api@sha256:12"]
        var answer = ReceiptAnswer(
            receipt: Receipt(plan: "p", run: "r", steps: [.init(image, .done)]), isUndo: true, undo: "", empty: "")
        #expect(answer.lines(Style(isColoured: false)).last == "  docker pull shop/api@sha256:12")
        answer.receipt.steps = [.init(image, .failed, reason: "the name is in use again: shop/api:1")]
        #expect(!answer.lines(Style(isColoured: false)).contains { $0.contains("docker pull") })
    }

    @Test("a target of free space that is reached already, or that nothing reaches, is said also if nothing goes")
    func target() throws {
        var answer = try answer()
        answer.plan.steps = []
        answer.plan.policy.retention.free = try FreeTarget("20%")
        answer.plan.totals = Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 0, wantedBytes: 0)
        #expect(answer.lines(Style(isColoured: false)).last == "20% are free already.")
        answer.plan.totals.wantedBytes = 3_000_000
        #expect(answer.lines(Style(isColoured: false)).last == "That is 3 MB less than 20% free would need.")
    }

    @Test("a receipt tells what is held from what is gone, and a plan says before what cannot be put back")
    func bytes() throws {
        func step(_ action: Plan.Step.Action, _ kind: String, _ bytes: Int64, undo: Bool) -> Plan.Step {
            Plan.Step(
                action: action, kind: kind, id: kind, names: [kind + "-name"], paths: [], identities: [],
                freesBytes: bytes, inodes: 1, undo: undo, why: ["old"])
        }
        let steps = [
            step(.removeContainer, "container", 1000, undo: false), step(.removeImage, "image", 20_000, undo: true),
            step(.removeCache, "buildCache", 300_000, undo: false), step(.trimLog, "log", 4_000_000, undo: false),
        ]
        var answer = ReceiptAnswer(
            receipt: Receipt(plan: "p", run: "r", steps: steps.map { Receipt.Line($0, .done, isHeld: $0.undo) }),
            undo: "bilge undo r",
            empty: "bilge trash empty r")
        let style = Style(isColoured: false)
        #expect(answer.lines(style).contains("4 taken out. 4.301 MB freed yet: 20 kB are held in the trash."))
        #expect(answer.lines(style).contains { $0.contains("trimmed") && $0.contains("4 MB") })
        #expect(answer.lines(style).contains { $0.contains("/etc/docker/daemon.json") })
        var json = ""
        try answer.write { json += $0 }
        #expect(json.contains(#""heldBytes":20000"#) && json.contains(#""freedBytes":4301000"#), "\(json)")
        answer.receipt.run = ""
        answer.receipt.steps.remove(at: 1)
        #expect(answer.lines(style).contains("3 taken out. 4.301 MB freed."))

        var shown = try self.answer()
        shown.plan.steps = steps
        #expect(
            shown.lines(style).contains("Cannot be put back: 1 build cache record, 1 container, 1 log."),
            "\(shown.lines(style))")
    }

    @Test("-q prints the run, and beside it what was not done and why")
    func receiptQuiet() throws {
        let screen = Screen()
        try screen.console().show(receipt(), OutputOptions.parse(["-q"]))
        #expect(screen.out == "20261123-180200-7c1e\n")
        #expect(screen.err == "skipped: layer overlay2/o2: container web needs it now\n")
    }

    @Test("the receipt in JSON has the plan's steps with what became of each")
    func receiptJSON() throws {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(receipt().json().utf8)) as? [String: Any])
        #expect(object["run"] as? String == "20261123-180200-7c1e" && object["schema"] as? Int == 1)
        let steps = try #require(object["steps"] as? [[String: Any]])
        #expect(steps.map { $0["outcome"] as? String } == ["done", "skipped"])
        #expect(steps.map { $0["held"] as? Bool } == [true, false])
        #expect(steps[1]["reason"] as? String == "container web needs it now")
        #expect(steps[0]["paths"] as? [String] == ["overlay2/o1", "overlay2/l/AB"])
        #expect(object["heldBytes"] as? Int == 8_100_000_000 && object["freedBytes"] as? Int == 0)
    }
}
