// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

@main struct Bilge: ParsableCommand { static let configuration = CommandConfiguration(commandName: "bilge") }
