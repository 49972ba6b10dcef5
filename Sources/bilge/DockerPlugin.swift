// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `docker bilge …`: Docker's command line runs `docker-bilge` with all of its own arguments.
///
/// Source: docker/cli `cli-plugins/manager/manager.go`, `PluginRunCommand`: `docker -H X bilge df` becomes
/// `docker-bilge -H X bilge df`, and `docker-bilge docker-cli-plugin-metadata` asks what the plugin is.
enum DockerPlugin {
    /// What the process was asked to do, without Docker's part of the command line, after the program's name.
    ///
    /// - Throws: a usage error for options of Docker that would mean another host than the one that is looked at.
    static func arguments(_ all: [String]) throws -> [String] {
        let program = all.first?.split(separator: "/").last ?? ""
        var rest = all.dropFirst()
        guard program == "docker-bilge", rest.first != PluginMetadata.name else { return Array(rest) }
        var kept: [String] = []
        while let argument = rest.popFirst() {
            if argument == "bilge" { return kept + rest }
            let (name, inline) = split(argument)
            switch name {
            case "-H", "--host":
                guard let value = inline ?? rest.popFirst() else { throw ValidationError("\(name) needs a value.") }
                kept += ["--host", value]
            case "-c", "--context":
                let value = inline ?? rest.popFirst() ?? ""
                guard value == "default" else {
                    throw ValidationError("Docker's contexts are not read: name the engine's socket with --host.")
                }
            case "--config", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey":
                if inline == nil { _ = rest.popFirst() }
            case "-D", "--debug", "--tls", "--tlsverify": continue
            default: return kept + [argument] + rest  // Not Docker's: ours to understand or refuse.
            }
        }
        return kept
    }

    /// `--host=X` and `-HX` have their value with them.
    private static func split(_ argument: String) -> (name: String, value: String?) {
        if argument.hasPrefix("--") {
            guard let equals = argument.firstIndex(of: "=") else { return (argument, nil) }
            return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
        }
        guard argument.hasPrefix("-"), argument.count > 2, "Hcl".contains(argument.dropFirst().first ?? " ") else {
            return (argument, nil)
        }
        let value = argument.dropFirst(2)
        return (String(argument.prefix(2)), String(value.first == "=" ? value.dropFirst() : value))
    }
}
