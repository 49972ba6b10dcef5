// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What Docker's command line asks every plugin. Source: docker/cli `cli-plugins/metadata/metadata.go`.
struct PluginMetadata: Command {
    static let name = "docker-cli-plugin-metadata"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "What this plugin is, for Docker's command line.", shouldDisplay: false)

    func run(on console: Console) async throws -> ExitStatus {
        let answer = JSONValue.object(
            ("SchemaVersion", .string("0.1.0")), ("Vendor", .string("Bilge")), ("Version", .string(Bilge.version)),
            ("ShortDescription", .string("Show who needs what on the disk, and take out what nobody does")))
        console.out(answer.text + "\n")
        return .done
    }
}
