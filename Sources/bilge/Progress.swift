// SPDX-License-Identifier: Apache-2.0

import Disk
import Flow
import Model

extension Console {
    /// Runs `body` while the status line says how far it has come: how many entries, how many a second, and what share
    /// of the root that is, if an earlier run saved how many there are.
    ///
    /// The line is written by a task beside; where there is one processor only, it may stand still.
    func watching<Value>(
        _ progress: MeasureProgress, _ text: String, in survey: Survey, _ body: () throws -> Value
    ) async throws -> Value {
        status(text + " …")
        defer { status(nil) }
        guard showsStatus else { return try body() }
        let expected = expectedInodes(survey)
        let clock = ContinuousClock()
        let start = clock.now
        let ticker = Task {
            while true {
                do { try await Task.sleep(for: .milliseconds(200)) } catch { return }
                let seconds = max((clock.now - start).seconds, 0.001)
                status(Self.line(text, progress.inodes, seconds: seconds, expected))
            }
        }
        let result = Result { try body() }
        ticker.cancel()
        // Nothing may be written after the line was cleared.
        await ticker.value
        return try result.get()
    }

    /// `measuring 120 items: 350,000 entries, 412,000 a second, 45 %`.
    static func line(_ text: String, _ inodes: Int, seconds: Double, _ expected: Int64?) -> String {
        let rate = Int64((Double(inodes) / seconds).rounded())
        let share = expected.map { $0 > 0 ? ", \(min(99, Int64(inodes) * 100 / $0)) %" : "" } ?? ""
        return "\(text): \(Shown.count(Int64(inodes))) entries, \(Shown.count(rate)) a second\(share)"
    }

    /// How many inodes the root had when it was saved last, else as many as its file system has in use; `nil` if
    /// neither is known: no share is shown then.
    private func expectedInodes(_ survey: Survey) -> Int64? {
        do {
            if let last = try survey.lastSnapshot() { return last.total.inodes }
            let system = try survey.directory.fileSystem()
            guard system.totalInodes > system.freeInodes else { return nil }
            return Int64(clamping: system.totalInodes - system.freeInodes)
        } catch {
            return nil
        }
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
