// SPDX-License-Identifier: Apache-2.0

import Model

/// The questions of one `ask`, in one API version and before one deadline.
struct EngineSession: Sendable {
    let client: EngineClient
    let version: EngineVersion
    let api: APIVersion
    let deadline: ContinuousClock.Instant

    func info() async -> Reply<EngineInfo> { await get("/info") }

    func images() async -> Reply<[EngineImage]> { await get("/images/json?all=1") }

    /// `null` is how engines before 18.09 (API 1.39) said "none"; since then they say `[]`, and `null` is not theirs.
    ///
    /// Source: moby `daemon/list.go` up to 18.06, `volume/service/convert.go` since.
    func volumes() async -> Reply<EngineVolumes> {
        await (get("/volumes") as Reply<VolumeList>).flatMap { list in
            guard let volumes = list.volumes ?? (version.highestAPI < APIVersion(1, 39) ? [] : nil) else {
                return .failure(EngineError("/volumes", .unexpectedShape, status: 200, ".Volumes is null"))
            }
            // Options may name a place below the root; which, only they can say.
            if api >= APIVersion(1, 25), let silent = volumes.first(where: { !$0.tellsOptions }) {
                let name = EntryName.escaped(text: silent.name)
                let detail = ".Options of volume \(name) is missing"
                return .failure(EngineError("/volumes", .unexpectedShape, status: 200, detail))
            }
            return .success(EngineVolumes(volumes: volumes, warnings: list.warnings))
        }
    }

    /// Managed plugins came with API 1.25; before it there are none.
    func plugins() async -> Reply<[EnginePlugin]> {
        api < APIVersion(1, 25) ? .success([]) : await get("/plugins")
    }

    /// True if the list of the build cache costs the engine nothing: API 1.42, Docker 23.0.
    var listsCacheUnmeasured: Bool { api >= APIVersion(1, 42) }

    /// BuildKit came with API 1.38, its list of records with 1.39; before that the records on disk are all there is.
    ///
    /// - Parameter images: also what the engine calls reclaimable of its images.
    func diskUsage(images: Bool) async -> (buildCache: Reply<[EngineBuildRecord]>, reclaimableImageBytes: Int64?) {
        guard api >= APIVersion(1, 25) else { return (.success([]), nil) }
        // Only from API 1.42 on can the rest, which has to be measured, be left out; from 1.52 on the list is promised
        // only to who asks for it.
        let endpoint =
            listsCacheUnmeasured
            ? "/system/df?type=build-cache" + (images ? "&type=image" : "")
                + (api >= APIVersion(1, 52) ? "&verbose=1" : "") : "/system/df"
        let reply: Reply<DiskUsage> = await get(endpoint)
        let records: Reply<[EngineBuildRecord]> = reply.flatMap { usage in
            if let records = usage.buildCache { return .success(records) }
            guard api >= APIVersion(1, 39) else { return .success([]) }
            return .failure(EngineError(endpoint, .unexpectedShape, status: 200, ".BuildCache is missing"))
        }
        guard case .success(let usage) = reply else { return (records, nil) }
        return (records, usage.reclaimableImageBytes)
    }

    /// Only a manager of a Swarm knows its services; `nil` for any other engine.
    func services(_ info: Reply<EngineInfo>) async -> Reply<[EngineService]>? {
        guard case .success(let info) = info, info.isSwarmManager else { return nil }
        return await get("/services")
    }

    /// Containers in any state, and each of them by itself.
    func containers() async -> (Reply<[EngineContainer]>, EngineReport.Details<EngineContainerDetail>) {
        let list: Reply<[EngineContainer]> = await get("/containers/json?all=1")
        let (last, details) = await details(of: list, id: \.id, listing: "/containers/json?all=1") { container in
            await detail("/containers/\(container.id)/json", id: container.id, of: \EngineContainerDetail.id)
        }
        return (last, details)
    }

    /// The layers of each image that `list` names.
    func imageDetails(of list: Reply<[EngineImage]>) async -> EngineReport.Details<EngineImageDetail> {
        await details(of: list, id: \.id, listing: "/images/json?all=1") { image in
            await detail("/images/\(image.id)/json", id: image.id, of: \EngineImageDetail.id)
        }.1
    }

    /// Asks about each thing of a list.
    ///
    /// What was removed in between is listed no more: after a 404 the list is read once again, and only what is still in
    /// it, or new, is asked about. On a busy host that may meet the next one; the third 404 is a failure.
    private func details<Listed: Decodable & Sendable, Detail: Sendable>(
        of list: Reply<[Listed]>, id: @Sendable (Listed) -> String, listing endpoint: String,
        _ ask: @escaping @Sendable (Listed) async -> Reply<Detail>
    ) async -> (Reply<[Listed]>, EngineReport.Details<Detail>) {
        var list = list
        var details = EngineReport.Details<Detail>()
        var answered: Set<String> = []
        for isLast in [false, false, true] {
            guard case .success(let listed) = list else { break }
            let rest = listed.filter { !answered.contains(id($0)) }
            var hasVanished = false
            for (thing, reply) in zip(rest, await inParallel(rest, ask)) {
                switch reply {
                case .failure(let error) where error.code == .notFound && !isLast:
                    hasVanished = true
                    continue
                case .failure(let error): details.failures.append(error)
                case .success(let detail): details.values.append(detail)
                }
                answered.insert(id(thing))
            }
            guard hasVanished else { break }
            list = await get(endpoint)
        }
        return (list, details)
    }

    /// One thing by itself; an answer about another one is an error.
    private func detail<Detail: Decodable & Sendable>(
        _ endpoint: String, id: String, of answered: (Detail) -> String
    ) async -> Reply<Detail> {
        await (get(endpoint) as Reply<Detail>).flatMap { detail in
            guard answered(detail) == id else {
                return .failure(EngineError(endpoint, .unexpectedShape, status: 200, "the answer is about another id"))
            }
            return .success(detail)
        }
    }

    private func get<Value: Decodable & Sendable>(_ endpoint: String) async -> Reply<Value> {
        do {
            let request = EngineRequest(.get, endpoint, version: api)
            return .success(try await client.get(Value.self, request, by: deadline))
        } catch {
            return .failure(error)
        }
    }
}

/// Runs `body` on all elements, `EngineClient.width` at a time, and returns its results in the elements' order.
private func inParallel<Element: Sendable, Value: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) async -> Value
) async -> [Value] {
    await withTaskGroup(of: (Int, Value).self) { group in
        var results = [Value?](repeating: nil, count: elements.count)
        for (index, element) in elements.enumerated() {
            if index >= EngineClient.width, let (done, value) = await group.next() { results[done] = value }
            group.addTask { (index, await body(element)) }
        }
        for await (done, value) in group { results[done] = value }
        return results.compactMap { $0 }
    }
}
