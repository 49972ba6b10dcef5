// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Disk
import Flow
import Model
import Synchronization

/// A command of Bilge: parses, calls the flow, renders.
protocol Command: AsyncParsableCommand, Sendable {
    /// Does it, in whatever world `console` is. What it throws is what the person should read.
    func run(on console: Console) async throws -> ExitStatus
}

extension Command {
    func run() async throws {
        letGoOfCode()
        let console = Console.process()
        let status = await outcome(on: console)
        guard status == .done else { throw ExitCode(status.rawValue) }
    }

    /// Runs it and says what went wrong, if anything did.
    func outcome(on console: Console) async -> ExitStatus {
        do {
            return try await run(on: console)
        } catch {
            console.status(nil)
            let failure = Failure(error)
            console.remark(failure.lines)
            return failure.status
        }
    }
}

extension Console {
    /// Looks at the host, saying so meanwhile.
    func survey(_ request: Request) async throws -> Survey {
        try await showing("reading \(request.dataRoot.map { Shown.raw($0) } ?? "the data root") …") {
            var survey = try await Flow.survey(request)
            survey.root.notes += unsettled(survey)
            Self.latest.withLock { $0 = survey }
            return survey
        }
    }

    /// Looks at the host until no pull or build is in flight, for so many seconds at most.
    func survey(_ request: Request, quietWithin seconds: Int64) async throws -> Survey {
        let end = ContinuousClock.now + .seconds(seconds)
        var survey = try await self.survey(request)
        while let flight = survey.inFlight.first, ContinuousClock.now < end {
            try await showing("waiting: \(flight)") { try await Task.sleep(for: .seconds(1)) }
            survey = try await self.survey(request)
        }
        return survey
    }

    /// Finishes what an earlier run left half done, and says so; not where nothing may be written.
    func settle(_ survey: Survey, _ request: Request) async throws {
        let sentences = try await showing("settling what an earlier run left …") {
            try await Flow.settle(survey, request)
        }
        remark(sentences.map { "settled: \(Shown.raw($0))" })
    }

    /// Kept until the process ends: giving back the memory of a large root piece by piece would take a tenth of the time.
    private static let latest = Mutex<Survey?>(nil)

    /// What an earlier run left half done, or that one is at work right now: worth knowing, and no reason not to look.
    private func unsettled(_ survey: Survey) -> [String] {
        do {
            return try unfinished(survey).map { "an earlier run was cut off, the next one settles it: \($0)" }
        } catch {
            return [Failure(error).message]
        }
    }

    /// Sums up the space that items take, saying so meanwhile, and naming what could not be looked at.
    func usage(of items: [Judged], in survey: Survey) async throws -> [RelativePath: Usage] {
        let progress = MeasureProgress()
        let measured = try await watching(progress, "measuring \(Shown.count(items.count, "item"))", in: survey) {
            Flow.measure(items, in: survey, progress: progress)
        }
        remark(MissedText.lines(measured.measurement))
        return measured.usage
    }

    /// Prints a report in the format that was asked for.
    func show(_ report: some Report, _ output: OutputOptions) throws {
        if output.chosen == .table, output.quiet {
            print(report.ids.map(Shown.raw))
            remark(report.exceptions.map(Shown.raw))
            return
        }
        switch output.chosen {
        case .table: print(report.lines(style))
        case .json: try report.write(json: out)
        }
    }
}

extension Survey {
    /// How a command that only looked ends.
    var status: ExitStatus {
        switch engine.state {
        case .running, .stopped, .notAsked: .done
        case .unreachable: .engineNotAsked
        }
    }
}
