// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import Model
import Testing

@testable import bilge

@Suite("df, diff and report")
struct AccountCommandTests {
    @Test("what was saved is compared item by item, and listed")
    func growth() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        // What is remembered goes with the screen.
        defer { withExtendedLifetime(screen) {} }
        #expect(try await host.run("diff", on: screen.console()) == .failed, "there is nothing to compare with yet")
        #expect(screen.err.contains("no snapshot"))
        #expect(try await host.run("df", "--save", on: screen.console()) == .done)

        let volume = try #require(
            try FileManager.default.contentsOfDirectory(atPath: host.path + "/volumes").first { $0 != "metadata.db" })
        try Data(repeating: 1, count: 500_000)
            .write(to: URL(fileURLWithPath: host.path + "/volumes/\(volume)/grown"))
        let now = Timestamp(seconds: 1_700_000_000 + 3 * 86_400)
        let later = screen.console(now: now)
        let diff = Screen()
        var console = diff.console(now: now, environment: later.environment)
        #expect(try await host.run("diff", on: console) == .done)
        #expect(diff.out.contains("since 2023-11-14T22:13:20Z (3 days ago)"))
        #expect(diff.outLines.contains { $0.hasPrefix("grown") && $0.contains("+") && $0.contains("volume") })

        let list = Screen()
        console = list.console(now: now, environment: later.environment)
        #expect(try await host.run("diff", "--list", "-q", on: console) == .done)
        #expect(list.outLines == ["2023-11-14T22:13:20Z"])
        #expect(try await host.run("diff", "2023-11-14", "--json", on: console) == .done)
        #expect(try await host.run("diff", "2d", on: console) == .done)
        #expect(try await host.run("diff", "30d", on: console) == .failed)
        #expect(try await host.run("diff", "2022", on: console) == .failed)
    }

    @Test("df without --save keeps no snapshot")
    func keepsNothing() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        let console = screen.console()
        #expect(try await host.run("df", on: console) == .done)
        #expect(try await host.run("diff", "--list", "-q", on: console) == .done)
        #expect(!screen.outLines.contains { $0.hasPrefix("20") })
    }

    @Test("bars fit into the terminal and need no colour", arguments: [60, 80, 132])
    func bars(columns: Int) async throws {
        let host = try SampleHost(.origin)
        let screen = Screen()
        var console = screen.console()
        console.columns = columns
        #expect(try await host.run("df", "--bars", on: console) == .done)
        let bars = screen.outLines.filter { $0.contains("█") && !$0.contains("stays") && !$0.contains(":") }
        #expect(bars.count > 3 && !screen.out.contains("\u{1B}"))
        #expect(bars.allSatisfy { Shown.width($0) <= columns }, "\(bars)")
    }

    @Test("df --inodes counts inodes, and --by has a row for each owner")
    func columns() async throws {
        let host = try SampleHost(.overlay2)
        let screen = Screen()
        #expect(try await host.run("df", "--inodes", on: screen.console()) == .done)
        #expect(screen.out.contains("INODES") && !screen.out.contains("  SIZE"))
        for owner in ["container", "volume", "image", "project", "filesystem"] {
            let screen = Screen()
            #expect(try await host.run("df", "--by", owner, on: screen.console()) == .done)
            #expect(screen.out.contains(owner.uppercased()), "\(screen.out)")
        }
    }

    @Test("a report is one file that fetches nothing, runs nothing, and is never written over")
    func report() async throws {
        let host = try SampleHost(.overlay2)
        let file = host.folder.path + "/report.html"
        let screen = Screen()
        #expect(try await host.run("df", "--save", on: screen.console()) == .done)
        #expect(try await host.run("report", "-o", file, on: screen.console()) == .done)
        let page = try String(contentsOfFile: file, encoding: .utf8)
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("</html>"))
        for forbidden in ["<script", "http:", "https:", "src=", "@import", "url("] {
            #expect(!page.contains(forbidden), "\(forbidden)")
        }
        for heading in ["Where the space is", "By kind", "The ledger of", "Orphans", "What grew", "The largest of each kind"] {
            #expect(page.contains(heading), "\(heading)")
        }
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try await host.run("report", "-o", file, on: screen.console()) == .failed)
    }

    @Test("no name becomes markup, nor anything that a reader would not see")
    func escaping() {
        let name = "<img src=x onerror=\"a('b')\">&\u{202E}\u{1B}[31m"
        let page: HTML = "<p title=\"\(name)\">\(name)</p>"
        let escaped = "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;%E2%80%AE%1B[31m"
        #expect(page.source == "<p title=\"\(escaped)\">\(escaped)</p>")
        let piece: HTML = "<b>\(page)</b>"
        #expect(piece.source == "<b>\(page.source)</b>", "a piece is not escaped a second time")
        let node = SpaceNode(title: name, path: name, bytes: 10)
        let map = TreemapHTML(kinds: [(.images, SpaceNode(title: "Images", bytes: 10, parts: [node]))]).html
        #expect(!map.source.contains("<img") && map.source.contains("&lt;img"))
        #expect(HTML.decimal(-1.005) == "-1.00" || HTML.decimal(-1.005) == "-1.01")
        #expect(HTML.decimal(33.333) == "33.33" && HTML.decimal(0) == "0.00")
    }
}
