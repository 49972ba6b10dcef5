// SPDX-License-Identifier: Apache-2.0

import Disk
import Logging
import Model

/// Steps that the engine carries out.
extension Execution {
    /// Has the engine hold an image. The intent is durable before the first name changes, so that whoever comes after a
    /// run that was cut off finds the image by its name in the trash.
    func holdImage(_ step: Plan.Step, _ index: Int, _ time: Timestamp) async throws(ActError) {
        guard let hands else { return note(index, .skipped, "only the engine can remove it, and was not asked") }
        let description: String
        do { description = try await hands.images.describe(step) } catch { return note(index, .skipped, "\(error)") }
        guard let (item, intent) = try await begin(step, index, time, description) else { return }
        do {
            if let refusal = try await hands.images.hold(description, intent.holdName) {
                note(index, .skipped, refusal)
                return dropped(item)
            }
            done(item, intent, index, time)
        } catch {
            note(
                index, .failed,
                "the engine did not say whether it holds the image (\(error)); the next command that writes settles it")
        }
    }

    /// Has the engine remove what cannot be held. Of a container the trash keeps how it was made.
    func remove(_ step: Plan.Step, _ index: Int, _ time: Timestamp) async throws(ActError) {
        guard let hands else { return note(index, .skipped, "only the engine can remove it, and was not asked") }
        let description: String?
        do { description = try await hands.removals.describe(step) } catch { return note(index, .skipped, "\(error)") }
        var begun: (item: ItemFolder, intent: Intent)?
        if let description {
            begun = try await begin(step, index, time, description)
            guard begun != nil else { return }
        }
        do {
            switch try await hands.removals.remove(step) {
            case .removed:
                if let begun { done(begun.item, begun.intent, index, time) } else { note(index, .done) }
            case .gone:
                note(index, .skipped, "gone already")
                if let begun { dropped(begun.item) }
            case .refused(let reason):
                note(index, .skipped, reason)
                if let begun { dropped(begun.item) }
            }
        } catch {
            note(index, .failed, "the engine did not say whether it removed it: \(error)")
        }
    }

    /// Writes the intent; `nil` if it could not, which is noted.
    private func begin(
        _ step: Plan.Step, _ index: Int, _ time: Timestamp, _ description: String
    ) async throws(ActError) -> (item: ItemFolder, intent: Intent)? {
        do {
            if run.isEmpty { run = try trash.makeRun(time, plan: plan.plan) }
            let intent = Intent(
                run: run, sequence: index + 1, plan: plan.plan,
                root: Plan.Root(
                    path: trash.root.path, device: trash.rootStatus.device, inode: trash.rootStatus.inode),
                moved: time, step: step, held: [], recreate: description)
            guard intent.encoded().count <= Intent.limitBytes else {
                note(index, .skipped, "too much to write down about it")
                return nil
            }
            return (try trash.write(intent), intent)
        } catch {
            try failed(index, error)
            return nil
        }
    }

    /// A run that cannot write its log does not go on, and does not say that all is well.
    private func done(_ item: ItemFolder, _ intent: Intent, _ index: Int, _ time: Timestamp) {
        let isHeld = intent.step.undo
        let line = AuditLine(.held, intent.step, of: item, at: time, why: intent.step.why, approver: approver)
        do {
            try trash.audit([line])
            note(index, .done, isHeld: isHeld)
        } catch {
            end = "\(error)"
            let state = isHeld ? "the engine holds it, and `bilge undo \(run)` puts it back" : "it is removed"
            note(index, .failed, "\(state); but that could not be written down: \(error)", isHeld: isHeld)
        }
    }

    private func dropped(_ item: ItemFolder) {
        // An intent that nothing came of is dropped by the next command, too.
        do { try trash.drop(item) } catch {
            logger.notice("intent left", metadata: ["error": "\(error)", "item": "\(item.name)"])
        }
    }
}
