// SPDX-License-Identifier: Apache-2.0

import Disk
import Engine
import Model
import Observe
import SystemPackage

/// What the engine's answer means for one root: an engine counts for the root that it is proven to work on, and for no other.
struct EngineBinding: Sendable {
    var summary: Survey.EngineSummary
    /// Claims and problems that the answer adds.
    var findings = Findings()
    var activeDriver: String?
    var started: Timestamp?
    /// `engine`, `none`, `unknown`.
    var owner: String
    /// What speaks for it.
    var notes: [String] = []

    /// - Parameter answer: `nil` if the engine was not asked.
    init(_ answer: EngineAnswer?, _ root: DataRoot, _ request: Request) {
        guard case .answered(let report) = answer, case .success(let info) = report.info else {
            self.init(withoutAnswer: answer, root, request)
            return
        }
        summary = Survey.EngineSummary(
            state: .running, version: info.serverVersion, apiVersion: report.api.description,
            storageDriver: info.driver,
            imageStore: info.imageStore.rawValue)
        switch Observe.owner(
            of: root, engineRoot: info.dockerRootDir, peer: report.peerPID, sources: request.rootSources)
        {
        case .engine(let pid):
            owner = "engine"
            activeDriver = info.imageStore == .graphdriver ? info.driver : "containerd"
            started = Self.startTime(of: pid, request)
            findings = Engine.findings(from: report)
        case .none(let evidence):
            self.init(withoutAnswer: nil, root, request)
            notes = evidence
        case .unknown(let reasons):
            // An engine of another root says nothing about this one.
            self.init(withoutAnswer: nil, root, request)
            if owner == "unknown" { notes += reasons }
        }
    }

    private init(withoutAnswer answer: EngineAnswer?, _ root: DataRoot, _ request: Request) {
        let isAsked = !request.offline
        switch ownerOffline(of: root, sources: request.rootSources) {
        case .none:
            owner = "none"
            summary = Survey.EngineSummary(state: isAsked ? .stopped : .notAsked)
        case .engine(let pid):
            owner = "engine"
            summary = Survey.EngineSummary(state: isAsked ? .unreachable : .notAsked)
            notes = ["an engine (pid \(pid)) works on this root"]
        case .unknown(let reasons):
            owner = "unknown"
            summary = Survey.EngineSummary(state: isAsked ? .unreachable : .notAsked)
            notes = reasons
        }
        guard isAsked else { return }
        switch answer {
        case .cannotTell(let error): summary.reason = "\(error)"
        case .nobodyThere(let error): summary.reason = summary.state == .unreachable ? "\(error)" : nil
        case .answered(let report):
            if case .failure(let error) = report.info { summary.reason = "\(error)" }
        case nil: summary.reason = summary.state == .unreachable ? notes.first : nil
        }
        // Whoever could have claimed things was not heard.
        if summary.state == .unreachable {
            let reason = "the engine could not be asked: \(summary.reason ?? "no answer")"
            findings.problem("engine", hides: [.everything], because: reason)
        }
    }

    /// When a process began. If that cannot be made out, the beginning of time: then all scratch may be its own.
    private static func startTime(of pid: Int32, _ request: Request) -> Timestamp {
        let unknown = Timestamp(nanoseconds: .min)
        do {
            let proc = try ProcFS(path: FilePath(request.proc))
            guard case .value(let stat) = proc.stat(of: ProcessID(pid)), let uptime = try proc.uptimeSeconds() else {
                return unknown
            }
            let age = uptime - Double(stat.startTicks) / 100
            return Timestamp(seconds: request.now.seconds - Int64(age.rounded(.up)))
        } catch {
            return unknown
        }
    }
}

extension ProcFS {
    /// Seconds since the host started; `nil` if the kernel's text is no number.
    func uptimeSeconds() throws(DiskError) -> Double? {
        guard let bytes = try fileIfPresent(RelativePath("uptime")) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").first.flatMap { Double($0) }
    }
}

extension EngineAnswer {
    /// `DockerRootDir`, if an engine answered with one.
    var rootDirectory: String? {
        guard case .answered(let report) = self, case .success(let info) = report.info else { return nil }
        return info.dockerRootDir
    }
}
