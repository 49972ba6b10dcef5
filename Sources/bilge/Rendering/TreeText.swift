// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// The answer of `tree`: what `docker images --tree` printed.
struct TreeAnswer: Report {
    var place: Place
    var nodes: [TreeNode]

    func lines(_ style: Style) -> [String] { treeLines(nodes) }

    var ids: [String] {
        var ids: [String] = []
        var pending = Array(nodes.reversed())
        while let node = pending.popLast() {
            ids.append(node.id)
            pending += node.children.reversed()
        }
        return ids
    }

    func json() throws -> String {
        JSONText.object(try place.members() + [("tree", try JSONText.array(nodes))])
    }
}
