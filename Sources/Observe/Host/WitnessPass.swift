// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage

/// One pass over `/proc`.
struct WitnessPass {
    private let witness: KernelWitness
    private let proc: ProcFS
    private let own: MountTable
    private let territory: Territory
    private let index: WitnessIndex
    private var mounts: MountWitness
    private var files: ProcessWitness
    private var coverage = WitnessCoverage()
    private var problems: [Problem] = []
    /// Mount tables by what they depend on: a process with another root sees other mounts of its namespace.
    private var tables: [View: MountTable] = [:]
    private var ownNamespace: UInt64?
    /// Tables of processes whose namespace may not be asked for; most of them are the same.
    private var bare: [[UInt8]: MountTable] = [:]
    private var namespaces: Set<UInt64> = []
    private var unreadable: [(pid: Int32, error: DiskError)] = []

    private struct View: Hashable {
        var namespace: UInt64
        var root: HeldFile
    }

    private struct Failure: Error, CustomStringConvertible { let description: String }

    init(_ witness: KernelWitness, _ items: Findings) throws {
        self.witness = witness
        proc = try ProcFS(path: FilePath(witness.sources.proc))
        guard case .value(let bytes) = proc.mountinfo(of: .own) else {
            throw Failure(description: "the mounts of this process cannot be read")
        }
        own = MountTable(try Mount.parse(bytes), tellsAll: true)
        bare[bytes] = own
        let status = try witness.root.status(.root)
        guard let territory = Territory(rootPath: witness.rootPath, mountID: status.mountID, mounts: own) else {
            throw Failure(description: "no mount is listed through which \(witness.rootPath) could be reached")
        }
        self.territory = territory
        index = WitnessIndex(items)
        mounts = MountWitness(witness.root, territory, index)
        files = ProcessWitness(territory, index, devices: territory.statDevices(status.device))
    }

    mutating func run() -> (findings: Findings, coverage: WitnessCoverage) {
        lookAtOwnMounts()
        do { try lookAtProcesses() } catch { problem(witness.sources.proc, error.description) }
        files.identify(in: witness.root)
        lookAtKernelUses()
        judgeUnreadable()
        judgePinned()
        judgeBlindness()
        var findings = mounts.findings
        findings.merge(files.findings)
        findings.problems = Array(Set(findings.problems + problems)).sorted {
            ($0.path, $0.reason) < ($1.path, $1.reason)
        }
        coverage.namespaces = namespaces.count
        coverage.uses = Set(mounts.uses).union(files.uses).sorted()
        return (findings, coverage)
    }
}

// MARK: - Mounts

extension WitnessPass {
    private mutating func lookAtOwnMounts() {
        if case .value(let namespace) = proc.namespace(.mnt, of: .own),
            case .value(let root) = proc.link(.root, of: .own)
        {
            namespaces.insert(namespace)
            ownNamespace = namespace
            tables[View(namespace: namespace, root: root)] = own
        }
        count(own, source: "/proc/self/mountinfo")
    }

    /// The mounts by which the paths of what a process or thread holds can be translated; `nil` if it is gone or they
    /// cannot be read, which is then a problem. Every table is looked at on the way.
    private mutating func table(of id: ProcessID, _ root: ProcessAnswer<HeldFile>) -> MountTable? {
        guard case .value(let namespace) = proc.namespace(.mnt, of: id), case .value(let root) = root else {
            return read(id, tellsAll: false)
        }
        namespaces.insert(namespace)
        let view = View(namespace: namespace, root: root)
        if tables[view] == nil { tables[view] = read(id, tellsAll: root.target == "/") }
        // The kernel tells paths as this process would say them, and only mounts from the root of the other one.
        return namespace == ownNamespace ? own : tables[view]
    }

    private mutating func read(_ id: ProcessID, tellsAll: Bool) -> MountTable? {
        switch proc.mountinfo(of: id) {
        case .gone: return nil
        case .unreadable(let error):
            unreadable.append((id.pid, error))
            return nil
        case .value(let bytes):
            if let known = bare[bytes] { return known }
            guard let table = parse(bytes, of: id, tellsAll) else { return nil }
            bare[bytes] = table
            count(table, source: "/proc/\(id.pid)/mountinfo")
            return table
        }
    }

