// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Flow
import Model
import SystemPackage

/// Shows a list on the terminal until somebody is done with it.
enum Picker {
    /// Returns the list as it was left.
    static func run(_ list: PickList) throws -> PickList {
        var list = list
        try KeyTerminal.drawing {
            while list.state == .choosing {
                let size = KeyTerminal.size()
                list.resize(rows: size.rows, columns: size.columns)
                try draw(list)
                guard let bytes = KeyTerminal.read() else {
                    list.press(.leave)
                    break
                }
                for key in Key.keys(in: bytes) where list.state == .choosing { list.press(key) }
            }
        }
        return list
    }

    private static func draw(_ list: PickList) throws {
        // A line is cleared before it is written: after a full one, some terminals would clear its last letter. The last
        // has no line feed, which would scroll.
        let lines = list.screen().map { line in
            let ink = line.isCurrent ? "\u{1B}[7m" : line.isDim ? "\u{1B}[2m" : ""
            return "\u{1B}[K" + ink + line.text + (ink.isEmpty ? "" : "\u{1B}[0m")
        }
        let text = "\u{1B}[H" + lines.joined(separator: "\n") + "\u{1B}[J"
        _ = try FileDescriptor.standardOutput.writeAll(text.utf8)
    }
}

extension PickList {
    /// The steps of a plan, all ticked.
    init(_ plan: Plan, _ survey: Survey) {
        let needs = Flow.needs(of: plan.steps, in: survey)
        let rows = zip(plan.steps, needs).map { step, needs in
            let path = step.shownPlace(whole: false)
            return Row(
                kind: step.kind, name: step.names.isEmpty ? path : step.names.joined(separator: ", "),
                bytes: step.freesBytes, why: step.why.first ?? "", needs: needs)
        }
        self.init(title: "PLAN \(plan.plan)", rows: rows) { ticked in
            let indices = plan.steps.indices.filter(ticked.contains)
            var bytes = [Int64](repeating: 0, count: plan.steps.count)
            var picked = plan
            picked.steps = indices.map { plan.steps[$0] }
            for (index, step) in zip(indices, picked.counted().steps) { bytes[index] = step.freesBytes }
            return bytes
        }
    }
}

extension Console {
    /// - Throws: `usage` if there is no terminal to choose on.
    func requirePick(_ output: OutputOptions) throws {
        guard pick != nil, output.chosen == .table, !output.quiet else {
            throw Failure(
                .usage, "-i needs a terminal to show its list on",
                advice: "without -i the plan is printed; -n stops after it")
        }
    }

    /// Lets somebody choose from a plan; what was not ticked is kept.
    ///
    /// - Throws: `refused` if it was left without a choice.
    func picked(_ plan: Plan, _ survey: Survey) throws -> Plan {
        guard let pick, !plan.steps.isEmpty else { return plan }
        let list = try pick(PickList(plan, survey))
        guard list.state == .accepted else { throw Failure(.refused, "nothing was changed") }
        return Decide.plan(plan, keeping: Set(plan.steps.indices).subtracting(list.ticked))
    }
}
