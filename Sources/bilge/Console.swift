// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
import Glibc
import Model
import SystemPackage

/// The world of a command: where its results, its remarks and its questions go, what time it is.
///
/// Commands get it as a value, so that tests and `bilge demo` can run the very same commands in a world of their own.
struct Console: Sendable {
    /// Results. Complete lines.
    var out: @Sendable (String) -> Void
    /// Progress, warnings and errors. Complete lines.
    var err: @Sendable (String) -> Void
    /// Shows what is being done until it is done; `nil` ends it. Does nothing without a terminal.
    var status: @Sendable (String?) -> Void = { _ in }
    /// There is somebody to see what is being done.
    var showsStatus = false
    /// Asks a yes-or-no question; `nil` without a terminal to ask on.
    var ask: (@Sendable (String) -> Bool)?
    /// Lets a person choose from a list; `nil` without a terminal to show it on.
    var pick: (@Sendable (PickList) throws -> PickList)?
    var style = Style(isColoured: false)
    /// Of the terminal; what is drawn fits into them.
    var columns = 80
    var environment: [String: String] = [:]
    var now: @Sendable () -> Timestamp

    /// The terminal, or whatever the process was given instead.
    static func process() -> Console {
        let environment = ProcessInfo.processInfo.environment
        // Nothing is known of a terminal without a name, and one of this name draws nothing.
        let isDumb = ["", "dumb"].contains(environment["TERM"] ?? "")
        let isPlain = !(environment["NO_COLOR"] ?? "").isEmpty || isDumb
        var console = Console(
            out: result, err: { write($0, to: .standardError) },
            style: Style(isColoured: !isPlain && isatty(STDOUT_FILENO) == 1), environment: environment,
            now: { Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9)) })
        if let columns = environment["COLUMNS"].flatMap({ Int($0) }) ?? terminalColumns(of: .standardOutput),
            columns > 0
        {
            console.columns = columns
        }
        if isatty(STDERR_FILENO) == 1, isatty(STDIN_FILENO) == 1 { console.ask = question }
        if isDumb { return console }
        if isatty(STDERR_FILENO) == 1 {
            console.showsStatus = true
            clearLineWhenInterrupted()
            console.status = { write("\r\u{1B}[K" + ($0.map(Shown.raw) ?? ""), to: .standardError) }
        }
        if KeyTerminal.isPresent { console.pick = Picker.run }
        return console
    }

    /// Prints lines of a result.
    func print(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        var text = ""
        text.reserveCapacity(lines.reduce(0) { $0 + $1.utf8.count + 1 })
        for line in lines {
            text += line
            text += "\n"
        }
        out(text)
    }

    /// Prints lines that are no result.
    func remark(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        err(lines.joined(separator: "\n") + "\n")
    }

    /// Runs `body` while the status line says what it does.
    func showing<Value>(_ text: String, _ body: () async throws -> Value) async throws -> Value {
        status(text)
        defer { status(nil) }
        return try await body()
    }

    private static func question(_ text: String) -> Bool {
        write(text + " [y/N] ", to: .standardError)
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }

    /// Writes a result, or ends the process: who cannot be told what would be done has not agreed to it, and a file that is
    /// not whole must not look like one. Whatever was done until now is done, as after any other signal.
    private static func result(_ text: String) {
        do { _ = try FileDescriptor.standardOutput.writeAll(text.utf8) } catch {
            if error as? Errno != .brokenPipe {
                write("bilge: cannot write the result: \(error)\n", to: .standardError)
            }
            exit(ExitStatus.failed.rawValue)
        }
    }

    /// Writes everything. If that fails there is nobody left to tell.
    private static func write(_ text: String, to file: FileDescriptor) {
        do { _ = try file.writeAll(text.utf8) } catch {}
    }
}
