// SPDX-License-Identifier: Apache-2.0

/// What the command line of a process says about the data root, if it is a Docker daemon.
///
/// Docker 1.0 to 1.7 ran as `docker -d`, 1.8 to 1.11 as `docker daemon`, later ones as `dockerd`.
/// Source: moby `docker/docker.go` and `daemon/config_unix.go` of those versions; `cmd/dockerd/options.go`.
package struct DaemonCommand: Hashable, Sendable {
    /// The last `--data-root`, `--graph` or `-g`, as the daemon's parser takes it.
    package var dataRoot: String?
    /// The last `--config-file`.
    package var configFile: String?

    /// Returns `nil` if the arguments are not those of a daemon.
    package init?(arguments: [String]) {
        guard let program = arguments.first else { return nil }
        let rest = arguments.dropFirst()
        switch DaemonCommand.role(of: program) {
        case .daemon: break
        case .either: guard DaemonCommand.asksForDaemon(rest) else { return nil }
        case .other: return nil
        }
        var pending = rest
        while let argument = pending.popFirst() {
            if argument == "--" { break }
            if let value = DaemonCommand.value(of: argument, ["--data-root", "--graph"], &pending)
                ?? DaemonCommand.shortGraph(argument, &pending)
            {
                dataRoot = value
            } else if let value = DaemonCommand.value(of: argument, ["--config-file"], &pending) {
                configFile = value
            }
        }
    }

    private enum Role { case daemon, either, other }

    private static func role(of program: String) -> Role {
        let name = program.split(separator: "/").last ?? ""
        // Red Hat ships `dockerd-current` and `docker-latest`, Debian shipped `docker.io`.
        if name == "dockerd" || name.hasPrefix("dockerd-") { return .daemon }
        return ["docker", "docker.io", "docker-current", "docker-latest"].contains(name) ? .either : .other
    }

    private static func asksForDaemon(_ arguments: ArraySlice<String>) -> Bool {
        if arguments.contains(where: { ["-d", "--daemon", "-daemon", "--daemon=true", "-d=true"].contains($0) }) {
            // `docker run -d` is the client; a daemon of that age has no command word before the flag.
            return !(arguments.first.map { !$0.hasPrefix("-") } ?? true)
        }
        // A word before `daemon` that is no flag and no flag's value is another command: `docker stop daemon`.
        var flagBefore = false
        for argument in arguments.prefix(while: { $0 != "daemon" }) {
            guard argument.hasPrefix("-") || flagBefore else { return false }
            flagBefore = argument.hasPrefix("-") && !argument.contains("=")
        }
        return arguments.contains("daemon")
    }

    private static func value(
        of argument: String, _ flags: [String], _ pending: inout ArraySlice<String>
    ) -> String? {
        for flag in flags {
            if argument == flag { return pending.popFirst().map(unquoted) }
            if argument.hasPrefix(flag + "=") { return unquoted(String(argument.dropFirst(flag.count + 1))) }
        }
        return nil
    }

    /// `-g X`, `-g=X`, `-gX`, and those behind other short flags, as in `-Dg X`.
    private static func shortGraph(_ argument: String, _ pending: inout ArraySlice<String>) -> String? {
        guard argument.hasPrefix("-"), !argument.hasPrefix("--") else { return nil }
        let letters = argument.dropFirst().drop { $0 == "D" || $0 == "d" }
        guard letters.first == "g" else { return nil }
        let value = letters.dropFirst()
        if value.isEmpty { return pending.popFirst().map(unquoted) }
        return unquoted(String(value.first == "=" ? value.dropFirst() : value))
    }

    /// Start scripts leave quotes around a value that no shell took off.
    private static func unquoted(_ value: String) -> String {
        guard value.count >= 2, let mark = value.first, mark == "\"" || mark == "'", value.last == mark else {
            return value
        }
        return String(value.dropFirst().dropLast())
    }
}
