// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// A page about a host: one file, without scripts and without anything that would have to be fetched.
struct HostReport {
    var survey: Survey
    var account: Account
    var now: Timestamp
    /// What grew since the latest snapshot, if there is one.
    var growth: (since: Snapshot, growth: Growth)?

    let report: DiskReport
    let tree: SpaceTree
    /// Rows of a list that can be long.
    static let limit = 200

    init(_ survey: Survey, _ account: Account, now: Timestamp, growth: (since: Snapshot, growth: Growth)? = nil) {
        self.survey = survey
        self.account = account
        self.now = now
        self.growth = growth
        tree = SpaceTree(survey, account)
        let around = DiskReport.Surroundings(
            rest: account.rest, ledgers: account.ledgers, unclaimed: account.unclaimed,
            engineBytes: survey.engine.reclaimableImageBytes)
        report = DiskReport(survey.items, account.usage, tree.names, around)
    }

    var html: HTML {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>What \(Shown.text(survey.root.path)) holds</title>
        \(PageStyle.css)
        </head>
        <body>
        <main>
        \(header)
        \(cards)
        \(problems)
        \(HTML(account.ledgers.map(bar)))
        \(picture)
        \(kinds)
        \(HTML(account.ledgers.map(ledger)))
        \(deleted)
        \(orphans)
        \(growers)
        \(largest)
        <footer>Made by bilge \(Bilge.version) on \(now.rfc3339), which changed nothing. Sizes are blocks on the disk; \
        GB is 10⁹ bytes. A file with two names counts once.</footer>
        </main>
        </body>
        </html>

        """
    }
}

// MARK: - The top of the page

extension HostReport {
    private var header: HTML {
        let place = Place(survey).lines(Style(isColoured: false))
        return """
            <header>
            <h1>What \(Shown.text(survey.root.path)) holds</h1>
            \(HTML(place.map { "<p class=\"soft\">\($0)</p>" }))
            </header>
            """
    }

    private var cards: HTML {
        let orphans = report.rows.first { $0.category == .orphans }
        let full = account.ledgers.first.map { percent($0.facts.usedBytes, of: $0.facts.totalBytes) } ?? "–"
        let type = account.ledgers.first?.facts.type ?? ""
        let size = account.ledgers.first.map { ByteCount($0.facts.totalBytes).text } ?? ""
        let (whole, orphaned) = (report.total, orphans?.usage.allocatedBytes ?? 0)
        let cards = [
            card("Below this root", ByteCount(whole.allocatedBytes).text, "\(Shown.count(whole.inodes)) inodes"),
            card("Could be had back", ByteCount(report.freeableBytes).text, "what nobody needs; no named volumes"),
            card("Orphans", Shown.count(Int64(orphans?.items ?? 0)), ByteCount(orphaned).text),
            card("File system full", full, "\(type) of \(size)"),
        ]
        return "<dl class=\"cards\">\(HTML(cards))</dl>"
    }

    private func card(_ title: String, _ value: String, _ detail: String) -> HTML {
        "<div><dt>\(title)</dt><dd>\(value)</dd><dd>\(detail)</dd></div>"
    }

    private var problems: HTML {
        guard !survey.problems.isEmpty else { return "" }
        let items = survey.problems.prefix(20).map { problem in
            "<li><code>\(Shown.text(problem.path))</code>: \(problem.reason)</li>" as HTML
        }
        return """
            <section class="warn" aria-labelledby="problems">
            <h2 id="problems">What could not be read</h2>
            <p>What it may hide stays unknown, and unknown is never touched: \
            \(Shown.count(survey.problems.count, "problem")).</p>
            <ul>\(HTML(items))</ul>
            </section>
            """
    }

    /// All of a file system in one line.
    private func bar(_ ledger: Ledger) -> HTML {
        let facts = ledger.facts
        guard facts.totalBytes > 0 else { return "" }
        func span(_ css: String, _ bytes: Int64, _ title: String) -> HTML {
            guard bytes > 0 else { return "" }
            let share = HTML.decimal(Double(bytes) * 100 / Double(facts.totalBytes))
            let size = ByteCount(bytes).text
            return "<span class=\"\(css)\" style=\"width:\(share)%\" title=\"\(title): \(size)\"></span>"
        }
        let isWhole = account.ledgers.count == 1
        let rows = isWhole ? report.rows.sorted { $0.usage.allocatedBytes > $1.usage.allocatedBytes } : []
        let below =
            isWhole
            ? rows.map { span($0.category.cssClass, $0.usage.allocatedBytes, $0.category.title) }
            : [span("c-images", ledger.below.allocatedBytes, "Below this root")]
        let legend = rows.filter { $0.usage.allocatedBytes > 0 }.map { row in
            let size = ByteCount(row.usage.allocatedBytes).text
            return "<li class=\"\(row.category.cssClass)\">\(row.category.title) \(size)</li>" as HTML
        }
        let other = max(0, ledger.other.allocatedBytes)
        let room = ByteCount(facts.freeBytes).text
        return """
            <section aria-label="The \(facts.type) at \(Shown.text(facts.point))">
            <h2>The \(facts.type) at <code>\(Shown.text(facts.point))</code></h2>
            <p>\(ByteCount(facts.totalBytes).text), of which \(ByteCount(facts.usedBytes).text) are used \
            and \(room) are free.</p>
            <div class="bar" aria-hidden="true">\(HTML(below))\
            \(span("gone", ledger.deleted.allocatedBytes, "Deleted, still open"))\
            \(span("other", other, "Other data"))</div>
            <ul class="legend">\(HTML(legend))<li class="other">Other data \(ByteCount(other).text)</li>\
            <li class="room">Free \(room)</li></ul>
            </section>
            """
    }

    private var picture: HTML {
        """
        <section aria-labelledby="map">
        <h2 id="map">Where the space is</h2>
        <figure role="group" aria-labelledby="map-caption">
        \(TreemapHTML(kinds: tree.kinds()).html)
        <figcaption id="map-caption">An area is as large as what it takes: kinds, in them images, containers and \
        volumes, in them layers. Striped: could be had back. The tables below say the same in numbers.</figcaption>
        </figure>
        </section>
        """
    }

    func percent(_ part: Int64, of whole: Int64) -> String {
        guard whole > 0 else { return "–" }
        return "\(Int((Double(part) * 100 / Double(whole)).rounded())) %"
    }
}
