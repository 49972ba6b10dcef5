// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Disk
package import Model

extension Survey {
    /// The newest snapshot of this root; `nil` if there is none, or no place for any.
    package func lastSnapshot() throws -> Snapshot? {
        guard let path = remembering.path else { return nil }
        do {
            guard let state = try StateDirectory.forReading(at: path, caller: remembering.caller),
                let time = try Snapshots(state).times(of: root.path).last
            else { return nil }
            return try Snapshots(state).read(root.path, taken: time)
        } catch let error as ActError {
            throw FlowError(error)
        }
    }

    /// What the root holds now, as it is saved and compared.
    ///
    /// - Parameter names: what people call an item.
    package func snapshot(_ account: Account, names: (Item) -> [String]) throws -> Snapshot {
        let status = try directory.status()
        return Snapshot(
            root: root.path, device: status.device, inode: status.inode, taken: place.now, rest: account.rest,
            items: items.map {
                Snapshot.Line(
                    path: $0.item.path, thing: $0.item.thing, names: names($0.item),
                    usage: account.usage[$0.item.path] ?? Usage())
            }, filesystems: account.ledgers.map(\.facts))
    }
}

/// Keeps a snapshot in Bilge's own state directory.
package func save(_ snapshot: Snapshot, _ request: Request) throws {
    do {
        try Snapshots(.forChanges(at: request.statePath(), caller: request.caller)).save(snapshot)
    } catch let error as ActError {
        throw FlowError(error)
    }
}

/// The snapshots of a root, the earliest first. One that is not whole is left out. Changes nothing.
package func snapshots(of root: String, _ request: Request) throws -> [Snapshot] {
    do {
        guard let state = try StateDirectory.forReading(at: request.statePath(), caller: request.caller) else {
            return []
        }
        let snapshots = Snapshots(state)
        return try snapshots.times(of: root).compactMap { time throws(ActError) in
            try snapshots.read(root, taken: time)
        }
    } catch let error as ActError {
        throw FlowError(error)
    }
}

/// The newest snapshot of a root whose name (its time) begins so; the newest of all if nothing is named.
///
/// - Parameter latest: none later than this.
/// - Returns: `nil` if there is none.
package func snapshot(
    of root: String, named prefix: String = "", latest: Timestamp? = nil, _ request: Request
) throws -> Snapshot? {
    do {
        guard let state = try StateDirectory.forReading(at: request.statePath(), caller: request.caller) else {
            return nil
        }
        let snapshots = Snapshots(state)
        for time in try snapshots.times(of: root).reversed() where time.hasPrefix(prefix) {
            if let latest, let taken = Timestamp(rfc3339: time), taken > latest { continue }
            if let snapshot = try snapshots.read(root, taken: time) { return snapshot }
        }
        return nil
    } catch let error as ActError {
        throw FlowError(error)
    }
}

extension Request {
    fileprivate func statePath() throws(FlowError) -> String {
        guard let path = StateDirectory.path(caller: caller, environment: environment) else {
            throw FlowError(
                .failed, "there is no place to remember anything in",
                advice: "set XDG_STATE_HOME, HOME or BILGE_STATE_DIRECTORY to an absolute path")
        }
        return path
    }
}
