// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
package import Disk
import Logging
package import Model
import Observe

/// What measuring items found out.
package struct MeasuredItems: Sendable {
    /// The space that each item takes, by its path. What a nested item owns is not counted in its parent.
    package var usage: [RelativePath: Usage]
    /// What could not be looked at; its sums are those of the items that were measured now.
    package var measurement: Measurement
    /// How many items were not looked at, since what they take is remembered.
    package var remembered: Int
}

/// Measures items. What committed layers take is remembered from run to run, unless the request was to be exact.
///
/// - Parameter progress: is told after each directory.
package func measure(_ items: [Judged], in survey: Survey, progress: MeasureProgress? = nil) -> MeasuredItems {
    ItemMeasuring(items, survey, progress).measured()
}

/// Returns the space that each item takes, by its path. What a nested item owns is not counted in its parent.
package func usage(of items: [Judged], in survey: Survey) -> [RelativePath: Usage] {
    measure(items, in: survey).usage
}

/// Where what was measured is remembered, and for whom.
struct Remembering: Sendable {
    /// An absolute path; `nil` if there is no place for it.
    var path: String?
    var caller: UInt32
    /// Measure everything anew, and remember that.
    var isExact: Bool
    /// Believe what is remembered, and remember nothing new.
    var isDryRun: Bool
    var now: Timestamp

    init(_ request: Request) {
        path = StateDirectory.path(caller: request.caller, environment: request.environment)
        caller = request.caller
        isExact = request.exact
        isDryRun = request.isDryRun
        now = request.now
    }
}

private let logger = Logger(label: "bilge")

/// One measuring of items.
private struct ItemMeasuring {
    let items: [Judged]
    let survey: Survey
    let progress: MeasureProgress?
    let nested: Set<RelativePath>
    /// The marks of each item, by its index, that is such a layer as may be remembered.
    var marks: [Int: String] = [:]

    init(_ items: [Judged], _ survey: Survey, _ progress: MeasureProgress?) {
        self.items = items
        self.progress = progress
        self.survey = survey
        nested = items.isEmpty ? [] : nestedPaths(items, all: survey.items)
        if survey.remembering.path != nil, !items.isEmpty {
            marks = CommittedLayers(survey, nested: nested).marks(of: items.map(\.item))
        }
    }

    func measured() -> MeasuredItems {
        guard !marks.isEmpty, let loaded = load() else { return answer(measure(without: []), [:]) }
        var memory = loaded
        let sample = Set(survey.remembering.isExact ? [] : memory.sample)
        memory.runs += 1
        let known = survey.remembering.isExact ? [:] : known(memory)
        let believed = known.filter { !sample.contains(items[$0.key].item.path) }
        var measurement = measure(without: Set(believed.keys))
        var kept = believed
        if let reason = doubt(measurement, known, believed, memory) {
            logger.info("what was remembered is measured anew", metadata: ["reason": "\(reason)"])
            memory.layers = [:]
            measurement = measure(without: [])
            kept = [:]
        }
        remember(measurement, except: kept, in: &memory)
        save(memory)
        return answer(measurement, kept)
    }

    private func measure(without believed: Set<Int>) -> Measurement {
        let groups = items.indices.map { index in
            let item = items[index].item
            // A lease is a record in a database, which is measured with that.
            return believed.contains(index) || item.path.isAbsolute || item.thing == .lease ? [] : item.paths
        }
        return measurement(
            in: survey.directory, groups: groups, excluding: nested.filter { !$0.isAbsolute },
            progress: progress)
    }

    /// What lies in roots of containerd outside the data root.
    private func outside() -> [RelativePath: Usage] {
        var usage: [RelativePath: Usage] = [:]
        for root in survey.stores {
            guard let store = root.outside?.store, let directory = store.directory else { continue }
            let inner = store.inside(items.map(\.item).filter { $0.thing != .lease })
            let usages = Disk.measure(
                in: directory, groups: inner.map(\.paths),
                excluding: Set(nested.filter { store.base.contains($0) }.map { store.inside($0) }))
            for (item, bytes) in zip(inner, usages) { usage[store.outside(item.path)] = bytes }
        }
        return usage
    }

