// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc

/// Rights to change a file system, as Landlock counts them. Source: landlock(7), `linux/landlock.h`.
struct ChangeRights: OptionSet {
    let rawValue: UInt64

    static let execute = ChangeRights(rawValue: 1 << 0)
    static let writeFile = ChangeRights(rawValue: 1 << 1)
    static let removeDirectory = ChangeRights(rawValue: 1 << 4)
    static let removeFile = ChangeRights(rawValue: 1 << 5)
    /// Devices, directories, files, sockets, pipes and links.
    static let makeAnything = ChangeRights(rawValue: 0x7F << 6)
    /// Since version 2: to move and link between directories. What cannot be granted before is forbidden anyway.
    static let refer = ChangeRights(rawValue: 1 << 13)
    /// Since version 3.
    static let truncate = ChangeRights(rawValue: 1 << 14)
}

/// CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER: capabilities(7).
private let keptCapabilities: UInt32 = 1 << 1 | 1 << 2 | 1 << 3

extension Directory {
    /// True if the kernel can forbid the threads of a removal to change anything but what they are to remove.
    package static let canConfineRemovals = cdisk_landlock_version() >= 1

    /// Forbids the calling thread, and those that it starts, for good: every change of a file system but removing entries
    /// below this directory, to start programs, and to gain privileges. Reading stays allowed. Of root's capabilities
    /// three stay: to read and to remove what belongs to others.
    ///
    /// - Parameter isFarDown: truncating files below this directory stays allowed, too. The kernel asks for that right
    ///   whenever anything is opened, to remember it, and where nothing grants it, looks for it all the way up to `/`.
    /// - Returns: false if the kernel has no Landlock; then privileges are given up, and changes are not forbidden.
    func confineThread(isFarDown: Bool = false) -> Bool {
        let isLimited = cdisk_no_new_privileges() == 0 && cdisk_limit_capabilities(keptCapabilities) == 0
        let version = cdisk_landlock_version()
        guard isLimited, version >= 1 else { return false }
        var handled: ChangeRights = [.execute, .writeFile, .removeDirectory, .removeFile, .makeAnything]
        if version >= 2 { handled.insert(.refer) }
        if version >= 3 { handled.insert(.truncate) }
        let rules = cdisk_landlock_ruleset(handled.rawValue)
        guard rules >= 0 else { return false }
        defer { close(rules) }
        var allowed: ChangeRights = [.removeDirectory, .removeFile]
        if isFarDown, version >= 3 { allowed.insert(.truncate) }
        return cdisk_landlock_allow(rules, allowed.rawValue, descriptor) == 0 && cdisk_landlock_restrict(rules) == 0
    }
}
