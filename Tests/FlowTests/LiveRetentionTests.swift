// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
import Flow
import Foundation
import Model
import TestSupport
import Testing

/// Policies beside a real engine: each rule takes exactly what the test computes from its own table, what stays still
/// runs, and what went comes back.
@Suite(.serialized, .enabled(if: RetentionHost.obstacle == nil, "\(RetentionHost.obstacle ?? "")"))
struct LiveRetentionTests {
    typealias Image = RetentionHost.Image

    private func policy(_ words: [(Policy.Word, String)], kinds: [Policy.Kind] = [.images]) throws -> Plan.Policy {
        try .rules(words, kinds: kinds)
    }

    private func images(_ plan: Plan, _ host: RetentionHost) -> Set<Image> {
        let gone = Set(plan.steps.map(\.id))
        return Set(RetentionHost.images.filter { gone.contains(host.ids[$0]!) })
    }

    @Test(
        "each rule keeps and removes exactly what it says; what goes is held, comes back, and frees what was predicted")
    func wholeHost() async throws {
        let host = try RetentionHost()
        defer { host.stop() }
        try host.useSome()
        try await host.startTalking()
        try await rules(host)
        try run(["rm", host.engine.directory.path + "/etc/keep"])
        try await largeLog(host)
        try await carriedOut(host)
    }

    private func rules(_ host: RetentionHost) async throws {
        let free = RetentionHost.images.filter { RetentionHost.claimed[$0] == nil }
        let survey = try await survey(host.request())
        let all: (Policy.Word, String) = (.irreplaceable, "true")
        func check(_ words: [(Policy.Word, String)], _ goes: (Image) -> Bool) throws {
            let plan = try Flow.plan(survey, try policy(words))
            #expect(images(plan, host) == Set(free.filter(goes)), "\(words)")
            #expect(plan.steps.allSatisfy { !$0.why.isEmpty })
        }
        try check([]) { _ in false }
        try check([(.all, "true")]) { $0.isInRegistry }
        try check([(.all, "true"), all]) { _ in true }
        try check([(.keepLast, "2"), all]) { $0.version >= 2 }
        try check([(.keepLast, "9"), all]) { _ in false }
        try check([(.unusedFor, "50d"), all]) { $0.hereDays >= 50 }
        try check([(.builtBefore, "45d"), all]) { $0.builtDays > 45 }
        try check([(.pulledBefore, "50d"), all]) { $0.hereDays > 50 }
        try check([(.keepLast, "2"), (.unusedFor, "50d"), (.builtBefore, "60d")]) { image in
            image.version >= 2 && image.hereDays >= 50 && image.builtDays > 60 && image.isInRegistry
        }
        try check([(.filter, "reference=own/*"), all]) { !$0.isInRegistry }
        try check([(.filter, "reference=own/r5"), (.filter, "reference=*/r1:0"), all]) { image in
            image.repository == 5 || (image.repository == 1 && image.version == 0)
        }
        try check([(.all, "true"), (.filter, "label=team=red"), all]) { $0.team == "red" }
        try check([(.all, "true"), (.filter, "label!=team=red"), (.filter, "label!=team=blue"), all]) {
            $0.team == "green"
        }
        try check([(.all, "true"), (.filter, "until=45d"), all]) { $0.builtDays > 45 }
        try check([(.filter, "dangling=false"), all]) { _ in true }
        try check([(.filter, "dangling=true"), all]) { _ in false }
        let base = try #require(
            Int(try host.engine.docker("image", "inspect", "-f", "{{.Size}}", "base:1").dropLast()))
        try check([(.filter, "size>=\(base + 32_000)B"), (.filter, "reference=*/r*"), all]) { host.bytes($0) >= 32_000 }
        try check([(.all, "true"), (.keep, "own/r5:*"), (.keep, "*/r1"), all]) { image in
            image.repository != 5 && image.repository != 1
        }
        let everything = try Flow.plan(survey, try policy([(.all, "true"), all]))
        let why = Dictionary(everything.kept.map { ($0.id, $0.why) }, uniquingKeysWith: { first, _ in first })
        for (image, reason) in RetentionHost.claimed { #expect(why[host.ids[image]!] == [reason], "\(image)") }
        #expect(everything.steps.map(\.kind).allSatisfy { $0 == "image" })

        // Containers: stopped ones, but those of a Compose project of which one runs.
        let containers = try Flow.plan(survey, try policy([], kinds: [.containers]))
        #expect(Set(containers.steps.flatMap(\.names)) == ["ended", "made"])
        #expect(
            Dictionary(uniqueKeysWithValues: containers.kept.map { ($0.names[0], $0.why[0]) }) == [
                "runs": "it is running", "talks": "it is running", "pauses": "it is paused",
                "oneoff": "Compose project shop is running",
            ])
        for (words, goes) in [
            ([(.unusedFor, "1h")], []), ([(.filter, "label!=com.docker.compose.project")], ["ended", "made"]),
            ([(.filter, "project=shop")], []), ([(.keep, "en*")], ["made"]),
        ] as [([(Policy.Word, String)], Set<String>)] {
            let plan = try Flow.plan(survey, try policy(words, kinds: [.containers]))
            #expect(Set(plan.steps.flatMap(\.names)) == goes, "\(words)")
        }
        let later = try await Flow.survey(host.request(days: 3))
        for (age, goes) in [("2d", ["ended", "made"]), ("4d", [])] as [(String, Set<String>)] {
            for word in [(Policy.Word.unusedFor, age), (.filter, "until=\(age)")] {
                let plan = try Flow.plan(later, try policy([word], kinds: [.containers]))
                #expect(Set(plan.steps.flatMap(\.names)) == goes, "\(word)")
            }
        }
        let both = try Flow.plan(survey, try policy([(.all, "true")], kinds: [.containers, .images]))
        #expect(both.steps.contains { $0.id == host.ids[Image(repository: 1, version: 4)]! })

