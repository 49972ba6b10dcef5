// SPDX-License-Identifier: Apache-2.0

import Act
import Engine
import Model

/// Containers and build cache of one root, which nothing can bring back.
struct RootRemovals {
    let engine: RootEngine
    let all: Bool

    func describe(_ step: Plan.Step) async throws -> String? {
        guard step.action == .removeContainer else { return nil }
        return try await engine.asking { client in
            do {
                let container = try await client.container(step.id)
                guard Self.isStopped(container.state) else { throw FlowError(.refused, "it is \(container.state) now") }
                return try await client.containerText(step.id)
            } catch let error as EngineError where error.code == .notFound {
                throw FlowError(.refused, "gone already")
            }
        }
    }

    func remove(_ step: Plan.Step) async throws -> RemovalEngine.Answer {
        try await engine.asking { client in
            do {
                if step.action == .removeContainer {
                    try await client.removeContainer(step.id)
                    return .removed
                }
                let isGone = try await client.removeBuildRecord(step.id, all: all)
                return isGone ? .removed : .refused("the builder keeps it: a build uses it, or it is gone already")
            } catch let error as EngineError where error.code == .notFound {
                return .gone
            } catch let error as EngineError where error.code == .refused {
                return .refused(error.detail)
            }
        }
    }

    func exists(_ step: Plan.Step) async throws -> Bool {
        try await engine.asking { client in
            do {
                _ = try await client.container(step.id)
                return true
            } catch let error as EngineError where error.code == .notFound {
                return false
            }
        }
    }

    private static func isStopped(_ state: String) -> Bool { ["created", "exited", "dead"].contains(state) }
}
