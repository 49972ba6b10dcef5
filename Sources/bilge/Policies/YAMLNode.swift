// SPDX-License-Identifier: Apache-2.0

/// A value in a file of YAML, and where it stands.
struct YAMLNode: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        /// Nothing was written: `images:`.
        case nothing
        /// As it was written, without its quotes: `3`, `30d`, `true`. Nothing is made of it here.
        case scalar(String)
        case list([YAMLNode])
        /// In the order in which it was written; no key is there twice.
        case map([Pair])
    }

    struct Pair: Hashable, Sendable {
        var key: String
        /// From 1.
        var line: Int
        var value: YAMLNode
    }

    /// From 1.
    var line: Int
    var value: Value
}

/// What is wrong in a file, and in which line.
struct PolicyFileError: Error, Hashable, Sendable {
    /// From 1.
    var line: Int
    /// One sentence, lower case, without a full stop.
    var reason: String
}