        // The keep list of the host, a label, and a list that cannot be read.
        try host.engine.directory.write("etc/keep", "# ours\n*/r0:*\n")
        let kept = try Flow.plan(try await Flow.survey(host.request()), try policy([(.all, "true"), all]))
        #expect(images(kept, host) == Set(free.filter { $0.repository != 0 }))
        try run(["sh", "-c", "printf '\\377' > '\(host.engine.directory.path)/etc/keep'"])
        let unread = try await Flow.survey(host.request())
        let error = #expect(throws: FlowError.self) { try Flow.plan(unread, try policy([(.all, "true")])) }
        #expect(error?.code == .refused)
    }

    private func largeLog(_ host: RetentionHost) async throws {
        let seen = try await survey(host.request())
        let plan = try Flow.plan(seen, try policy([(.to, "10MB")], kinds: [.logs]))
        #expect(plan.steps.map(\.names) == [["talks"]] && plan.steps[0].freesBytes > 50_000_000)
        let last = try loggedNumbers(try host.engine.docker("logs", "--tail", "1", "talks")).upperBound
        #expect(last > 200_000)
        let before = try host.storeBytes()
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
        let freed = before - (try host.storeBytes())
        // It writes about 12 kB a second meanwhile.
        #expect(abs(freed - plan.totals.freesNowBytes) <= 128 << 10, "freed \(freed) of \(plan.totals.freesNowBytes)")
        let kept = try loggedNumbers(try host.engine.docker("logs", "talks"))
        #expect(kept.lowerBound > 150_000 && kept.contains(last) && kept.count > 30_000, "\(kept)")
        let later = try loggedNumbers(try host.engine.docker("logs", "--tail", "1000", "talks"))
        #expect(later.count == 1000 && later.upperBound >= kept.upperBound)
        try host.engine.docker("rm", "-f", "talks")
    }

    private func carriedOut(_ host: RetentionHost) async throws {
        let request = host.request()
        let wanted = try policy([(.keepLast, "2"), (.irreplaceable, "true")])
        let first = try await survey(request)
        let plan = try Flow.plan(first, wanted)
        let gone = images(plan, host)
        #expect(gone.count == 8 * 3 - RetentionHost.claimed.count)
        let before = try host.listed()

        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), first, request)
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        #expect(try host.listed() == before.subtracting(gone))
        for image in try host.listed() {
            #expect(try host.engine.docker("run", "--rm", "--network", "none", host.tag(image)) == "ran\n", "\(image)")
        }
        let undone = try await undo(run: nil, request)
        #expect(undone.steps.allSatisfy { $0.outcome == .done }, "\(undone.steps.map(\.reason))")
        #expect(try host.listed() == before)
        #expect(try host.engine.docker("images", "-q", "bilge-trash/*") == "")
        #expect(try host.engine.docker("run", "--rm", "--network", "none", host.tag(gone.first!)) == "ran\n")

        // Once more, and for good. Digests went with the last names, so the policy says that it knows.
        let second = try await survey(request)
        let again = try Flow.plan(second, wanted)
        #expect(images(again, host) == gone)
        _ = try await carryOut(ApprovedPlan(again, approver: "test"), second, request)
        let full = try host.storeBytes()
        let emptied = try await emptyTrash(runs: [], olderThanSeconds: 0, request)
        #expect(emptied.items.allSatisfy { $0.outcome == .done }, "\(emptied.items.map(\.reason))")
        let freed = full - (try host.storeBytes())
        let predicted = again.totals.freesWhenTrashEmptiesBytes
        #expect(emptied.freed.allocatedBytes == predicted)
        #expect(abs(freed - predicted) <= 64 << 10, "freed \(freed), predicted \(predicted)")
        #expect(try host.listed() == before.subtracting(gone))
        for image in RetentionHost.claimed.keys { #expect(try host.listed().contains(image)) }
    }

    @Test("build cache goes record by record, and frees what was predicted; volumes go by use, and come back whole")
    func cacheAndVolumes() async throws {
        let host = try RetentionHost(hasImages: false)
        defer { host.stop() }
        try await host.build(
            "FROM base:1\nCOPY f /f\nRUN echo hi > /g\nRUN head -c 300000 /dev/zero > /h\n", tag: "built:1")
        let first = try await survey(host.request())
        #expect(first.inFlight.isEmpty, "\(first.inFlight)")
        let some = try Flow.plan(first, try policy([], kinds: [.cache]))
        let all = try Flow.plan(first, try policy([(.all, "true")], kinds: [.cache]))
        #expect(!some.steps.isEmpty && some.steps.count < all.steps.count, "what the image shares only with -a")
        #expect(try Flow.plan(first, try policy([(.unusedFor, "1h")], kinds: [.cache])).steps.isEmpty)
        let before = try host.storeBytes()
        let receipt = try await carryOut(ApprovedPlan(all, approver: "test"), first, host.request())
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        #expect(receipt.run == "")
        let freed = before - (try host.storeBytes())
        #expect(
            abs(freed - all.totals.freesNowBytes) <= 64 << 10, "freed \(freed), predicted \(all.totals.freesNowBytes)")
        #expect(
            try Flow.plan(try await survey(host.request()), try policy([(.all, "true")], kinds: [.cache])).steps.isEmpty
        )
        #expect(try host.engine.docker("run", "--rm", "--network", "none", "built:1", "cat", "/g") == "hi\n")

        for name in ["leaver", "other"] {
            try host.engine.docker(
                "run", "--name", name, "--network", "none", "-v", "/data", "base:1", "sh", "-c",
                "echo \(name) > /data/f")
        }
        try host.engine.docker("volume", "create", "--label", "com.docker.compose.project=shop", "pgdata")
        try host.engine.docker("rm", "leaver")
        let left = try await survey(host.request())
        #expect(try Flow.plan(left, try policy([(.unusedFor, "1h")], kinds: [.volumes])).steps.isEmpty)
        let later = try await survey(host.request(days: 2))
        let plan = try Flow.plan(later, try policy([(.unusedFor, "1h")], kinds: [.volumes]))
        #expect(plan.steps.count == 1 && plan.kept.map(\.id) == ["pgdata"])
        let named = try policy([(.named, "true"), (.filter, "project=sh*")], kinds: [.volumes])
        #expect(try Flow.plan(later, named).steps.map(\.id) == ["pgdata"])
        let volume = plan.steps[0].id
        _ = try await carryOut(ApprovedPlan(plan, approver: "test"), later, host.request(days: 2))
        #expect(try !host.engine.docker("volume", "ls", "-q").contains(volume))
        #expect(try await undo(run: nil, host.request()).steps.map(\.outcome) == [.done])
        #expect(
            try host.engine.docker("run", "--rm", "--network", "none", "-v", "\(volume):/v", "base:1", "cat", "/v/f")
                == "leaver\n")
    }

    @Test("containers go through the engine, and how they were made is kept; logs are trimmed in the same plan")
    func containers() async throws {
        let host = try RetentionHost(hasImages: false)
        defer { host.stop() }
        for name in ["one", "two", "three"] {
            try host.engine.docker(
                "run", "--name", name, "--network", "none", "base:1", "sh", "-c", "head -c 100000 /dev/zero > /f")
        }
        let line = String(repeating: "x", count: 99)
        try host.engine.docker(
            "run", "-d", "--name", "noisy", "--network", "none", "base:1", "sh", "-c",
            "i=0; while [ $i -lt 4000 ]; do echo \(line); i=$((i+1)); done; echo last; sleep 600")
        for _ in 0..<100 where try host.engine.docker("logs", "--tail", "1", "noisy") != "last\n" {
            try await Task.sleep(for: .milliseconds(100))
        }
        let seen = try await survey(host.request())
        let plan = try Flow.plan(seen, try policy([(.to, "128kB")], kinds: [.containers, .logs]))
        #expect(Set(plan.steps.flatMap(\.names)) == ["one", "two", "three", "noisy"])
        #expect(plan.steps.last?.action == .trimLog)
        #expect(plan.totals.freesWhenTrashEmptiesBytes == 0)
        try host.engine.docker("rm", "two")
        try host.engine.docker("run", "-d", "--name", "live", "--network", "none", "base:1", "sleep", "600")
        try host.engine.docker("rename", "three", "four")
        let before = try host.storeBytes()
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        let outcomes = Dictionary(uniqueKeysWithValues: receipt.steps.map { ($0.step.names[0], $0) })
        #expect(outcomes["one"]?.outcome == .done && outcomes["three"]?.outcome == .done)
        #expect(outcomes["two"]?.outcome == .skipped && outcomes["two"]?.reason == "gone already")
        #expect(outcomes["noisy"]?.outcome == .done, "\(outcomes["noisy"]?.reason ?? "")")
        let left = try host.engine.docker("logs", "noisy").split(separator: "\n")
        #expect(left.count < 1000 && left.dropLast().allSatisfy { $0 == line } && left.last == "last")
        let freed = before - (try host.storeBytes())
        let predicted = receipt.steps.filter { $0.outcome == .done }.reduce(0) { $0 + $1.step.freesBytes }
        #expect(abs(freed - predicted) <= 64 << 10, "freed \(freed), predicted \(predicted)")
        let undone = try await undo(run: nil, host.request())
        #expect(undone.steps.map(\.outcome) == [.skipped, .skipped])
        #expect(undone.steps[0].reason.contains("cannot be put back"))
        #expect(
            try await emptyTrash(runs: [], olderThanSeconds: 0, host.request()).items.allSatisfy { $0.outcome == .done }
        )
        #expect(!FileManager.default.fileExists(atPath: host.engine.root + "/.bilge"))
    }

    @Test("a pull and a build that run meanwhile are not harmed")
    func beside() async throws {
        let host = try RetentionHost()
        defer { host.stop() }
        let everything = try policy(
            [(.all, "true"), (.irreplaceable, "true"), (.keep, "base:1")], kinds: [.images, .cache])
        let early = try await survey(host.request())
        let planned = try Flow.plan(early, everything)
        #expect(images(planned, host).count == 40)

        let building = Task {
            try await host.build("FROM base:1\nCOPY f /f\nRUN sleep 5; echo built > /g\n", tag: "slow:1")
        }
        var during = try await survey(host.request())
        for _ in 0..<100 where during.inFlight.isEmpty {
            try await Task.sleep(for: .milliseconds(50))
            during = try await survey(host.request())
        }
        #expect(during.inFlight.first?.contains("in flight") == true)
        let meanwhile = try Flow.plan(during, everything)
        #expect(meanwhile.steps.isEmpty && meanwhile.kept.allSatisfy { $0.why[0].contains("in flight") })
        // A plan of before is not begun either.
        let receipt = try await carryOut(ApprovedPlan(planned, approver: "test"), early, host.request())
        let skipped = receipt.steps.filter { $0.outcome == .skipped && $0.reason.contains("in flight") }
        #expect(!skipped.isEmpty)
        try await building.value
        #expect(try host.engine.docker("run", "--rm", "--network", "none", "slow:1", "cat", "/g") == "built\n")
        _ = try await undo(run: nil, host.request())

        // Pulls come and go while images of other repositories are taken out.
        let pulled = RetentionHost.images.filter { $0.repository < 2 }
        for image in pulled { try host.engine.docker("rmi", host.tag(image)) }
        let others = try policy([(.filter, "reference=own/*"), (.irreplaceable, "true")])
        let seen = try await survey(host.request())
        let plan = try Flow.plan(seen, others)
        let pulling = Task.detached { for image in pulled { try host.engine.docker("pull", "-q", host.tag(image)) } }
        _ = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        try await pulling.value
        _ = try await emptyTrash(runs: [], olderThanSeconds: 0, host.request())
        for image in pulled {
            #expect(try host.engine.docker("run", "--rm", "--network", "none", host.tag(image)) == "ran\n", "\(image)")
        }
    }
}
