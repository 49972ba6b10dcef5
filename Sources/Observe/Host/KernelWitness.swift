// SPDX-License-Identifier: Apache-2.0

package import Disk
import Glibc
package import Model
import SystemPackage

/// The second witness: what the kernel says is in use below a root, whatever any record says.
///
/// One pass over `/proc` answers for all items: the mounts of every mount namespace, what every process and thread has
/// for working directory, root and program, every open file, loop devices, swap files and NFS exports. It can only add
/// claims and problems, so it can only keep things.
///
/// What no pass can see: a namespace that a file pins and no process is in (reported), descriptors in flight between
/// processes, and, in a container, the processes of the host (reported).
package struct KernelWitness: Sendable {
    /// The reason of the problem that those who use a root from outside of this container cannot be seen.
    package static let blindness =
        "this runs in a container, where the processes that use the root are not shown; run it with --pid=host"

    let root: Directory
    let rootPath: String
    let sources: KernelSources
    let caller: UInt32

    /// - Parameters:
    ///   - rootPath: the root's real path, escaped.
    ///   - caller: the effective user id.
    package init(root: Directory, rootPath: String, proc: String = "/proc", caller: UInt32 = geteuid()) {
        self.init(root: root, rootPath: rootPath, sources: KernelSources(proc: proc), caller: caller)
    }

    package init(root: Directory, rootPath: String, sources: KernelSources, caller: UInt32) {
        self.root = root
        self.rootPath = rootPath
        self.sources = sources
        self.caller = caller
    }

    /// Claims on `items`, and on what of them nobody can be sure. Something in the trash is looked for under the path it
    /// has there.
    package func claims(among items: Findings) -> Findings { look(among: items).findings }

    /// As `claims`, with how much was looked at.
    package func look(among items: Findings) -> (findings: Findings, coverage: WitnessCoverage) {
        do {
            var pass = try WitnessPass(self, items)
            return pass.run()
        } catch {
            var findings = Findings()
            findings.problem(sources.proc, hides: [.everything], because: "\(error)")
            return (findings, WitnessCoverage())
        }
    }
}

/// How much a kernel witness looked at, for those who ask why it says that nobody uses a thing.
package struct WitnessCoverage: Hashable, Sendable {
    package var namespaces = 0
    package var mounts = 0
    package var processes = 0
    package var threads = 0
    package var descriptors = 0
    /// Processes of other users that a caller without privileges cannot ask.
    package var notAsked = 0
    /// Everything in use below the root, whether it is an item or not, in sentences; not what merely shows the root.
    package var uses: [String] = []
    /// Particulars worth showing beside the numbers.
    package var notes: [String] = []

    package init() {}

    package var description: String {
        let text =
            "\(mounts) mounts in \(namespaces) namespaces, \(processes) processes with \(threads) threads and "
            + "\(descriptors) descriptors"
        return ([text + (notAsked > 0 ? ", not \(notAsked) of other users" : "")] + notes).joined(separator: "; ")
    }
}
