// SPDX-License-Identifier: Apache-2.0

import Model

/// `/system/df`: the build cache, and what is reclaimable of the images.
struct DiskUsage: Decodable {
    let buildCache: [EngineBuildRecord]?
    /// As `docker system df` prints it; `nil` if the answer does not say.
    let reclaimableImageBytes: Int64?

    private struct CacheUsage: Decodable {
        var TotalCount: Int?
        var Items: [EngineBuildRecord]?
    }

    private struct ImageUsage: Decodable {
        var Reclaimable: Int64?
    }

    /// Sizes are -1 where they were not asked for.
    private struct Image: Decodable {
        var Containers: Int64?
        var SharedSize: Int64?
        var Size: Int64?
        var VirtualSize: Int64?
    }

    init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: Key.self)
        // From API 1.52 on the list is in `BuildCacheUsage`, with `verbose=1` only there. Whatever is listed counts: a list
        // that is empty in one place may be full in the other.
        let legacy: [EngineBuildRecord]? = try answer.optional("BuildCache")
        if let usage: CacheUsage = try answer.optional("BuildCacheUsage") {
            // Zero and empty are left out.
            let count = usage.TotalCount ?? 0
            let listed = usage.Items ?? []
            guard listed.count >= count || (legacy?.count ?? 0) >= count else {
                throw UnexpectedValue(detail: "BuildCacheUsage counts records that it does not list")
            }
            let known = Set(listed.map(\.id))
            buildCache = listed + (legacy ?? []).filter { !known.contains($0.id) }
        } else {
            buildCache = legacy ?? (answer.contains("BuildCache") ? [] : nil)
        }
        reclaimableImageBytes = try Self.reclaimable(answer)
    }

    /// What all layers take, less what each image with a container has for itself.
    ///
    /// Source: docker/cli 20.10 `cli/command/formatter/disk_usage.go`, `diskUsageImagesContext.Reclaimable`; from API
    /// 1.52 on the engine does the sum: `ImageUsage.Reclaimable`.
    private static func reclaimable(_ answer: KeyedDecodingContainer<Key>) throws -> Int64? {
        if let usage: ImageUsage = try answer.optional("ImageUsage"), let bytes = usage.Reclaimable { return bytes }
        guard let images: [Image] = try answer.optional("Images"), let total: Int64 = try answer.optional("LayersSize")
        else { return nil }
        let used = images.reduce(Int64(0)) { sum, image in
            guard let size = image.VirtualSize ?? image.Size, let shared = image.SharedSize, image.Containers != 0,
                size >= 0, shared >= 0
            else { return sum }
            return sum + size - shared
        }
        return max(0, total - used)
    }
}
