// SPDX-License-Identifier: Apache-2.0

import Model
import SystemPackage

/// How a process has a file open.
package struct Opening: Hashable, Sendable {
    package var pid: Int32
    package var mayWrite: Bool
    /// It writes at the end, wherever that is by then (`O_APPEND`), and not at a position of its own.
    package var appends: Bool

    package init(pid: Int32, mayWrite: Bool, appends: Bool) {
        self.pid = pid
        self.mayWrite = mayWrite
        self.appends = appends
    }
}

extension ProcFS {
    /// True if this process sees the host's own processes, and not those of a container.
    ///
    /// Source: Linux `include/linux/proc_ns.h`, `PROC_PID_INIT_INO`.
    package var isInitialPIDNamespace: Bool {
        guard case .value(let namespace) = namespace(.pid, of: .own) else { return false }
        return namespace == 0xEFFF_FFFC
    }

    /// Who has each of these files open, of all processes, threads that share their files counted once.
    ///
    /// - Returns: as many lists as there are `files`.
    /// - Throws: if a process cannot be asked: it may have any of them open.
    package func openings(of files: [FileStatus]) throws(DiskError) -> [[Opening]] {
        var found = [[Opening]](repeating: [], count: files.count)
        for id in try processes() {
            let answer = answer(id) { () throws(DiskError) in
                try openings(of: files, by: id, in: folder.directory(id.folder))
            }
            switch answer {
            case .value(let openings): for (index, opening) in openings { found[index].append(opening) }
            case .gone: continue
            case .unreadable(let error):
                // Some hosts protect their first process even from root. It keeps services, and writes no logs for them.
                guard id.pid == 1, isInitialPIDNamespace else { throw error }
            }
        }
        return found
    }

    private func openings(
        of files: [FileStatus], by id: ProcessID, in process: Directory
    ) throws(DiskError) -> [(Int, Opening)] {
        let descriptors = try process.directory(RelativePath("fd"))
        var openings: [(Int, Opening)] = []
        for name in try descriptors.names() {
            do throws(DiskError) {
                let held = try held(name, in: descriptors)
                guard let index = files.firstIndex(where: { $0.device == held.device && $0.inode == held.inode }) else {
                    continue
                }
                openings.append((index, try opening(id, name)))
            } catch {
                // It was closed meanwhile.
                guard error.isMissing else { throw error }
            }
        }
        return openings
    }

    /// `flags:` of fdinfo, in octal digits. Source: proc_pid_fdinfo(5); Linux `include/uapi/asm-generic/fcntl.h`.
    private func opening(_ id: ProcessID, _ name: String) throws(DiskError) -> Opening {
        let path = id.folder / "fdinfo" / name
        let text = String(decoding: try bytes(path), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("flags:") }
        guard let digits = line?.split(whereSeparator: \.isWhitespace).last, let flags = Int(digits, radix: 8) else {
            throw DiskError(.read, folder.shown(path), .invalidArgument)
        }
        return Opening(pid: id.pid, mayWrite: flags & 0o3 != 0, appends: flags & 0o2000 != 0)
    }
}
