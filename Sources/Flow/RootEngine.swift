// SPDX-License-Identifier: Apache-2.0

import Engine
import Model
import Observe

/// The engine of one root. Each question goes to one that has just been proven to work on this very root: between two of
/// them it may have been stopped, or another one started.
struct RootEngine: Sendable {
    let request: Request
    let root: DataRoot

    /// Runs `body` with an engine that works on the root. Removing a large image takes minutes on a busy disk.
    func asking<Result>(_ body: (EngineClient) async throws -> Result) async throws -> Result {
        try await withEngine(at: try request.engineHost(), timeout: .seconds(600)) { client in
            let info = try await client.info()
            switch owner(
                of: root, engineRoot: info.dockerRootDir, peer: client.peerPID, sources: request.rootSources)
            {
            case .engine: return try await body(client)
            case .none(let facts), .unknown(let facts):
                throw FlowError(
                    .refused,
                    "the engine that answers is not proven to work on \(root.path): \(facts.joined(separator: "; "))")
            }
        }
    }
}
