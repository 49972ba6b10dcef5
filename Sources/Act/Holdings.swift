// SPDX-License-Identifier: Apache-2.0

import Disk
package import Model

/// A run that holds something.
package struct HeldRun: Codable, Hashable, Sendable {
    package var run: String
    package var items: [HeldItem]
    package var allocatedBytes: Int64 {
        // What cannot be put back is not held: only the record of it is.
        items.reduce(0) { $0 + ($1.step.undo ? $1.step.freesBytes : 0) }
    }

    package init(run: String, items: [HeldItem]) {
        self.run = run
        self.items = items
    }
}

/// An item in the trash.
package struct HeldItem: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable {
        /// Whole and checked; `undo` puts it back.
        case held
        /// Whole, but the run that took it was cut off before it looked again.
        case unchecked
        /// A run was cut off in the middle; the next one that changes things completes it.
        case unfinished
        /// Its deletion was begun; `undo` is not possible any more.
        case purging
        /// Entries of it are neither here nor at their places.
        case lost
        /// What is there cannot be understood, and is left alone.
        case unclear
    }

    package var sequence: Int
    package var state: State
    /// What more there is to say about the state; empty for most.
    package var note: String
    /// RFC 3339; empty if that cannot be read.
    package var moved: String
    /// As it was in the plan; bytes and inodes are those of that time.
    package var step: Plan.Step
    /// Where the entries are, in the order of their paths before.
    package var held: [RelativePath]

    package init(
        sequence: Int, state: State, note: String, moved: String, step: Plan.Step, held: [RelativePath]
    ) {
        self.sequence = sequence
        self.state = state
        self.note = note
        self.moved = moved
        self.step = step
        self.held = held
    }

    /// What emptying did to an item.
    package struct Line: Codable, Hashable, Sendable {
        package var run: String
        package var sequence: Int
        package var step: Plan.Step
        package var outcome: Receipt.Outcome
        package var reason: String

        package init(
            run: String, sequence: Int, step: Plan.Step, _ outcome: Receipt.Outcome, _ reason: String
        ) {
            self.run = run
            self.sequence = sequence
            self.step = step
            self.outcome = outcome
            self.reason = reason
        }
    }
}

extension Trash {
    /// What is held, oldest run first. Changes nothing.
    package func list() throws(ActError) -> [HeldRun] {
        do {
            var list: [HeldRun] = []
            for run in try runs() {
                let checked = try Checked(folder.directory(RelativePath(run)))
                var items: [HeldItem] = []
                for sequence in try sequences(of: run) {
                    if let item = held(try item(sequence, of: run), checked) { items.append(item) }
                }
                if !items.isEmpty { list.append(HeldRun(run: run, items: items)) }
            }
            return list
        } catch {
            throw ActError(error)
        }
    }

    private func held(_ item: ItemFolder, _ checked: Checked) -> HeldItem? {
        let itemState = state(of: item)
        let (state, note): (HeldItem.State, String) =
            switch itemState {
            case .empty, .home: (.unfinished, "nothing is in it")
            case .held(let intent):
                checked.time(of: item) == nil ? (.unchecked, "") : (.held, isListed(intent) ?? "")
            case .partly: (.unfinished, "moved in part")
            case .withEngine(let intent):
                (
                    .held,
                    intent.step.undo ? "the engine holds it as \(intent.holdName)" : "gone; how it was made is kept"
                )
            case .lost(_, _, let missing): (.lost, missing.map(\.text).joined(separator: ", "))
            case .purging: (.purging, "")
            case .unclear(_, let reason): (.unclear, reason)
            }
        let place = RelativePath(Trash.name) / item.run / item.name
        return HeldItem(
            sequence: item.sequence, state: state, note: note,
            moved: itemState.intent.map { Timestamp(nanoseconds: $0.moved).rfc3339 } ?? "",
            step: itemState.intent?.step ?? Plan.Step.unreadable(item),
            held: itemState.intent?.held.indices.map { place / "data.\($0)" } ?? [place])
    }

    /// A sentence if the engine's part in removing a volume was not done.
    func isListed(_ intent: Intent) -> String? {
        guard intent.isVolumeOfEngine, let volume = intent.held[0].path.parent else { return nil }
        do {
            guard let status = try root.statusIfPresent(volume), isSame(status, intent.held[0].parent) else {
                return nil
            }
            return "the engine still lists the volume, without its data; undo puts it back"
        } catch  where error.isNoFolder {
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension Plan.Step {
    /// Stands for an item whose `meta` cannot be read.
    static func unreadable(_ item: ItemFolder) -> Plan.Step {
        Plan.Step(
            action: .quarantine, kind: "unknown", id: item.name, names: [], paths: [], identities: [], freesBytes: 0,
            inodes: 0, undo: false, why: [])
    }
}
