// SPDX-License-Identifier: Apache-2.0

import Model

/// What the name of a layer's directory says, alike for the drivers aufs, overlay and vfs.
enum LayerName {
    static let initSuffix = "-init"
    static let removingSuffix = "-removing"

    /// The kind of layer that an engine gives this name; `nil` if none does.
    ///
    /// - Parameter removing: the driver renames a layer to `<id>-removing` before it deletes it. Only aufs does.
    static func thing(_ name: some StringProtocol, removing: Bool = false) -> Thing? {
        if removing, name.hasSuffix(removingSuffix) {
            return thing(name.dropLast(removingSuffix.count)) == nil ? nil : .removingLayer
        }
        if name.hasSuffix(initSuffix) { return isID(name.dropLast(initSuffix.count)) ? .initLayer : nil }
        return isID(name) ? .layer : nil
    }

    /// The container or image that the layer belongs to: the name without `-init`.
    static func owner(_ name: some StringProtocol) -> String {
        String(name.hasSuffix(initSuffix) ? String(name.dropLast(initSuffix.count)) : String(name))
    }

    /// True if a reference to a layer may consist of exactly this name.
    ///
    /// 25 hexadecimal digits are also an id of 64 that was cut short. BuildKit picks from 36 characters: one id in a
    /// thousand million looks like that, and is better taken for damage.
    static func isReference(_ name: some StringProtocol) -> Bool {
        let id = owner(name)
        return EntryName.isHexID(id) || (EntryName.isBuildKitID(id) && !id.utf8.allSatisfy(isHexDigit))
    }

    private static func isID(_ name: some StringProtocol) -> Bool {
        EntryName.isHexID(name) || EntryName.isBuildKitID(name)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension Findings {
    /// True if there is no item of that path, but one in the same directory whose id is nearly the same: whatever named
    /// it lost a bit.
    func hasNearly(_ path: RelativePath) -> Bool {
        guard !has(path), let folder = path.parent else { return false }
        return paths(in: folder).contains { EntryName.areNearlyTheSame($0.name, path.name) }
    }

    /// The item at `path` as a claimant.
    ///
    /// What was made after the first listing is no item, and so could not be found to be in use itself. It is being
    /// used right now: its claims count without that.
    func claimant(_ path: RelativePath) -> Claimant {
        items[path] == nil ? .engine("\(path), made during the scan") : .item(path)
    }
}
