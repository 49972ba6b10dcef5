// SPDX-License-Identifier: Apache-2.0

import Flow
import FoundationEssentials
import Model

/// What would have kept the logs small.
enum LogAdvice {
    /// For people, below a list: the lines for the engine's settings file.
    static let settings = [
        "",
        "To cap the logs of new containers, in /etc/docker/daemon.json, and start the engine again:",
        "  { \"log-driver\": \"json-file\", \"log-opts\": { \"max-size\": \"10m\", \"max-file\": \"3\" } }",
        "A container keeps the options that it was created with; for one alone: docker run --log-opt max-size=10m …",
    ]
}

extension Lists {
    /// What every container has logged, the largest first.
    func logs() -> ListAnswer {
        let all = Flow.logs(survey)
        var table = Table([
            .left("CONTAINER ID"), .left("NAMES"), .left("STATUS"), .left("DRIVER"), .right("FILES"), .right("SIZE"),
            .right("ON DISK"), .left("CAP"),
        ])
        for log in all {
            let container = log.container
            let more = log.problem.isEmpty ? "" : " or more"
            table.add([
                isWhole ? container.id : String(container.id.prefix(12)), container.name, container.state,
                log.record.driver, String(log.files.count), ByteCount(log.sizeBytes).text + more,
                ByteCount(log.allocatedBytes).text + more, log.capText,
            ])
        }
        return ListAnswer(
            place: Place(survey), table: table, elements: all.map(JSONValue.init),
            ids: all.map { isWhole ? $0.container.id : String($0.container.id.prefix(12)) })
    }
}

extension ContainerLog {
    fileprivate var capText: String {
        guard let cap = record.cap else { return record.path == nil && files.isEmpty ? "–" : "none" }
        guard let bytes = cap.fileBytes else { return "not understood" }
        return cap.files == 1 ? ByteCount(bytes).text : "\(cap.files) × \(ByteCount(bytes).text)"
    }
}

extension JSONValue {
    fileprivate init(_ log: ContainerLog) {
        let files = log.files.map { file in
            JSONValue.object(
                ("path", .string(Shown.decoded(file.path.text) ?? file.path.text)),
                ("bytes", .integer(file.sizeBytes)), ("allocatedBytes", .integer(file.allocatedBytes)))
        }
        self = .object(
            ("id", .string(log.container.id)), ("name", .string(log.container.name)),
            ("state", .string(log.container.state)), ("driver", .string(log.record.driver)),
            ("options", .members(log.record.options.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            ("bytes", .integer(log.sizeBytes)), ("allocatedBytes", .integer(log.allocatedBytes)),
            ("capped", .bool(log.record.cap != nil)),
            ("capBytes", (log.record.cap?.totalBytes).map { .integer($0) }), ("files", .array(files)),
            ("problem", log.problem.isEmpty ? nil : .string(log.problem)))
    }
}

/// What `logs trim` would do.
struct TrimPlanAnswer: Report {
    var place: Place
    var plan: Plan
    var isVerbose = false
    var isWhole = false
    /// Printed below it.
    var settings: [String]

    var ids: [String] { plan.steps.map(\.id) }

    func lines(_ style: Style) -> [String] {
        var table = Table([.left("TRIM"), .left("NAME"), .right("FREES"), .left("WHY")])
        for step in plan.steps {
            table.add(
                [
                    "  " + Shown.short(id: step.id, whole: isWhole), step.names.joined(separator: ", "),
                    ByteCount(step.freesBytes).text, step.why.joined(separator: "; "),
                ], .yellow)
        }
        var keep = Table([.left("KEEP"), .left("NAME"), .left("WHY")])
        for kept in isVerbose ? plan.kept[...] : plan.kept.prefix(10) {
            keep.add([
                "  " + Shown.short(id: kept.id, whole: isWhole), kept.names.joined(separator: ", "),
                kept.why.joined(separator: "; "),
            ])
        }
        let more = plan.kept.count - keep.rows.count
        let size = ByteCount(plan.totals.freesNowBytes).text
        let total = ["", "Frees \(size) at once. The lines that go cannot be brought back: no undo."]
        return place.lines(style) + [""]
            + (plan.steps.isEmpty ? ["Nothing to trim."] : table.lines(style))
            + (plan.kept.isEmpty ? [] : [""] + keep.lines(style) + (more > 0 ? ["  … and \(more) more: -v"] : []))
            + (plan.steps.isEmpty ? [] : total) + settings
    }

    func write(json out: (String) -> Void) throws { out(try JSONText.encode(plan) + "\n") }
}

/// What `logs trim` did.
struct TrimmedAnswer: Report {
    var receipt: Receipt
    var isWhole = false

    private var freedBytes: Int64 {
        receipt.steps.filter { $0.outcome == .done }.reduce(0) { $0 + $1.step.freesBytes }
    }

    var ids: [String] { receipt.steps.filter { $0.outcome == .done }.map(\.step.id) }

    var exceptions: [String] { receipt.troubles }

    func lines(_ style: Style) -> [String] {
        var table = Table([.left("LOGS"), .left("NAME"), .right("FREED"), .left("")])
        for line in receipt.steps {
            let (word, freed): (String, String)
            switch line.outcome {
            case .done: (word, freed) = ("trimmed", ByteCount(line.step.freesBytes).text)
            case .skipped: (word, freed) = ("skipped", "")
            case .failed: (word, freed) = ("FAILED", "")
            }
            let name = line.step.names.first.flatMap { $0.isEmpty ? nil : $0 }
            table.add(
                ["  " + word, name ?? Shown.short(id: line.step.id, whole: isWhole), freed, line.reason],
                line.outcome == .done ? .plain : .red)
        }
        let count = Shown.count(ids.count, "log")
        return [""] + table.lines(style) + ["", "\(count) trimmed, \(ByteCount(freedBytes).text) freed."]
            + receipt.troubles.map { style("FAILED: \(Shown.raw($0))", .red) }
            + LogAdvice.settings
    }

    func write(json out: (String) -> Void) throws {
        let steps = try receipt.steps.map { line in
            JSONValue.object(
                ("step", .encoded(try JSONText.encode(line.step))), ("outcome", .string(line.outcome.rawValue)),
                ("reason", .string(line.reason)))
        }
        writeJSON(
            [
                ("schema", .value(.integer(receipt.schema))), ("plan", .value(.string(receipt.plan))),
                ("run", .value(.string(""))), ("steps", .list(steps)),
                ("troubles", .list(receipt.troubles.map { .string($0) })), ("heldBytes", .value(.integer(0))),
                ("freedBytes", .value(.integer(freedBytes))),
            ], to: out)
    }
}
