// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Measures what goes with an image that is removed for good: the engine does not say how much that was.
final class LayerUsage {
    /// What an image and the layers below it took before it was removed.
    struct Before {
        var parts: [(path: RelativePath, usage: Usage)]
    }

    private let survey: Survey
    private let holders: Holders
    /// By item: a layer that several images share is measured once.
    private var measured: [RelativePath: Usage] = [:]

    init(_ survey: Survey) {
        self.survey = survey
        holders = Holders(survey)
    }

    /// - Parameter id: `sha256:…`.
    func before(removing id: String) -> Before {
        let key = "image " + id.dropFirst("sha256:".count)
        let items = holders.items(of: key)
        let missing = items.filter { measured[$0.item.path] == nil }
        measured.merge(usage(of: missing, in: survey)) { first, _ in first }
        return Before(parts: items.map { ($0.item.path, measured[$0.item.path] ?? Usage()) })
    }

    /// What of it is not there any more. What cannot be looked at is not counted.
    func gone(of before: Before) -> Usage {
        before.parts.reduce(into: Usage()) { sum, part in
            do {
                if try survey.directory.statusIfPresent(part.path) == nil { sum += part.usage }
            } catch {}
        }
    }
}