    private mutating func parse(_ bytes: [UInt8], of id: ProcessID, _ tellsAll: Bool) -> MountTable? {
        do { return MountTable(try Mount.parse(bytes), tellsAll: tellsAll) } catch {
            problem("/proc/\(id.pid)/mountinfo", error.description)
            return nil
        }
    }

    private mutating func count(_ table: MountTable, source: String) {
        coverage.mounts += table.all.count
        mounts.look(at: table, source: source)
    }
}

// MARK: - Processes

extension WitnessPass {
    private mutating func lookAtProcesses() throws(DiskError) {
        let listed = try proc.processes()
        for id in try mine(among: listed) where id != .own { lookAt(id) }
        askAgain()
        // A hidden process is not listed at all; nobody hides this one from itself.
        if witness.caller == 0, !listed.contains(ProcessID(1)) {
            problem(witness.sources.proc, "process 1 is not shown: /proc hides processes from this one")
        }
    }

    /// Whom the caller can ask. An unprivileged caller works only on a root of its own (the demo, tests, a rootless
    /// engine), which lies in directories that other users' processes have no business in; the kernel does not tell it
    /// more about them either. Those that run with its own user id, but are protected even from it, are among them.
    private mutating func mine(among listed: [ProcessID]) throws(DiskError) -> [ProcessID] {
        guard witness.caller != 0, try witness.root.status(.root).owner == witness.caller else { return listed }
        let directory = try Directory(path: FilePath(witness.sources.proc))
        let statuses = try directory.statuses(names: listed.map { String($0.pid) })
        let mine = zip(listed, statuses).filter { $1?.owner == witness.caller }.map(\.0)
        coverage.notAsked = listed.count - mine.count
        return mine
    }

    /// Some cannot be asked for a moment only, while they start a program or give up privileges; a second look does not
    /// replace what the first one found. Process 1 stays as it is.
    private mutating func askAgain() {
        let counted = coverage
        for milliseconds in [1, 4, 16, 64] {
            let hidden = Set(unreadable.map(\.pid)).subtracting([1])
            guard !hidden.isEmpty else { break }
            witness.sources.pause(milliseconds)
            unreadable.removeAll { hidden.contains($0.pid) }
            for pid in hidden.sorted() { lookAt(ProcessID(pid)) }
        }
        coverage = counted
    }

    private mutating func lookAt(_ id: ProcessID) {
        guard let stat = answer(proc.stat(of: id), id), !stat.isKernelThread else { return }
        coverage.processes += 1
        let root = proc.link(.root, of: id)
        let table = table(of: id, root)
        lookAt(root, "root", of: id, stat.name, table)
        for link in [ProcFS.Link.cwd, .exe] { lookAt(proc.link(link, of: id), link.rawValue, of: id, stat.name, table) }
        let files = answer(proc.openFiles(of: id), id) ?? []
        coverage.descriptors += files.count
        for file in files { lookAt(.value(file), "fd", of: id, stat.name, table) }
        lookAtThreads(of: id, stat.name, root)
    }

    /// A thread may leave its process's root, working directory and mount namespace: Docker unpacks layers in one.
    ///
    /// Source: moby `internal/unshare/unshare_linux.go`, `pkg/chrootarchive`.
    private mutating func lookAtThreads(of id: ProcessID, _ name: String, _ root: ProcessAnswer<HeldFile>) {
        guard let threads = answer(proc.threads(of: id), id) else { return }
        coverage.threads += threads.count
        for thread in threads where thread.thread != id.pid {
            let ownRoot = proc.link(.root, of: thread)
            let table = table(of: thread, ownRoot)
            lookAt(ownRoot, "task/\(thread.thread ?? 0)/root", of: thread, name, table)
            lookAt(proc.link(.cwd, of: thread), "task/\(thread.thread ?? 0)/cwd", of: thread, name, table)
        }
    }

    private mutating func lookAt(
        _ file: ProcessAnswer<HeldFile>, _ link: String, of id: ProcessID, _ name: String, _ table: MountTable?
    ) {
        guard let file = answer(file, id) else { return }
        files.look(at: file, of: ProcessWitness.Holder(pid: id.pid, name: name, link: link), in: table)
    }

