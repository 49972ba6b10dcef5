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

    func write(json out: (String) -> Void) {
        writeJSON(place.members + [("tree", .list(nodes.map(JSONValue.init)))], to: out)
    }
}

extension JSONValue {
    /// At most as deep as a tree is made, which is two hundred levels.
    fileprivate init(_ node: TreeNode) {
        self = .object(
            ("id", .string(node.id)), ("kind", .string(node.kind.rawValue)),
            ("virtualBytes", node.virtualBytes.map { .integer($0) }), ("ownBytes", node.ownBytes.map { .integer($0) }),
            ("tags", .strings(node.tags)), ("children", .array(node.children.map(JSONValue.init))))
    }
}
