// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Engine
import Model
import Observe

/// Looks at a host once: finds the root, asks its engine, reads everything, and judges it.
///
/// - Throws: `RootError` if there is no root to look at; `FlowError` with `usage` for an engine that is not on this host.
package func survey(_ request: Request) async throws -> Survey {
    let answer = request.offline ? nil : try await ask(request)
    return try survey(request, answer)
}

/// The engine's complete answer, asked anew each time.
func ask(_ request: Request) async throws -> EngineAnswer {
    await withEngine(at: try request.engineHost()) { await $0.ask(EngineClient.Questions(imageLayers: false)) }
}

extension Request {
    /// Where to ask.
    ///
    /// - Throws: `usage` for an engine that is not on this host.
    func engineHost() throws(FlowError) -> EngineHost {
        do {
            return try EngineHost(option: host, environment: environment)
        } catch {
            throw FlowError(.usage, "\(error)", advice: "give the path of a Unix socket, or --offline not to ask")
        }
    }
}

/// `DockerRootDir` of the engine that answers; `nil` if none does.
func engineRoot(_ request: Request) async throws -> String? {
    try await withEngine(at: request.engineHost()) { client in
        do throws(EngineError) { return try await client.info().dockerRootDir } catch { return nil }
    }
}

private func survey(_ request: Request, _ answer: EngineAnswer?) throws -> Survey {
    let keepList = KeepList.read(request.keepFile)
    let found = try findDataRoot(
        flag: request.dataRoot, engineRoot: answer?.rootDirectory, sources: request.rootSources)
    let root = try openDataRoot(found.path, caller: request.caller, proc: request.proc)
    let engine = EngineBinding.bind(answer, to: root, request)
    let place = Place(
        root: root.directory, path: root.path, sources: request.rootSources, now: request.now,
        graceSeconds: request.graceSeconds, engine: engine.summary.state, activeDriver: engine.activeDriver,
        engineStarted: engine.started, keep: (request.keep + keepList.patterns).map(Glob.init))
    var look = place.look(engine: engine.findings)
    let modified = modifications(of: look.items.map(\.item), in: root.directory)
    for index in look.items.indices { look.items[index].item.modified = modified[look.items[index].item.path] }
    return Survey(
        root: Survey.Root(
            path: root.path, how: found.how, filesystem: root.filesystem, eras: root.eras, drivers: root.drivers,
            owner: engine.owner, notes: root.notes + engine.notes,
            writeObstacles: root.writeObstacles
                + (engine.owner == "none" ? [] : [root.obstacleUnderEngine].compactMap { $0 })),
        engine: engine.summary, items: look.items, problems: look.findings.problems, catalog: look.findings.catalog,
        reach: look.reach, coverage: look.coverage, directory: root.directory, changed: look.changed, place: place,
        opened: root, caches: engine.caches, keepListProblem: keepList.problem, engineRoot: answer?.rootDirectory)
}
