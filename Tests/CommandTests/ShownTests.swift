// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Testing

@testable import bilge

@Suite("text on a terminal")
struct ShownTests {
    @Test("a name that is text is shown as such, another one with its bytes spelled out")
    func names() {
        #expect(Shown.text("plain-name") == "plain-name")
        #expect(Shown.text("caf%C3%A9") == "café")
        #expect(Shown.text("50%25") == "50%")
        #expect(Shown.text("%FF%FE") == "%FF%FE")
    }

    @Test("no command to the terminal comes through, whichever way it is written")
    func commands() {
        let attacks = [
            "\u{1B}[2J", "\u{9B}2J", "\u{7F}", "\r", "\u{202E}gpj.exe", "\u{2066}", "\u{200B}", "\u{2028}", "\u{E000}",
        ]
        for attack in attacks {
            let escaped = EntryName.escaped(text: "a" + attack)
            #expect(Shown.text(escaped) == escaped)
            let raw = Shown.raw("a" + attack)
            #expect(raw.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "\(attack.debugDescription)")
        }
    }

    @Test("JSON escapes what terminals listen to, and says the same")
    func json() throws {
        let attack = "a\u{9B}b\u{7F}c\u{202E}d\u{1B}é\\\"\n"
        for text in [try JSONText.encode([attack]), JSONValue.strings([attack]).text] {
            #expect(try JSONDecoder().decode([String].self, from: Data(text.utf8)) == [attack])
            #expect(!text.unicodeScalars.contains { ["\u{9B}", "\u{7F}", "\u{202E}", "\u{1B}"].contains($0) })
            #expect(
                text.contains("\\u009b") && text.contains("\\u007f") && text.contains("\\u202e") && text.contains("é"))
        }
    }

    @Test("cells line up whatever letters are in them")
    func table() {
        var table = Table([.left("NAME"), .right("SIZE"), .left("NOTE")])
        table.add(["日本", "1 B", ""])
        table.add(["plain", "1000 B", "x"])
        let expected = ["NAME      SIZE   NOTE", "日本       1 B", "plain   1000 B   x"]
        #expect(table.lines(Style(isColoured: false)) == expected)
    }

    @Test("colour goes around a line, and one in a name is spelled out")
    func colour() {
        var table = Table([.left("A"), .left("B")])
        table.add(["\u{1B}[31mred", "x"], .yellow)
        let lines = table.lines(Style(isColoured: true))
        #expect(lines == ["\u{1B}[1mA            B\u{1B}[0m", "\u{1B}[33m%1B[31mred   x\u{1B}[0m"])
    }

    @Test("ids are cut to twelve digits, and keep what stands behind them")
    func ids() {
        let id = String(repeating: "0123456789abcdef", count: 4)
        #expect(Shown.short(id: id) == "0123456789ab")
        #expect(Shown.short(id: id, whole: true) == id)
        #expect(Shown.short(RelativePath("aufs/diff/\(id)-init")) == "aufs/diff/0123456789ab…-init")
        #expect(Shown.short(RelativePath("volumes/data")) == "volumes/data")
    }

    @Test("numbers are grouped", arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
    func counts(number: Int64, text: String) { #expect(Shown.count(number) == text) }
}
