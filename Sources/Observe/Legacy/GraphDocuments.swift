// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// `graph/<id>/json`, as far as it is used. `container` is where the image was committed from, and no reference.
///
/// Keys count whatever their case, as they do for the engine: `docker load` of 1.0 wrote `Id` and `Parent`.
///
/// Source: docker 1.6 `image/image.go`, `Image`.
struct ImageDocument: Decodable {
    let id: String
    /// The image below; absent for a base image.
    let parent: String?
    /// RFC 3339.
    let created: String?
    /// Bytes of its own layer; Docker 1.0 to 1.7 only, and `layersize` is preferred.
    let size: Int64?

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: AnyKey.self)
        var keys: [String: AnyKey] = [:]
        for key in fields.allKeys where keys.updateValue(key, forKey: key.stringValue.lowercased()) != nil {
            throw DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: "it is there twice")
        }
        func value<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value? {
            try keys[name].flatMap { try fields.decodeIfPresent(type, forKey: $0) }
        }
        id = try fields.decode(String.self, forKey: keys["id"] ?? AnyKey(stringValue: "id"))
        parent = try value(String.self, "parent").flatMap { $0.isEmpty ? nil : $0 }
        created = try value(String.self, "created")
        size = try value(Int64.self, "size")
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// - Throws: if the bytes are not the record of `expected`, or name a parent that cannot be one.
    static func read(_ bytes: [UInt8], of expected: some StringProtocol) throws(FormatError) -> ImageDocument {
        let document = try decodeJSON(ImageDocument.self, bytes)
        guard document.id == expected else {
            throw FormatError("it describes image \(EntryName.escaped(text: document.id))")
        }
        if let parent = document.parent, !EntryName.isHexID(parent) {
            throw FormatError("its parent is not an image id: \(EntryName.escaped(text: parent))")
        }
        return document
    }
}

/// `repositories-<driver>`: the names that people gave to images.
///
///     {"Repositories": {"<repository>": {"<tag>": "<image id>"}}}
///
/// Since 1.6 the place of a tag can be taken by a digest: `sha256:…`.
///
/// Source: docker 1.6 `graph/tags.go`, `TagStore`.
struct RepositoriesDocument: Decodable {
    var repositories: [String: [String: String]]

    private enum CodingKeys: String, CodingKey { case repositories = "Repositories" }

    /// - Throws: if anything in it is not the id of an image: what it should have been, nobody knows.
    static func read(_ bytes: [UInt8]) throws(FormatError) -> RepositoriesDocument {
        let document = try decodeJSON(RepositoriesDocument.self, bytes)
        for (repository, tags) in document.repositories {
            for (tag, id) in tags where !EntryName.isHexID(id) {
                throw FormatError("\(EntryName.escaped(text: ImageName(repository, tag).text)) names no image id")
            }
        }
        return document
    }

    /// The most bytes read of one such file; 100,000 tags take about a third of it.
    static let limitBytes = 32 << 20
}

/// A name of an image: `shop/api:4.10`, or `shop/api@sha256:…`.
struct ImageName: Hashable {
    let text: String
    let isDigest: Bool

    init(_ repository: String, _ tagOrDigest: String) {
        isDigest = tagOrDigest.contains(":")
        text = repository + (isDigest ? "@" : ":") + tagOrDigest
    }
}
