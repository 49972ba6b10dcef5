// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model

@testable import Act
@testable import Engine
@testable import Observe

/// Text and records: what engines, the kernel and earlier runs of Bilge wrote, and what may be left of it.
enum RecordFuzz {
    /// Documents of engines of every era; each document is read as each kind.
    static func json(_ bytes: [UInt8]) {
        for read in [
            { _ = try decodeJSON(ContainerDocument.self, $0) }, { _ = try decodeJSON(HostConfigDocument.self, $0) },
            { _ = try decodeJSON(RepositoriesDocument.self, $0) },
        ] as [([UInt8]) throws -> Void] {
            do { try read(bytes) } catch {}
        }
        // What is accepted holds no more values than bytes, each within the text.
        do {
            let text = try JSONText(bytes)
            for node in text.nodes {
                precondition(
                    node.start >= 0 && node.start <= node.end && Int(node.end) <= bytes.count, "a value outside")
                precondition(Int(node.next) <= text.nodes.count, "a value that follows none")
            }
        } catch {}
    }

    /// The answers of an engine.
    static func engine(_ bytes: [UInt8]) {
        for read in [
            { _ = try JSONDecoder().decode([EngineContainer].self, from: $0) },
            { _ = try JSONDecoder().decode(EngineContainerDetail.self, from: $0) },
            { _ = try JSONDecoder().decode(EngineVolume.self, from: $0) },
        ] as [(Data) throws -> Void] {
            do { try read(Data(bytes)) } catch {}
        }
    }

    /// One mount for each line that is not empty, or a refusal of all.
    static func mountinfo(_ bytes: [UInt8]) {
        do {
            let mounts = try Mount.parse(bytes)
            precondition(mounts.count == bytes.split(separator: 0x0A).count, "a mount is missing")
        } catch {}
    }

    /// The record of an item in the trash. Half of the inputs get the right checksum: no mutation would ever find one.
    static func intent(_ bytes: [UInt8]) {
        let payload = bytes.firstIndex(of: 0x0A).map { Array(bytes[($0 + 1)...]) } ?? bytes
        do {
            let intent = try Intent(bytes.count % 2 == 0 ? Checksum.sealed(payload) : bytes)
            precondition(intent.held.allSatisfy { Intent.isMovable($0.path) }, "it would move what it may not")
            let again = try Intent(intent.encoded())
            precondition(again == intent, "it does not come back as it was written")
        } catch {}
    }

    /// The log of a trash: every line is an entry, or is named.
    static func audit(_ bytes: [UInt8]) {
        let history = AuditHistory(bytes)
        let lines = bytes.split(separator: 0x0A).count
        precondition(history.entries.count + history.unfinished.count == lines, "a line is missing")
    }

    /// A plan in a person's file.
    static func plan(_ bytes: [UInt8]) {
        do { _ = try JSONDecoder().decode(Plan.self, from: Data(bytes)) } catch {}
    }
}
