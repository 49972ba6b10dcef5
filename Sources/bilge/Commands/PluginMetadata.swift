// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What Docker's command line asks every plugin. Source: docker/cli `cli-plugins/metadata/metadata.go`.
struct PluginMetadata: Command {
    static let name = "docker-cli-plugin-metadata"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "What this plugin is, for Docker's command line.", shouldDisplay: false)

    func run(on console: Console) async throws -> ExitStatus {
        let answer = Answer(
            SchemaVersion: "0.1.0", Vendor: "Bilge", Version: Bilge.version,
            ShortDescription: "Show who needs what on the disk, and take out what nobody does")
        console.out(try JSONText.encode(answer) + "\n")
        return .done
    }

    private struct Answer: Encodable {
        var SchemaVersion: String
        var Vendor: String
        var Version: String
        var ShortDescription: String
    }
}
