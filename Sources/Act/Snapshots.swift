// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Model

/// Snapshots of data roots in the state directory, one file each: `df-<root>-<time>`.
package struct Snapshots: Sendable {
    /// The oldest ones of a root go when there are more.
    package static let limit = 100

    private let state: StateDirectory

    package init(_ state: StateDirectory) { self.state = state }

    /// Adds a snapshot. One of the same root and second is replaced.
    package func save(_ snapshot: Snapshot) throws(ActError) {
        try state.write(Self.prefix(snapshot.root) + snapshot.taken, JSON.encode(snapshot))
        for old in try times(of: snapshot.root).dropLast(Self.limit) {
            try state.remove(Self.prefix(snapshot.root) + old)
        }
    }

    /// When snapshots of a root were taken, the earliest first: their names.
    package func times(of root: String) throws(ActError) -> [String] {
        let prefix = Self.prefix(root)
        return try state.names().filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    /// `nil` if there is none of that time that is whole and of this form.
    package func read(_ root: String, taken: String) throws(ActError) -> Snapshot? {
        guard let bytes = try state.read(Self.prefix(root) + taken) else { return nil }
        do {
            let snapshot = try JSONDecoder().decode(Snapshot.self, from: Data(bytes))
            return snapshot.schema == Snapshot.currentSchema && snapshot.root == root ? snapshot : nil
        } catch {
            return nil
        }
    }

    /// Roots are told apart by a checksum of their path: a file name has no room for the path itself.
    private static func prefix(_ root: String) -> String { "df-\(Checksum.text(root.utf8))-" }
}
