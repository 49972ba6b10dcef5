// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Prints the manual page, made from the command tree: `bilge manual-page > bilge.1`.
struct ManualPage: Command {
    static let configuration = CommandConfiguration(
        commandName: "manual-page", abstract: "The manual page, for man(1).", shouldDisplay: false)

    func run(on console: Console) async throws -> ExitStatus {
        console.out(try Manual(json: Bilge._dumpHelp()).text(version: Bilge.version))
        return .done
    }
}
