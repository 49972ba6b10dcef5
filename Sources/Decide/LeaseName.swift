// SPDX-License-Identifier: Apache-2.0

package import Model

/// A lease of containerd as its item's path tells it: `…/meta.db/v1/<namespace>/leases/<id>`.
package struct LeaseName: Hashable, Sendable {
    package let namespace: String
    package let id: String

    /// - Returns: `nil` for what is no lease.
    package init?(_ item: Item) {
        let parts = item.path.components
        guard item.thing == .lease, parts.count > 3 else { return nil }
        namespace = String(parts[parts.count - 3])
        id = String(parts[parts.count - 1])
    }

    /// The call that makes containerd drop it, and at once all that only it holds.
    package var removal: String { "ctr -n \(namespace) leases rm --sync \(id)" }
}
