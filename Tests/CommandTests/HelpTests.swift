// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Testing

@testable import bilge

@Suite("help")
struct HelpTests {
    static let commands: [any Command.Type] = [
        Bilge.self, Df.self, Du.self, Diff.self, ReportCommand.self, Tree.self, List.self, Explain.self, Why.self,
        Scan.self, Doctor.self, Prune.self, Apply.self, Undo.self,
        TrashCommand.self, TrashList.self, TrashEmpty.self, DemoCommand.self, WhyNot.self, KeepAdd.self,
        KeepRemove.self, bilge.KeepList.self, PolicyCommand.self, PolicyCheck.self,
    ]

    @Test("every command lists the exit statuses", arguments: commands.indices)
    func statuses(index: Int) {
        let help = Self.commands[index].helpMessage(columns: 80)
        for status in Status.allCases {
            #expect(help.contains(" \(status.rawValue)  \(status.meaning)\n"), "\(Self.commands[index]): \(status)")
        }
    }

    @Test("examples fit a terminal of eighty columns, and are understood", arguments: commands.indices)
    func examples(index: Int) {
        let lines = Self.commands[index].configuration.discussion.split(separator: "\n")
        for example in lines where example.hasPrefix("  bilge") {
            #expect(example.count < 80, "\(example)")
            let command = example.dropFirst(2).split(separator: "  ", maxSplits: 1).first ?? ""
            let words = command.split(separator: " ").dropFirst().map(String.init)
            #expect(throws: Never.self, "\(command)") { try Bilge.parseAsRoot(words) }
        }
    }

    @Test("statuses are the ones that are promised")
    func values() {
        #expect(Status.allCases.map(\.rawValue) == [0, 1, 3, 4, 5, 6, 11, 64, 70])
    }

    @Test("the manual page has every command and option, and is the one in docs/reference")
    func manual() throws {
        let page = try Manual(json: Bilge._dumpHelp()).text(version: Bilge.version)
        let names = [
            "df", "du", "diff", "report", "tree", "ls", "explain", "why", "scan", "doctor", "prune", "apply", "undo",
            "trash ls", "trash empty", "why\\-not", "keep add", "policy check", "demo",
        ]
        for name in names { #expect(page.contains(".SS \"bilge \(name)"), "\(name)") }
        for option in ["\\-\\-data\\-root", "\\-\\-unsafe\\-count", "\\-\\-grace", "\\-\\-keep\\-files"] {
            #expect(page.contains(option), "\(option)")
        }
        #expect(!page.contains("docker\\-cli\\-plugin"))
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/reference/bilge.1")
        let saved = try String(contentsOf: file, encoding: .utf8)
        #expect(page == saved, "out of date; make it anew: bilge manual-page > docs/reference/bilge.1")
    }
}
