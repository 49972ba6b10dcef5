// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Demo
import Disk
import Foundation
import Model
import Synchronization
import SystemPackage
import TestSupport

@testable import bilge

/// A world for commands that remembers what they print.
final class Screen: Sendable {
    private let texts = Mutex((out: "", err: "", questions: [String]()))
    /// What the commands remember: gone with the screen.
    let state = "/tmp/bilge-state-\(UUID().uuidString.prefix(13))"

    deinit { try? FileManager.default.removeItem(atPath: state) }

    var out: String { texts.withLock { $0.out } }
    var err: String { texts.withLock { $0.err } }
    var questions: [String] { texts.withLock { $0.questions } }
    var outLines: [String] { out.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }

    /// - Parameter answer: to every question; `nil` for no terminal to ask on.
    func console(
        answer: Bool? = nil, now: Timestamp = Timestamp(seconds: 1_700_000_000), environment: [String: String] = [:]
    ) -> Console {
        var console = Console(
            out: { text in self.texts.withLock { $0.out += text } },
            err: { text in self.texts.withLock { $0.err += text } },
            environment: environment.merging(["BILGE_STATE_DIRECTORY": state]) { given, _ in given }, now: { now })
        if let answer {
            console.ask = { question in
                self.texts.withLock { $0.questions.append(question) }
                return answer
            }
        }
        return console
    }
}

/// Swift Testing has one, too.
typealias Status = bilge.ExitStatus

/// Runs a command line as the process would, in a world of its own.
func runBilge(_ arguments: [String], _ console: Console) async throws -> Status {
    guard let command = try Bilge.parseAsRoot(arguments) as? any Command else { return .usage }
    return await command.outcome(on: console)
}

/// A sample host in a folder of its own.
struct SampleHost {
    let folder: TemporaryDirectory
    let path: String

    init(_ host: DemoHost) throws {
        folder = try TemporaryDirectory("host")
        path = folder.path + "/" + host.rawValue
        try host.build(at: FilePath(path))
    }

    /// Runs a command on it as on a host that nobody uses.
    func run(_ arguments: String..., on console: Console) async throws -> Status {
        try await runBilge(arguments + ["-g", path, "--offline", "--grace", "0s"], console)
    }

    /// Every entry with what it is and holds.
    func fingerprint() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
            let isFile = attributes[.type] as? FileAttributeType == .typeRegular
            let data = isFile ? try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)) : Data()
            return
                "\(name) \(attributes[.posixPermissions] ?? "") \(attributes[.systemFileNumber] ?? "") \(data.hashValue)"
        }
    }
}
