// SPDX-License-Identifier: Apache-2.0

import Act
import Disk
import Engine
import FoundationEssentials
import Model
import Observe

/// The engine's part in removing volumes of `root`, and in making them again.
///
/// Nothing is asked before the first volume. Each question goes to an engine that has just been proven to work on this very
/// root: between two of them it may have been stopped, or another one started.
func volumeEngine(_ request: Request, of root: DataRoot) -> VolumeEngine {
    let volumes = RootVolumes(engine: RootEngine(request: request, root: root), root: root)
    return VolumeEngine(
        describe: { try await volumes.describe($0) }, remove: { try await volumes.remove($0) },
        create: { try await volumes.create($0, $1) })
}

/// What makes a volume again, as it is kept in the trash.
private struct VolumeDescription: Codable {
    var name: String
    var driver: String
    var labels: [String: String]
}

/// The volumes of one root, as its engine has them.
private struct RootVolumes {
    let engine: RootEngine
    let root: DataRoot

    /// - Throws: `FlowError` for a volume that could not be made again as it is, or whose data is not in this root.
    func describe(_ step: Plan.Step) async throws -> String {
        let name = try name(of: step)
        let volume = try await engine.asking { try await $0.volume(name) }
        if let obstacle = obstacle(to: volume) { throw FlowError(.refused, obstacle) }
        let description = VolumeDescription(name: name, driver: volume.driver, labels: volume.labels)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(description), as: UTF8.self)
    }

    /// Returns a reason only if the volume is where it was; throws if that cannot be said.
    func remove(_ step: Plan.Step) async throws -> String? {
        let name = try name(of: step)
        var isAsked = false
        do {
            try await engine.asking { client in
                isAsked = true
                try await client.removeVolume(name)
            }
            return nil
        } catch  where !isAsked {
            return "\(error)"
        } catch let error as EngineError {
            if Self.isUnheard(error) { return "\(error)" }
            if error.code == .notFound { return nil }
            // The engine may have failed after it took the directory away.
            guard error.code == .refused, try root.directory.statusIfPresent(step.paths[0]) != nil else { throw error }
            return error.detail
        }
    }

    func create(_ step: Plan.Step, _ description: String) async throws {
        let wanted = try JSONDecoder().decode(VolumeDescription.self, from: Data(description.utf8))
        guard try wanted.name == name(of: step), wanted.driver == "local" else {
            throw FlowError(.refused, "its description is that of another volume")
        }
        let made = try await engine.asking { client in
            try await client.createVolume(wanted.name, driver: wanted.driver, labels: wanted.labels)
        }
        // An engine that has a volume of this name answers with that one.
        let isAsWanted = wanted.labels.allSatisfy { made.labels[$0.key] == $0.value }
        guard obstacle(to: made) == nil, isAsWanted else {
            throw FlowError(.refused, "the engine has another volume of this name")
        }
    }

    /// True if the engine cannot have heard what was asked of it: the connection for it was never made.
    private static func isUnheard(_ error: EngineError) -> Bool {
        error.endpoint == "/version" || [.nobodyThere, .cannotConnect, .engineChanged].contains(error.code)
    }

    /// The volume that a step removes.
    ///
    /// - Throws: `FlowError` for names that no engine makes a volume of, though it may list a directory that is called so:
    ///   two or more of `[a-zA-Z0-9_.-]`, the first a letter or digit, and so never escaped. Source: moby
    ///   `daemon/names/names.go`; `volume/local/local.go`, `validateName`.
    private func name(of step: Plan.Step) throws -> String {
        let components = step.paths.first?.components ?? []
        guard step.action == .removeVolume, step.paths.count == 1, components.count == 2, components[0] == "volumes"
        else { throw FlowError(.refused, "only a directory below `volumes` is a volume of the engine") }
        let name = String(components[1])
        let isAllowed = name.allSatisfy { Self.isAlphanumeric($0) || "_.-".contains($0) }
        guard name.count > 1, isAllowed, name.first.map(Self.isAlphanumeric) == true else {
            throw FlowError(.refused, "no engine would make a volume called \(name) again")
        }
        return name
    }

    private static func isAlphanumeric(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isWholeNumber)
    }

    /// Why a volume is not simply a directory of this root.
    private func obstacle(to volume: EngineVolume) -> String? {
        if volume.driver != "local" { return "its driver is \(EntryName.escaped(text: volume.driver)), not local" }
        if !volume.options.isEmpty { return "it has mount options: its data is elsewhere" }
        if !["", "local"].contains(volume.scope) { return "its scope is \(EntryName.escaped(text: volume.scope))" }
        guard volume.mountpoint.hasSuffix("/volumes/\(volume.name)/_data") else {
            return "its data is in \(EntryName.escaped(text: volume.mountpoint))"
        }
        return nil
    }
}
