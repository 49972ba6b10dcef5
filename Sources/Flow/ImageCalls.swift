// SPDX-License-Identifier: Apache-2.0

import Engine
import Model

/// What holding images asks of an engine; in tests, one that dies between two calls.
protocol ImageCalls {
    func image(_ reference: String) async throws -> EngineImageDetail?
    func tag(_ id: String, repository: String, tag: String) async throws
    func removeImage(_ reference: String) async throws -> [EngineDeletion]
    func importEmpty(repository: String, tag: String) async throws
    func containers() async throws -> [EngineContainer]
    /// Of a manager of a Swarm; none of any other engine.
    func knownServices() async throws -> [EngineService]
    /// True if a build uses some of the build cache.
    func isBuilding() async throws -> Bool
}

/// Whoever leads to an engine of one root.
protocol ImageCaller {
    func calling<Result>(_ body: (any ImageCalls) async throws -> Result) async throws -> Result
}

extension EngineClient: ImageCalls {
    func knownServices() async throws(EngineError) -> [EngineService] {
        guard try await info().isSwarmManager else { return [] }
        return try await services()
    }

    func isBuilding() async throws(EngineError) -> Bool { try await buildCache().contains(where: \.isInUse) }
}

extension RootEngine: ImageCaller {
    func calling<Result>(_ body: (any ImageCalls) async throws -> Result) async throws -> Result {
        try await asking { try await body($0) }
    }
}
