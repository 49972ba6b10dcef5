// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
package import Model
package import SystemPackage

/// What the kernel says about one process: an answer, that there is nothing left to ask, or that it may not be asked.
///
/// `gone` is also said of a kernel thread and of a zombie, which hold no file of anybody. Only `unreadable` is doubt.
package enum ProcessAnswer<Value: Sendable>: Sendable {
    case value(Value)
    case gone
    case unreadable(DiskError)
}

/// A process, or one thread of it: threads may have a root, a working directory and a mount namespace of their own.
package struct ProcessID: Hashable, Sendable {
    package var pid: Int32
    /// `nil` means the process's first thread.
    package var thread: Int32?

    package init(_ pid: Int32, thread: Int32? = nil) {
        self.pid = pid
        self.thread = thread
    }

    /// This very process.
    package static var own: ProcessID { ProcessID(getpid()) }

    var folder: RelativePath {
        thread.map { RelativePath("\(pid)/task/\($0)") } ?? RelativePath(String(pid))
    }
}

/// `/proc/PID/stat`. Two processes that had the same number at different times differ in `startTicks`.
package struct ProcessStat: Hashable, Sendable {
    /// At most 15 bytes of the program's name, escaped; a process can change it.
    package var name: String
    /// `R`, `S`, `D`, `Z`, …: see proc_pid_stat(5).
    package var state: Character
    package var parent: Int32
    /// Since the host started, in ticks of which there are mostly 100 a second.
    package var startTicks: UInt64
    package var isKernelThread: Bool
    /// It is ending: it has let go of its files, or is about to.
    package var isExiting: Bool
}

/// Something a process holds: what a link in `/proc/PID` leads to, found by its identity and not by its name.
package struct HeldFile: Hashable, Sendable {
    package var device: UInt64
    /// `nil` where the file system tells nobody but its user (FUSE): then it is only known where it does not lie.
    package var inode: UInt64?
    /// The mount it was opened through, as `Mount.id`; 0 where the kernel does not tell (before 5.8).
    package var mountID: UInt64
    /// `st_mode`: type and permissions; 0 where `inode` is `nil`.
    package var mode: UInt32
    /// What the link says, escaped, as seen from that process: a path, which may end in ` (deleted)`, or such as
    /// `socket:[123]`. `nil` if the path is longer than the kernel tells.
    package var target: String?
}

/// The kernel's view of the processes of this host, as far as this process's own PID namespace sees them.
///
/// Every answer is of one moment; a process number that was used again in between shows in `ProcessStat.startTicks`.
/// Source: proc(5).
package struct ProcFS: Sendable {
    package enum Link: String, CaseIterable, Sendable { case cwd, root, exe }
    package enum Namespace: String, Sendable { case mnt, pid }

    let folder: Directory

    /// - Parameter path: another than `/proc` for tests, and for the `/proc` of the host in a container.
    package init(path: FilePath = "/proc") throws(DiskError) { folder = try Directory(path: path) }

    /// Gives a process time to finish what it is in the middle of.
    package static func pause(milliseconds: Int) { usleep(UInt32(clamping: milliseconds) * 1000) }

    /// All processes, in no order, without their threads. With `hidepid` it lists only the caller's own.
    package func processes() throws(DiskError) -> [ProcessID] {
        try folder.names().compactMap { Int32($0) }.filter { $0 > 0 }.map { ProcessID($0) }
    }

    /// All threads of a process, its first one among them.
    package func threads(of id: ProcessID) -> ProcessAnswer<[ProcessID]> {
        answer(id) { () throws(DiskError) in
            try folder.names(of: ProcessID(id.pid).folder / "task")
                .compactMap { Int32($0) }.map { ProcessID(id.pid, thread: $0) }
        }
    }

    /// Name, state and start of a process. Zombies and kernel threads have a `value` here.
    package func stat(of id: ProcessID) -> ProcessAnswer<ProcessStat> {
        do throws(DiskError) {
            return .value(try readStat(id))
        } catch {
            return error.isMissing || error.errno == .noSuchProcess ? .gone : .unreadable(error)
        }
    }

    /// The command line, each argument escaped; empty for a process that emptied it.
    package func arguments(of id: ProcessID) -> ProcessAnswer<[String]> {
        answer(id) { () throws(DiskError) in
            var arguments = try bytes(id.folder / "cmdline").split(separator: 0, omittingEmptySubsequences: false)
            // Each argument ends in a NUL; a process that wrote over its own command line may have left the last out.
            if arguments.last?.isEmpty == true { arguments.removeLast() }
            return arguments.map { EntryName.escaped($0) }
        }
    }

    /// What its working directory, its root or its program is.
    package func link(_ link: Link, of id: ProcessID) -> ProcessAnswer<HeldFile> {
        answer(id) { () throws(DiskError) in try held(link.rawValue, in: folder.directory(id.folder)) }
    }

    /// Everything it has open, without those that it closed meanwhile. One that cannot be asked makes the whole answer
    /// `unreadable`.
    package func openFiles(of id: ProcessID) -> ProcessAnswer<[HeldFile]> {
        answer(id) { () throws(DiskError) in
            let directory = try folder.directory(id.folder / "fd")
            var files: [HeldFile] = []
            for name in try directory.names() {
                do throws(DiskError) {
                    files.append(try held(name, in: directory))
                } catch {
                    guard error.isMissing else { throw error }
                }
            }
            return files
        }
    }

    /// The inode of a namespace: two processes with the same one share it.
    package func namespace(_ namespace: Namespace, of id: ProcessID) -> ProcessAnswer<UInt64> {
        answer(id) { () throws(DiskError) in
            let directory = try folder.directory(id.folder / "ns")
            guard let inode = try held(namespace.rawValue, in: directory).inode else {
                throw DiskError(.stat, directory.path, .notSupported)
            }
            return inode
        }
    }

    /// The mounts of its mount namespace, for `Mount.parse`.
    package func mountinfo(of id: ProcessID) -> ProcessAnswer<[UInt8]> {
        answer(id) { () throws(DiskError) in try bytes(id.folder / "mountinfo") }
    }

    /// A file that is not about one process, such as `locks` or `swaps`; `nil` if this kernel has none.
    package func fileIfPresent(_ path: RelativePath) throws(DiskError) -> [UInt8]? {
        do { return try bytes(path) } catch  where error.isMissing { return nil }
    }
}

