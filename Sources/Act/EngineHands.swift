// SPDX-License-Identifier: Apache-2.0

package import Model

/// The engine's part in what only the engine may remove; it comes in as functions, as `Checks` do.
package struct EngineHands {
    package var images: ImageEngine
    package var removals: RemovalEngine

    package init(images: ImageEngine, removals: RemovalEngine) {
        self.images = images
        self.removals = removals
    }
}

/// Holding an image under a name of the trash, `bilge-trash/<run>:<item>`: where it is follows from the engine's names.
package struct ImageEngine {
    /// What the engine says about an image that is or was held.
    package enum State: Hashable, Sendable {
        /// No image has the name of the trash: never held, or put back, or gone.
        case absent
        /// The image has the name of the trash, and none of its own.
        case held
        /// It has both: holding was cut off, or somebody gave it one of its names again.
        case partly
        /// The name of the trash is another image's.
        case foreign
    }

    /// What the other functions need to know, asked before anything changes.
    ///
    /// - Throws: a reason why the image must stay.
    package var describe: (Plan.Step) async throws -> String
    /// Gives the image the name of the trash, then takes its own. Returns why it did not, with everything as it was.
    package var hold: (_ description: String, _ name: String) async throws -> String?
    package var state: (_ description: String, _ name: String) async throws -> State
    /// Gives the image its own names back, then takes the name of the trash. Returns why it did not.
    package var putBack: (_ description: String, _ name: String) async throws -> String?
    /// Removes the image for good. Returns what was freed, or why it was not removed.
    package var release: (_ description: String, _ name: String) async throws -> (freed: Usage, obstacle: String?)

    package init(
        describe: @escaping (Plan.Step) async throws -> String,
        hold: @escaping (_ description: String, _ name: String) async throws -> String?,
        state: @escaping (_ description: String, _ name: String) async throws -> State,
        putBack: @escaping (_ description: String, _ name: String) async throws -> String?,
        release: @escaping (_ description: String, _ name: String) async throws -> (freed: Usage, obstacle: String?)
    ) {
        self.describe = describe
        self.hold = hold
        self.state = state
        self.putBack = putBack
        self.release = release
    }
}

/// Removing what cannot be held: containers and records of the build cache.
package struct RemovalEngine {
    package enum Answer: Hashable, Sendable {
        case removed
        /// It was gone already.
        case gone
        /// The engine kept it.
        case refused(String)
    }

    /// What a person needs to make it again; `nil` if nothing would help.
    ///
    /// - Throws: a reason why it must stay.
    package var describe: (Plan.Step) async throws -> String?
    package var remove: (Plan.Step) async throws -> Answer
    /// True if the engine has it; asked when an answer got lost.
    package var exists: (Plan.Step) async throws -> Bool

    package init(
        describe: @escaping (Plan.Step) async throws -> String?,
        remove: @escaping (Plan.Step) async throws -> Answer,
        exists: @escaping (Plan.Step) async throws -> Bool
    ) {
        self.describe = describe
        self.remove = remove
        self.exists = exists
    }
}

extension Intent {
    /// Nothing of it lies in the trash: an image that the engine holds, or the record of a container that is gone.
    var isWithEngine: Bool {
        switch step.action {
        case .removeImage, .removeContainer: true
        case .quarantine, .untagImage, .removeVolume, .removeCache, .trimLog: false
        }
    }

    /// The name that the engine holds the image under.
    var holdName: String { "\(Trash.imageRepository)/\(run):\(ItemFolder.name(sequence))" }
}

extension Trash {
    /// The repository of images that are held; no registry has such a name, so nothing is ever pushed there.
    package static let imageRepository = "bilge-trash"
}
