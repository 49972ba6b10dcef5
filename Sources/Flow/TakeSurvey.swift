// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Engine
import Model
import Observe

/// Looks at a host: finds the root, asks its engine, reads everything, and judges it.
///
/// - Throws: `RootError` if there is no root to look at; `FlowError` with `usage` for an engine that is not on this host.
package func survey(_ request: Request) async throws -> Survey {
    // What it calls reclaimable an engine may measure for minutes: it is not asked that twice.
    let mayLookAgain = !request.asksImageSpace
    return try await whileProblemsChange({ mayLookAgain && $0.engine.state == .running ? $0.problems : [] }) {
        let asked = systemClock()
        let answer = request.offline ? nil : try await ask(request)
        return try survey(request, answer, asked)
    }
}

/// Looks again while each look meets other problems than the one before it, a few times at most.
///
/// A busy engine makes and removes things while they are read, and a look may meet a record that is half gone, or a
/// container that is gone when it is asked about. That makes much unknown for a moment. Damage stays, and is told.
func whileProblemsChange<Answer>(
    _ problems: (Answer) -> [Problem], _ look: () async throws -> Answer
) async throws -> Answer {
    var last = try await look()
    for _ in 0..<mostFurtherLooks where !problems(last).isEmpty {
        let next = try await look()
        let isSettled = Set(problems(next)) == Set(problems(last))
        last = next
        if isSettled { break }
    }
    return last
}

private let mostFurtherLooks = 4

/// The engine's complete answer, asked anew each time.
func ask(_ request: Request) async throws -> EngineAnswer {
    let questions = EngineClient.Questions(
        imageLayers: false, imageSpace: request.asksImageSpace, allowsMeasuring: !request.asksQuickly)
    return await withEngine(at: try request.engineHost()) { await $0.ask(questions) }
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

private func survey(_ request: Request, _ answer: EngineAnswer?, _ asked: Timestamp) throws -> Survey {
    let keepList = KeepList.read(request.keepFile)
    let found = try findDataRoot(
        flag: request.dataRoot, engineRoot: answer?.rootDirectory, sources: request.rootSources)
    let root = try openDataRoot(found.path, caller: request.caller, proc: request.proc)
    let engine = EngineBinding.bind(answer, to: root, request)
    let search = findStores(
        of: root, address: engine.containerdAddress, usesStore: engine.summary.imageStore == "containerd",
        sources: request.rootSources)
    var place = Place(
        root: root.directory, path: root.path, sources: request.rootSources, now: request.now,
        graceSeconds: request.graceSeconds, engine: engine.summary.state, activeDriver: engine.activeDriver,
        engineStarted: engine.started, keep: (request.keep + keepList.patterns).map(Glob.init),
        stores: search.stores.map(\.store))
    place.showsTimes = request.showsTimes
    place.remapped = root.remapped
    place.activeRemapped = root.remapped.first { answer?.rootDirectory == root.path + "/" + $0 }
    let look = place.look(engine: engine.findings)
    return Survey(
        root: Survey.Root(
            path: root.path, how: found.how, filesystem: root.filesystem, eras: root.eras, drivers: root.drivers,
            owner: engine.owner,
            notes: root.notes + engine.notes + search.failures + look.hiddenStores.map(\.note),
            writeObstacles: root.writeObstacles
                + (engine.owner == "none" ? [] : [root.obstacleUnderEngine].compactMap { $0 })),
        stores: search.stores.map(Survey.Root.init),
        engine: engine.summary, items: look.items, problems: look.findings.problems, catalog: look.findings.catalog,
        reach: look.reach, hiddenStores: look.hiddenStores, coverage: look.coverage, directory: root.directory,
        changed: look.changed, place: place, remembering: Remembering(request), opened: root,
        caches: engine.caches, asked: asked, keepListProblem: keepList.problem, engineRoot: answer?.rootDirectory,
        findings: look.findings)
}

extension HiddenStore {
    /// One sentence at the head of every answer.
    fileprivate var note: String {
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        let held = "\(count(images.count, "image")), \(count(containers.count, "container"))"
        let store = setting == .usernsRemap ? "the root \(name.text)" : "the store of \(name.text)"
        guard name.isCertain else {
            return "no engine says which store it uses; \(store) (\(held)) may be hidden (\(setting.rawValue))"
        }
        let used = volumes.isEmpty ? "" : "; only its containers use \(count(volumes.count, "volume"))"
        return "the engine does not show \(store): \(held) (\(setting.rawValue))\(used)"
    }
}
