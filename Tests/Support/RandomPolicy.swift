// SPDX-License-Identifier: Apache-2.0

package import Model

/// A small generator with a seed that a failing test prints.
package struct SplitMix: RandomNumberGenerator {
    package var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension Policy {
    /// Rules of every kind, with words of every kind, about repositories `r1` to `r3` and the label `team`.
    package static func random(using random: inout SplitMix) throws -> Policy {
        let words: [(Word, [String])] = [
            (.keepLast, ["1", "3"]), (.unusedFor, ["0s", "30d"]), (.builtBefore, ["10d", "60d"]),
            (.pulledBefore, ["10d"]),
            (.filter, ["reference=r1:*", "label!=x", "dangling=false", "size>=1MB", "label=team", "until=5d"]),
            (.filter, ["reference=r2", "label=team=red", "label!=team=blue", "dangling=true", "size>=1B"]),
            (.keep, ["r3:*"]), (.all, ["true"]), (.irreplaceable, ["true"]), (.named, ["true"]),
        ]
        var policy = Policy()
        for kind in [Kind.images, .containers, .volumes, .cache] where Int.random(in: 0..<4, using: &random) > 0 {
            var rules = Rules()
            for (word, values) in words where word.kinds.contains(kind) && Int.random(in: 0..<3, using: &random) == 0 {
                let value = values.randomElement(using: &random)!
                if word == .filter, try !Filter(value).kinds.contains(kind) { continue }
                try rules.set(word, to: value, for: kind)
            }
            policy.rules[kind] = rules
        }
        return policy
    }
}
