// SPDX-License-Identifier: Apache-2.0

package import Model

/// One line of `docker images`.
package struct ImageRow: Hashable, Sendable {
    /// `<none>` without a name, as Docker prints it.
    package var repository: String
    package var tag: String
    /// 64 hexadecimal digits; Docker shows twelve.
    package var id: String
    package var created: Timestamp?
    /// `11 days ago`; `N/A` if nobody recorded it.
    package var createdText: String
    /// Of the image and all it is built on; `nil` if it was not recorded.
    package var bytes: Int64?
    /// `306.1 MB`; `N/A` if it was not recorded.
    package var sizeText: String
    /// An image of Docker 1.0 to 1.9, where the last column is called VIRTUAL SIZE instead of SIZE.
    package var isLegacy: Bool

    /// `REPOSITORY`, `TAG`, `IMAGE ID`, `CREATED`, and the size.
    package static func columns(legacy: Bool) -> [String] {
        ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", legacy ? "VIRTUAL SIZE" : "SIZE"]
    }

    /// What stands in those columns.
    package func cells(fullID: Bool = false) -> [String] {
        [
            EntryName.escaped(text: repository), EntryName.escaped(text: tag), fullID ? id : String(id.prefix(12)),
            createdText, sizeText,
        ]
    }
}

/// The lines of `docker images`: one for each tag, and one for each untagged image that nothing is built on.
///
/// Newest first; images of the same moment by id, tags of one image by name, so that the order never varies (Docker's
/// did). An image of which only a digest is known is shown with its repository and no tag.
///
/// - Parameter all: shows untagged images that others are built on, too, as `docker images -a` does.
package func imageRows(_ catalog: Catalog, now: Timestamp, all: Bool = false) -> [ImageRow] {
    let catalog = eachImageOnce(catalog)
    let parents = Set(catalog.images.compactMap { image in image.parent.map { Key(id: $0, driver: image.driver) } })
    let sizes = virtualSizes(of: catalog)
    let shown = catalog.images.filter { image in
        all || !image.tags.isEmpty || !image.digests.isEmpty
            || !parents.contains(Key(id: image.id, driver: image.driver))
    }
    return shown.sorted(by: precedes).flatMap { image in
        names(of: image).map { name in
            let bytes = sizes[Key(id: image.id, driver: image.driver)]
            return ImageRow(
                repository: name.repository, tag: name.tag, id: image.id, created: image.created,
                createdText: image.created.map { Age.text(of: $0, at: now) } ?? "N/A", bytes: bytes,
                sizeText: bytes.map { ByteCount($0).text } ?? "N/A", isLegacy: image.driver == nil)
        }
    }
}

/// An upgraded root may hold the same image in two stores.
private struct Key: Hashable {
    var id: String
    var driver: String?
}

private func precedes(_ left: ImageRecord, _ right: ImageRecord) -> Bool {
    if left.created != right.created {
        guard let leftDate = left.created else { return false }
        guard let rightDate = right.created else { return true }
        return leftDate > rightDate
    }
    return (left.id, left.driver ?? "") < (right.id, right.driver ?? "")
}

private func names(of image: ImageRecord) -> [(repository: String, tag: String)] {
    let tags = image.tags.sorted().map { repository(of: $0) }.map { ($0.name, $0.tag) }
    if !tags.isEmpty { return tags }
    let digests = Set(image.digests.map { String($0.prefix { $0 != "@" }) }).sorted()
    return digests.isEmpty ? [("<none>", "<none>")] : digests.map { ($0, "<none>") }
}

private func virtualSizes(of catalog: Catalog) -> [Key: Int64] {
    var sizes: [Key: Int64] = [:]
    var pending = imageTree(catalog)
    while let node = pending.popLast() {
        pending += node.children
        // Trees do not say the store; an id that is in two of them has one content and so one size.
        guard node.kind == .image, let bytes = node.virtualBytes else { continue }
        sizes[Key(id: node.id, driver: nil)] = bytes
    }
    for image in catalog.images {
        guard let driver = image.driver, let bytes = sizes[Key(id: image.id, driver: nil)] else { continue }
        sizes[Key(id: image.id, driver: driver)] = bytes
    }
    return sizes
}
