// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads one on-disk format of a data root. It cannot fail: what it could not read it reports as a problem.
///
/// All readers list what exists before any of them reads who needs it. Docker writes data first and the record of it
/// later, so whatever is finished in between is claimed, and whatever is begun in between is no candidate at all.
package protocol Reader: Sendable {
    /// What exists. Only lists directories.
    func items(in root: Directory) -> Findings

    /// Who needs what. `items` is what all readers found in the first phase.
    func claims(in root: Directory, among items: Findings) -> Findings
}

extension Findings {
    /// Runs `body` and turns what it throws into a problem. An error is never an absence.
    package mutating func reading<Value>(
        _ path: RelativePath, hides areas: @autoclosure () -> Set<Area>, unlessOrphan owner: RelativePath? = nil,
        _ body: () throws -> Value
    ) -> Value? {
        do {
            return try body()
        } catch {
            problem(path.text, hides: areas(), unlessOrphan: owner, because: "\(error)")
            return nil
        }
    }
}

extension Directory {
    /// Entries of a directory that need not exist: `nil` if it does not.
    func entriesIfPresent(of relative: RelativePath) throws(DiskError) -> [Entry]? {
        do { return try entries(of: relative) } catch  where error.isMissing { return nil }
    }
}
