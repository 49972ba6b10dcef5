// SPDX-License-Identifier: Apache-2.0

import Disk
import Glibc
import Model
import SystemPackage

/// `/etc/bilge/policy.yaml`, or another file with a policy: read whole and understood whole, or not at all.
enum PolicyFile {
    static let usualPath = "/etc/bilge/policy.yaml"
    private static let limitBytes = 1 << 20

    /// The policy in the usual file; `nil` if there is none. A file that cannot be read is not one that is not there.
    static func usual() throws -> Policy? {
        do {
            let (folder, name) = try OutputFile.place(of: usualPath)
            guard try folder.statusIfPresent(RelativePath(name)) != nil else { return nil }
        } catch let error as DiskError {
            guard error.isMissing else { throw unreadable(error) }
            return nil
        }
        return try read(usualPath)
    }

    static func read(_ path: String) throws -> Policy {
        let bytes: [UInt8]
        do {
            let (folder, name) = try OutputFile.place(of: path)
            let status = try folder.status(RelativePath(name))
            // Who may write the file decides what root removes.
            guard status.owner == 0 || status.owner == geteuid(), status.mode & 0o022 == 0 else {
                throw Failure(
                    .refused, "\(Shown.raw(path)) can be written to by others", advice: "chown root and chmod 644 it")
            }
            bytes = try folder.read(RelativePath(name), limit: limitBytes)
        } catch let error as DiskError {
            throw unreadable(error)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.refused, "\(Shown.raw(path)) is not UTF-8 text")
        }
        do { return try PolicyYAML.policy(text) } catch {
            throw Failure(
                .refused, "\(Shown.raw(path)):\(error.line): \(Shown.raw(error.reason))",
                advice: "nothing was changed: a policy that is not understood is never taken for an empty one")
        }
    }

    private static func unreadable(_ error: DiskError) -> Failure {
        Failure(
            .refused, "cannot read the policy: \(error)",
            advice: error.isMissing ? "" : "nothing was changed: a policy that cannot be read is never taken for an empty one"
        )
    }
}
