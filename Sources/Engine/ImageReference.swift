// SPDX-License-Identifier: Apache-2.0

/// An image as somebody names it: `nginx`, `docker.io/library/nginx:1.25@sha256:…`.
///
/// Source: distribution `reference/normalize.go`.
struct ImageReference: Hashable {
    /// Repository and tag in Docker's short spelling; `nil` if only a digest was given.
    var name: String?
    /// `sha256:…`.
    var digest: String?

    init(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1)
        digest = parts.count > 1 ? String(parts[1]) : nil
        guard var short = parts.first.map(String.init) else { return }
        for prefix in ["docker.io/", "index.docker.io/", "library/"] where short.hasPrefix(prefix) {
            short.removeFirst(prefix.count)
        }
        let hasTag = short.split(separator: "/").last?.contains(":") ?? false
        if !hasTag, digest == nil { short += ":latest" }
        name = hasTag || digest == nil ? short : nil
    }

    /// True if the image has that name or that digest. Either is enough: what may be meant is kept.
    func means(_ image: EngineImage) -> Bool {
        if let name, image.tags.contains(where: { ImageReference($0).name == name }) { return true }
        guard let digest else { return false }
        return image.id == digest || image.digests.contains { $0.hasSuffix("@" + digest) }
    }

    /// The same for an image by itself.
    func means(_ image: EngineImageDetail) -> Bool {
        means(EngineImage(id: image.id, parentID: "", tags: image.tags, digests: image.digests))
    }
}

extension EngineService {
    /// True if the service runs the image, or ran it before its last update.
    package func runs(_ image: EngineImageDetail) -> Bool {
        images.contains { ImageReference($0).means(image) }
    }
}