    private mutating func answer<Value>(_ answer: ProcessAnswer<Value>, _ id: ProcessID) -> Value? {
        switch answer {
        case .value(let value): return value
        case .gone: return nil
        case .unreadable(let error):
            unreadable.append((id.pid, error))
            return nil
        }
    }
}

// MARK: - The kernel itself, and what nobody could see

extension WitnessPass {
    private mutating func lookAtKernelUses() {
        let (uses, unread) = kernelUses(witness.sources)
        problems += unread
        for use in uses { lookAt(use) }
    }

    private mutating func lookAt(_ use: KernelUse) {
        guard let mount = own.holding(use.path), let rest = below(use.path, mount.point) else { return }
        switch territory.relation(of: joined(mount.root, rest), on: mount.device) {
        case .outside: break
        case .above: mounts.findings.claim(.root, by: .mount(use.user), .mentions, source: use.source)
        case .inside(let places):
            for place in places {
                switch index.match(place) {
                case .item(let item): mounts.findings.claim(item, by: .mount(use.user), source: use.source)
                case .directory(let areas):
                    mounts.findings.problem(use.source, hides: areas, because: "\(use.user) has all of \(place)")
                case .nothing:
                    if place == .root {
                        mounts.findings.claim(.root, by: .mount(use.user), .mentions, source: use.source)
                    }
                }
            }
        }
    }

    /// One problem, however many processes: each of them could hold anything.
    private mutating func judgeUnreadable() {
        var hidden = Dictionary(unreadable.map { ($0.pid, $0.error) }) { first, _ in first }
        if let error = hidden[1], isHostInit {
            hidden[1] = nil
            coverage.notes.append("process 1 does not show its descriptors (\(error.errno)); its mounts were read")
        }
        guard let first = hidden.min(by: { $0.key < $1.key }) else { return }
        let others = hidden.count == 1 ? "" : " and \(hidden.count - 1) more"
        problem("/proc/\(first.key)", "process \(first.key)\(others) cannot be asked what it holds: \(first.value)")
    }

    /// True if process 1 is the host's own, whose mounts could be read. Some hosts protect it even from root. It holds no
    /// container's files: it keeps services, and what those hold is their own processes' affair. In any other PID
    /// namespace process 1 may be anything, a database too.
    private var isHostInit: Bool {
        guard proc.isInitialPIDNamespace, case .value = proc.mountinfo(of: ProcessID(1)) else { return false }
        return true
    }

    /// A namespace that only a file keeps: whoever enters it next sees mounts that nobody could look at.
    private mutating func judgePinned() {
        var pinned: Set<String> = []
        for mount in Set(([own] + tables.values + bare.values).flatMap(\.all)) where mount.type == "nsfs" {
            guard mount.root.hasPrefix("mnt:["), mount.root.hasSuffix("]"),
                let namespace = UInt64(mount.root.dropFirst(5).dropLast()), !namespaces.contains(namespace)
            else { continue }
            // Every host with snaps has one per snap, a copy of the host's own tree.
            if mount.point.hasPrefix("/run/snapd/ns/") { continue }
            pinned.insert(mount.point)
        }
        for point in pinned {
            problems.append(
                Problem(
                    path: point, areas: [.volumes],
                    reason: "a mount namespace that no process is in is kept there; its mounts cannot be looked at"))
        }
    }

    /// In a container that got the root from outside, those who use the root may be outside, and unseen.
    private mutating func judgeBlindness() {
        guard !proc.isInitialPIDNamespace, territory.isFromOutside else { return }
        do {
            let holders = try lockHolders(of: RelativePath("volumes/metadata.db"), in: witness.root, proc)
            if holders?.contains(where: { $0 > 0 }) == true { return }
        } catch {
            problem(witness.sources.proc + "/locks", "\(error)")
        }
        problem(witness.sources.proc, KernelWitness.blindness)
    }

    private mutating func problem(_ path: String, _ reason: String) {
        problems.append(Problem(path: path, areas: [.everything], reason: reason))
    }
}
