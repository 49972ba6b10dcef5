// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
package import Model

/// Where a clock that nobody can set back stands.
package struct Moment: Hashable, Sendable {
    /// `/proc/sys/kernel/random/boot_id`.
    package var boot: String
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    package var sinceBoot: Int64
    package var wall: Timestamp

    package init(boot: String, sinceBoot: Int64, wall: Timestamp) {
        self.boot = boot
        self.sinceBoot = sinceBoot
        self.wall = wall
    }
}

/// `.bilge/seen`: when each orphan was first seen to be one, for runs that no person watches.
///
/// Such a run takes only what an earlier one saw at least an hour before. An orphan that was none in between, or the
/// same name with another inode, begins anew, and so does everything when the host restarts: times on a disk may come
/// out of a backup, this clock does not.
package struct Sightings: Sendable {
    private struct Sighting: Codable, Sendable {
        var path: RelativePath
        var device: UInt64
        var inode: UInt64
        var birth: Int64
        var boot: String
        var sinceBoot: Int64
        var wall: String

        func isOf(_ identity: Identity) -> Bool {
            device == identity.device && inode == identity.inode && birth == identity.birth
        }
    }

    private var seen: [RelativePath: Sighting] = [:]

    package init() {}

    /// How long an orphan must have been one, in seconds.
    package static let intervalSeconds: Int64 = 3600
    private static let limitBytes = 64 << 20

    /// What was seen so far. A file that is missing or not whole means that nothing was: an hour is lost, no more.
    package static func load(from trash: Trash) throws(ActError) -> Sightings {
        var sightings = Sightings()
        for name in ["seen", "seen.tmp"] {
            let bytes = try acting(trash.folder.readIfPresent(RelativePath(name), limit: limitBytes))
            guard let bytes else { continue }
            do {
                let list = try JSONDecoder().decode([Sighting].self, from: Data(try Checksum.opened(bytes)))
                sightings.seen = Dictionary(list.map { ($0.path, $0) }) { first, _ in first }
                return sightings
            } catch {
                continue  // A damaged memory makes nothing removable.
            }
        }
        return sightings
    }

    /// Notes what is an orphan now, and forgets what is none any more.
    package mutating func record(_ orphans: [(path: RelativePath, identity: Identity)], at moment: Moment) {
        let before = seen
        seen = [:]
        for (path, identity) in orphans {
            if let first = before[path], first.isOf(identity), first.boot == moment.boot,
                first.sinceBoot <= moment.sinceBoot
            {
                seen[path] = first
            } else {
                seen[path] = Sighting(
                    path: path, device: identity.device, inode: identity.inode, birth: identity.birth,
                    boot: moment.boot, sinceBoot: moment.sinceBoot, wall: moment.wall.rfc3339)
            }
        }
    }

    /// True if this very thing was seen to be an orphan long enough ago, in this run of the host.
    package func isSecond(_ path: RelativePath, _ identity: Identity, at moment: Moment) -> Bool {
        guard let first = seen[path], first.isOf(identity), first.boot == moment.boot else { return false }
        let (elapsed, overflow) = moment.sinceBoot.subtractingReportingOverflow(first.sinceBoot)
        return !overflow && elapsed >= Sightings.intervalSeconds * 1_000_000_000
    }

    /// Writes the file anew; removes it if there is nothing to remember.
    package func save(to trash: Trash) throws(ActError) {
        let list = seen.values.sorted { $0.path < $1.path }
        do {
            let names = try trash.folder.names()
            if names.contains("seen.tmp") { try trash.disk.unlink("seen.tmp", in: trash.folder) }
            if !list.isEmpty {
                try trash.disk.create("seen.tmp", Checksum.sealed(JSON.encode(list)), in: trash.folder)
            }
            // Nothing is ever renamed over anything; in between, `seen.tmp` is the one that counts.
            if names.contains("seen") { try trash.disk.unlink("seen", in: trash.folder) }
            if !list.isEmpty {
                try trash.disk.rename("seen.tmp", in: trash.folder, to: "seen", in: trash.folder)
            }
            try trash.disk.sync(trash.folder)
        } catch {
            throw ActError(error)
        }
    }
}