    private func answer(_ measurement: Measurement, _ believed: [Int: Usage]) -> MeasuredItems {
        var usage = outside()
        for (index, entry) in items.enumerated() {
            usage[entry.item.path] = usage[entry.item.path] ?? believed[index] ?? measurement.usages[index]
        }
        return MeasuredItems(usage: usage, measurement: measurement, remembered: believed.count)
    }

    /// What is remembered of layers that are the same as they were.
    private func known(_ memory: RememberedUsage) -> [Int: Usage] {
        var known: [Int: Usage] = [:]
        for (index, marks) in marks {
            if let layer = memory.layers[items[index].item.path], layer.marks == marks { known[index] = layer.usage }
        }
        return known
    }

    /// Why what is remembered cannot be trusted; `nil` if it can.
    private func doubt(
        _ measurement: Measurement, _ known: [Int: Usage], _ believed: [Int: Usage], _ memory: RememberedUsage
    ) -> String? {
        for (index, usage) in known where believed[index] == nil && measurement.usages[index] != usage {
            return "\(items[index].item.path) takes another size than was remembered"
        }
        // A file's further names may be in a layer that nobody looked at, which then was measured with it.
        if !believed.isEmpty, measurement.strays != 0, !isOfAll || measurement.strays != memory.strays {
            return "files have names elsewhere that were not seen before"
        }
        return nil
    }

    private var isOfAll: Bool { items.count == survey.items.count }

    private func remember(
        _ measurement: Measurement, except believed: [Int: Usage], in memory: inout RememberedUsage
    ) {
        for (index, marks) in marks where believed[index] == nil {
            let path = items[index].item.path
            memory.layers[path] =
                measurement.isSelfContained[index]
                ? RememberedUsage.Layer(marks: marks, usage: measurement.usages[index]) : nil
        }
        guard isOfAll else { return }
        if believed.isEmpty { memory.strays = measurement.strays }
        let present = Set(marks.keys.map { items[$0].item.path })
        memory.layers = memory.layers.filter { present.contains($0.key) }
    }

    /// `nil` if nothing can be remembered here; why is no matter for who only wants to know a size.
    private func load() -> RememberedUsage? {
        guard let path = survey.remembering.path else { return nil }
        do {
            let root = try survey.directory.status()
            let caller = survey.remembering.caller
            guard let state = try StateDirectory.forReading(at: path, caller: caller) else {
                return RememberedUsage(root: root)
            }
            var isDamaged = false
            let memory = try RememberedUsage.load(survey.root.path, root, from: state, isDamaged: &isDamaged)
            if isDamaged {
                logger.info("what was remembered is not whole, and is ignored", metadata: ["directory": "\(path)"])
            }
            return memory
        } catch {
            logger.info("nothing is remembered", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private func save(_ memory: RememberedUsage) {
        guard let path = survey.remembering.path, !survey.remembering.isDryRun, !memory.layers.isEmpty else { return }
        do {
            let state = try StateDirectory.forChanges(at: path, caller: survey.remembering.caller)
            try memory.save(survey.root.path, to: state)
        } catch {
            logger.info("what was measured is not remembered", metadata: ["reason": "\(error)"])
        }
    }
}

/// Paths of other items that lie inside those of `items`.
private func nestedPaths(_ items: [Judged], all: [Judged]) -> Set<RelativePath> {
    let owned = Set(items.flatMap(\.item.paths))
    var nested: Set<RelativePath> = []
    for path in all.flatMap(\.item.paths) {
        var parent = path.parent
        while let directory = parent, !directory.text.isEmpty {
            if owned.contains(directory) {
                nested.insert(path)
                break
            }
            parent = directory.parent
        }
    }
    return nested
}
