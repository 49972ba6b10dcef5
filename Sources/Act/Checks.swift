// SPDX-License-Identifier: Apache-2.0

package import Model

/// Who is asked whether a step is still right. Both answer `nil` for "everybody still denies it", or say who needs it now.
package struct Checks {
    /// Asked right before the entries of a step move, when its intent is on the disk already.
    package var before: (Plan.Step) async throws -> String?
    /// Asked after they moved, for up to 64 steps at once, one answer for each. The entries are not at their places
    /// then: the question is whether anybody who was asked for them since would have got them.
    package var after: ([Plan.Step]) async throws -> [String?]

    package init(
        before: @escaping (Plan.Step) async throws -> String?,
        after: @escaping ([Plan.Step]) async throws -> [String?]
    ) {
        self.before = before
        self.after = after
    }

    /// The same question before and after.
    package init(_ recheck: @escaping (Plan.Step) async throws -> String?) {
        self.init(before: recheck) { steps in
            var answers: [String?] = []
            for step in steps { answers.append(try await recheck(step)) }
            return answers
        }
    }

    /// An answer for every step, whatever happens: who cannot be asked has not denied.
    func answers(after steps: [Plan.Step]) async -> [String?] {
        do {
            let answers = try await after(steps)
            if answers.count == steps.count { return answers }
            return steps.map { _ in "it could not be checked after the move" }
        } catch {
            return steps.map { _ in "it could not be checked after the move: \(error)" }
        }
    }
}

/// The engine's part in removing a volume that it lists: the data is held in the trash, the name is the engine's.
package struct VolumeEngine {
    /// Everything `create` needs to make the volume again; asked before anything moves.
    package var describe: (Plan.Step) async throws -> String
    /// Removes the volume. Returns why the engine refused, `nil` if it did it; throws only if nobody knows.
    package var remove: (Plan.Step) async throws -> String?
    /// Makes the volume again, empty, from its description.
    package var create: (Plan.Step, String) async throws -> Void

    package init(
        describe: @escaping (Plan.Step) async throws -> String, remove: @escaping (Plan.Step) async throws -> String?,
        create: @escaping (Plan.Step, String) async throws -> Void
    ) {
        self.describe = describe
        self.remove = remove
        self.create = create
    }
}
