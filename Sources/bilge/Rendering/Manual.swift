// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The manual page in the language of man(7), from what the argument parser knows of the command tree.
///
/// Source of the format that is read: swift-argument-parser `ArgumentParserToolInfo/ToolInfo.swift`, version 0.
struct Manual {
    private struct Tool: Decodable {
        var command: Command
    }

    private struct Command: Decodable {
        var commandName: String
        var shouldDisplay: Bool?
        var abstract: String?
        var discussion: String?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }

        var kind: String
        var shouldDisplay: Bool
        var sectionTitle: String?
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var allValues: [String]?
        var abstract: String?
    }

    private let root: Command

    /// - Parameter json: what `--experimental-dump-help` prints.
    init(json: String) throws {
        root = try JSONDecoder().decode(Tool.self, from: Data(json.utf8)).command
    }

    func text(version: String) -> String {
        var lines = [
            ".\\\" Made by `bilge manual-page` from the command tree.",
            ".TH BILGE 1 \"\" \"bilge \(Self.escaped(version))\" \"User Commands\"",
            ".SH NAME", Self.escaped("bilge - " + sentence(root.abstract)), ".SH SYNOPSIS", ".B bilge",
            ".RI [ options ]", ".RI [ command ]", ".SH DESCRIPTION",
        ]
        let (description, sections) = parts(root.discussion ?? "")
        lines += paragraphs(description) + [".SH COMMANDS"]
        for command in root.subcommands ?? [] where command.shouldDisplay ?? true {
            lines += section(command, path: "")
        }
        lines += [".SH OPTIONS", "Every command takes these."]
        lines += (root.arguments ?? []).filter { Self.common.contains($0.sectionTitle ?? "") }.flatMap(item)
        for section in sections {
            lines += [".SH \(Self.escaped(section.title))", ".nf"] + section.lines.map(Self.escaped) + [".fi"]
        }
        lines += [
            ".SH FILES", ".TP", ".I <data root>/.bilge", "What was taken out and can be put back. Gone when empty.",
            ".TP", ".I /etc/bilge/keep", "Names that are never removed, one pattern on each line.",
            ".TP", ".I /etc/bilge/policy.yaml", "The policy of the host.",
            ".TP", ".I /var/lib/bilge",
            "Remembered sizes and saved snapshots; ~/.local/state/bilge of others than root.",
            ".SH SEE ALSO", ".BR docker (1)",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Titles of the options that every command has.
    private static let common = ["Root and engine", "Output"]

    private func section(_ command: Command, path: String) -> [String] {
        let name = path.isEmpty ? command.commandName : path + " " + command.commandName
        let own = (command.arguments ?? []).filter {
            $0.shouldDisplay && !Self.common.contains($0.sectionTitle ?? "")
                && $0.names?.contains { ["help", "version"].contains($0.name) } != true
        }
        let operands = own.filter { $0.kind == "positional" }.map { argument in
            let value = (argument.valueName ?? "") + (argument.isRepeating ? "…" : "")
            return argument.isOptional ? "[\(value)]" : value
        }
        let (description, sections) = parts(command.discussion ?? "")
        var lines = [
            ".SS \"bilge \(Self.escaped(([name] + operands).joined(separator: " ")))\"",
            Self.escaped(command.abstract ?? ""),
        ]
        if !description.isEmpty { lines += [".PP"] + paragraphs(description) }
        lines += own.flatMap(item)
        for section in sections where section.title == "EXAMPLES" {
            lines += [".PP", ".nf"] + section.lines.map(Self.escaped) + [".fi"]
        }
        for child in command.subcommands ?? [] where child.shouldDisplay ?? true {
            lines += self.section(child, path: name)
        }
        return lines
    }

    private func item(_ argument: Argument) -> [String] {
        guard argument.shouldDisplay else { return [] }
        let names = (argument.names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name }
        let value = argument.kind == "option" ? " " + (argument.valueName ?? "value") : ""
        let title = argument.kind == "positional" ? argument.valueName ?? "" : names.joined(separator: ", ") + value
        var text = argument.abstract ?? ""
        let values = argument.allValues ?? []
        if !values.isEmpty { text += " One of: " + values.joined(separator: ", ") + "." }
        if let initial = argument.defaultValue { text += " Default: \(initial)." }
        return [".TP", ".B " + Self.escaped(title), Self.escaped(text)]
    }

    /// Splits the text of a command into its description and the sections below, whose titles are in capitals.
    private func parts(_ text: String) -> (description: String, sections: [(title: String, lines: [String])]) {
        var description: [String] = []
        var sections: [(title: String, lines: [String])] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let isTitle = line.count > 4 && line.allSatisfy { $0.isUppercase || $0 == " " }
            if isTitle {
                sections.append((line, []))
            } else if sections.isEmpty {
                description.append(line)
            } else if !line.isEmpty {
                sections[sections.count - 1].lines.append(line)
            }
        }
        return (description.joined(separator: "\n"), sections)
    }

    private func paragraphs(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.isEmpty ? ".PP" : Self.escaped(String($0))
        }
        .reversed().drop { $0 == ".PP" }.reversed()
    }

    private func sentence(_ text: String?) -> String {
        guard var text, let first = text.first else { return "" }
        text.replaceSubrange(text.startIndex...text.startIndex, with: first.lowercased())
        return text.last == "." ? String(text.dropLast()) : text
    }

    /// A line of text, in which nothing is taken for a request to the formatter.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\e"
            case "-": escaped += "\\-"
            case "…": escaped += "..."
            default: escaped.append(character)
            }
        }
        return escaped.first == "." || escaped.first == "'" ? "\\&" + escaped : escaped
    }
}
