// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
import Model

/// What is about to be moved, and from where: the file `meta` of an item in the trash, written before anything moves.
struct Intent: Codable, Hashable, Sendable {
    /// One entry that moves: `held[k]` becomes `data.k`.
    struct Held: Codable, Hashable, Sendable {
        var path: RelativePath
        var identity: Identity
        /// The directory it was in; it goes back only into the same.
        var parent: Identity
    }

    var run: String
    var sequence: Int
    /// The name of the plan.
    var plan: String
    /// The root that the numbers belong to. A device's number may change when the host restarts, so entries are
    /// compared by "on the device of the root", not by the number.
    var root: Plan.Root
    /// Nanoseconds since 1970, by the clock of the caller.
    var moved: Int64
    var step: Plan.Step
    var held: [Held]
    /// What the engine needs to make it again or to put it back: of a volume, an image or a container.
    var recreate: String?

    var isVolumeOfEngine: Bool { step.action == .removeVolume }

    /// Bytes of the file, checksum first.
    func encoded() -> [UInt8] { Checksum.sealed(JSON.encode(self)) }

    /// - Throws: `Checksum.Unsealed`, or what the decoder says.
    init(_ bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(Intent.self, from: Data(try Checksum.opened(bytes)))
        guard held.isEmpty == isWithEngine, held.allSatisfy({ Intent.isMovable($0.path) }) else {
            throw Checksum.Unsealed.damaged
        }
    }

    init(
        run: String, sequence: Int, plan: String, root: Plan.Root, moved: Timestamp, step: Plan.Step, held: [Held],
        recreate: String?
    ) {
        self.run = run
        self.sequence = sequence
        self.plan = plan
        self.root = root
        self.moved = moved.nanoseconds
        self.step = step
        self.held = held
        self.recreate = recreate
    }

    static let limitBytes = 4 << 20

    /// True for a path that names an entry below the root and outside the trash. Plans come from files too.
    static func isMovable(_ path: RelativePath) -> Bool {
        let components = path.text.split(separator: "/", omittingEmptySubsequences: false)
        return !path.text.isEmpty && components.first != Substring(Trash.name)
            && components.allSatisfy { component in
                let bytes = EntryName.bytes(component)
                return !bytes.isEmpty && bytes.count <= 255 && bytes != [0x2E] && bytes != [0x2E, 0x2E]
                    && !bytes.contains(0) && !bytes.contains(0x2F)
                    // Only one spelling of a name, or two paths could be the same entry.
                    && EntryName.escaped(bytes) == component
            }
    }
}

/// JSON as Bilge writes it to disk: keys sorted, on one line.
enum JSON {
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [0x0A]
        } catch {
            // Only a floating-point number that is none can fail, and our values have no floating-point numbers.
            preconditionFailure("a value of ours cannot be written as JSON: \(error)")
        }
    }
}
