// SPDX-License-Identifier: Apache-2.0

/// A pattern for whole names: `*` is any text, `?` any one character. Never a part of a name.
package struct Glob: Hashable, Sendable {
    package let pattern: String

    package init(_ pattern: String) { self.pattern = pattern }

    package func matches(_ name: String) -> Bool {
        let pattern = Array(pattern.utf8)
        let name = Array(name.utf8)
        var at = (pattern: 0, name: 0)
        // Where to take up again if what follows the last `*` does not fit.
        var star: (pattern: Int, name: Int)?
        while at.name < name.count {
            if at.pattern < pattern.count, pattern[at.pattern] == UInt8(ascii: "*") {
                star = (at.pattern + 1, at.name)
                at.pattern += 1
            } else if at.pattern < pattern.count,
                pattern[at.pattern] == UInt8(ascii: "?") || pattern[at.pattern] == name[at.name]
            {
                at = (at.pattern + 1, at.name + 1)
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                at = (last.pattern, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[at.pattern...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
