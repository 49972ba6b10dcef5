// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

extension Console {
    /// Adds up the whole root, saying so meanwhile.
    func account(of survey: Survey) async throws -> Account {
        try Flow.account(of: survey, await usage(of: survey.items, in: survey))
    }
}

extension DiskAnswer {
    init(_ survey: Survey, _ account: Account, _ output: OutputOptions) {
        let names = Names(survey.items, survey.catalog)
        let around = DiskReport.Surroundings(
            rest: account.rest, ledgers: account.ledgers, unclaimed: account.unclaimed,
            engineBytes: survey.engine.reclaimableImageBytes)
        self.init(
            place: Place(survey), report: DiskReport(survey.items, account.usage, names, around),
            largest: largestOfEachKind(survey.items, account.usage), onTop: account.onTop, unasked: account.unasked,
            problems: survey.problems, isVerbose: output.verbose, isWhole: output.noTrunc)
    }
}

/// The largest items of each row of `df`, in the order of the rows.
func largestOfEachKind(
    _ items: [Judged], _ usage: [RelativePath: Usage], limit: Int = 5
) -> [(entry: Judged, usage: Usage)] {
    var byCategory: [DiskReport.Category: [(entry: Judged, usage: Usage)]] = [:]
    for entry in items {
        guard let usage = usage[entry.item.path], usage.allocatedBytes > 0 else { continue }
        byCategory[DiskReport.Category(entry), default: []].append((entry, usage))
    }
    return DiskReport.Category.allCases.flatMap { category in
        (byCategory[category] ?? []).sorted {
            ($1.usage.allocatedBytes, $0.entry.item.path) < ($0.usage.allocatedBytes, $1.entry.item.path)
        }.prefix(limit)
    }
}

/// The rows of `df --by`, for all but `kind`.
func spaceRows(_ by: Df.Owner, _ survey: Survey, _ account: Account) -> [OwnedSpace] {
    let space = SpaceByOwner(survey.items, account.usage, survey.catalog, survey.reach)
    return switch by {
    case .image: space.images()
    case .container: space.containers()
    case .volume: space.volumes()
    case .project: space.projects()
    case .kind: []
    case .filesystem:
        account.ledgers.map { ledger in
            OwnedSpace(
                name: "\(ledger.facts.type) at \(Shown.text(ledger.facts.point))",
                items: ledger.items, usage: ledger.below,
                unique: ledger.below)
        }
    }
}