extension ProcFS {
    /// Files of `/proc` have no size to go by.
    private static let limitBytes = 64 << 20
    private static let exiting: UInt64 = 0x0000_0004  // PF_EXITING
    private static let kernelThread: UInt64 = 0x0020_0000  // PF_KTHREAD. Source: Linux `include/linux/sched.h`

    func answer<Value>(
        _ id: ProcessID, _ body: () throws(DiskError) -> Value
    ) -> ProcessAnswer<Value> {
        do throws(DiskError) {
            return .value(try body())
        } catch {
            // ENOENT of a file alone does not say that the process is gone, and EACCES is all that the kernel says of
            // some who hold nothing.
            switch stat(of: id) {
            case .gone: return .gone
            case .value(let stat) where stat.isKernelThread || stat.isExiting || "ZXx".contains(stat.state):
                return .gone
            case .value, .unreadable: return .unreadable(error)
            }
        }
    }

    func held(_ name: String, in directory: Directory) throws(DiskError) -> HeldFile {
        var status = cdisk_status()
        if unsafe withName(name, { unsafe cdisk_status_behind(directory.descriptor, $0, &status) }) == 0 {
            return HeldFile(
                device: status.device, inode: status.inode, mountID: status.mount_id, mode: status.mode,
                target: try target(name, in: directory))
        }
        let error = Errno(rawValue: errno)
        var device: UInt64 = 0
        guard error != .noSuchFileOrDirectory,
            unsafe withName(name, { unsafe cdisk_device_behind(directory.descriptor, $0, &device) }) == 0
        else { throw DiskError(.stat, directory.shown(RelativePath(name)), error) }
        return HeldFile(device: device, inode: nil, mountID: 0, mode: 0, target: try target(name, in: directory))
    }

    private func target(_ name: String, in directory: Directory) throws(DiskError) -> String? {
        do { return EntryName.escaped(try directory.linkTarget(RelativePath(name))) } catch
            where error.errno == .fileNameTooLong
        { return nil }
    }

    /// `708 (name) S 1 …`; the name may hold spaces and brackets, so it ends at the last bracket.
    private func readStat(_ id: ProcessID) throws(DiskError) -> ProcessStat {
        let path = id.folder / "stat"
        let line = try bytes(path)
        guard let open = line.firstIndex(of: UInt8(ascii: "(")), let close = line.lastIndex(of: UInt8(ascii: ")")),
            open < close
        else { throw DiskError(.read, folder.shown(path), .invalidArgument) }
        // The first of these is field 3 of proc_pid_stat(5).
        let fields = line[(close + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        guard fields.count >= 20, fields[0].count == 1, let state = fields[0].first,
            let parent = decimal(fields[1]).flatMap({ Int32(exactly: $0) }), let flags = decimal(fields[6]),
            let start = decimal(fields[19])
        else { throw DiskError(.read, folder.shown(path), .invalidArgument) }
        return ProcessStat(
            name: EntryName.escaped(line[(open + 1)..<close]), state: Character(Unicode.Scalar(state)),
            parent: parent, startTicks: start, isKernelThread: flags & Self.kernelThread != 0,
            isExiting: flags & Self.exiting != 0)
    }

    func bytes(_ path: RelativePath) throws(DiskError) -> [UInt8] {
        let file = Owned(try folder.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY))
        var bytes: [UInt8] = []
        var failure: CInt = 0
        while bytes.count <= Self.limitBytes {
            let more = unsafe [UInt8](unsafeUninitializedCapacity: 32 << 10) { buffer, filled in
                var count = -1
                repeat {
                    count = unsafe read(file.descriptor, buffer.baseAddress!, buffer.count)
                } while count < 0
                    && errno == EINTR
                if count < 0 { failure = errno }
                filled = max(0, count)
            }
            guard failure == 0 else { throw DiskError(.read, folder.shown(path), Errno(rawValue: failure)) }
            if more.isEmpty { return bytes }
            if bytes.isEmpty { bytes = more } else { bytes += more }
        }
        throw DiskError(.read, folder.shown(path), .fileTooLarge)
    }
}
