// SPDX-License-Identifier: Apache-2.0

import Disk
import Glibc
import Model
import SystemPackage

/// A file with a policy, such as `/etc/bilge/policy.yaml`: read whole and understood whole, or not at all.
enum PolicyFile {
    private static let limitBytes = 1 << 20

    /// - Throws: `Failure` with `refused`, for a file that is not there as well.
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
            throw unreadable(error, path)
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

    private static func unreadable(_ error: DiskError, _ path: String) -> Failure {
        error.isMissing
            ? Failure(.refused, "there is no policy file \(Shown.raw(path))")
            : Failure(
                .refused, "cannot read the policy: \(error)",
                advice: "nothing was changed: a policy that cannot be read is never taken for an empty one")
    }
}
