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
    /// The records of its build cache; `nil` if it was not asked, or did not answer.
    var caches: [EngineBuildRecord]?
    var activeDriver: String?
    /// Where the engine's containerd listens.
    var containerdAddress: String?
    var started: Timestamp?
    /// `engine`, `none`, `unknown`.
    var owner: String
    /// What speaks for it.
    var notes: [String] = []

    /// - Parameter answer: `nil` if the engine was not asked.
    static func bind(_ answer: EngineAnswer?, to root: DataRoot, _ request: Request) -> EngineBinding {
        guard case .answered(let report) = answer, case .success(let info) = report.info else {
            return withoutAnswer(answer, root, request)
        }
        let owner = Observe.owner(
            of: root, engineRoot: info.dockerRootDir, peer: report.peerPID, sources: request.rootSources)
        switch owner {
        case .engine(let pid):
            return EngineBinding(
                summary: Survey.EngineSummary(
                    state: .running, version: info.serverVersion, apiVersion: report.api.description,
                    storageDriver: info.driver, imageStore: info.imageStore.rawValue,
                    reclaimableImageBytes: report.reclaimableImageBytes),
                findings: Engine.findings(from: report), caches: report.caches,
                activeDriver: info.imageStore == .graphdriver ? info.driver : "containerd",
                containerdAddress: info.containerdAddress,
                started: startTime(of: pid, request), owner: "engine")
        case .none(let facts), .unknown(let facts):
            // An engine of another root says nothing about this one.
            var binding = withoutAnswer(nil, root, request)
            if binding.owner == "unknown" { binding.notes += facts }
            return binding
        }
    }

    private static func withoutAnswer(_ answer: EngineAnswer?, _ root: DataRoot, _ request: Request) -> EngineBinding {
        var binding: EngineBinding
        switch ownerOffline(of: root, sources: request.rootSources) {
        case .none:
            binding = EngineBinding(summary: Survey.EngineSummary(state: .stopped), owner: "none")
        case .engine(let pid):
            binding = EngineBinding(summary: Survey.EngineSummary(state: .unreachable), owner: "engine")
            binding.notes = ["an engine (pid \(pid)) works on this root"]
        case .unknown(let reasons):
            binding = EngineBinding(summary: Survey.EngineSummary(state: .unreachable), owner: "unknown")
            binding.notes = reasons
        }
        if request.offline {
            binding.summary.state = .notAsked
        } else if binding.summary.state == .unreachable {
            let reason = answer?.failure ?? binding.notes.first ?? "no answer"
            binding.summary.reason = reason
            // Whoever could have claimed things was not heard.
            binding.findings.problem(
                "engine", hides: [.everything], because: "the engine could not be asked: \(reason)")
        }
        return binding
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
            // Both are told in hundredths of a second.
            return Timestamp(nanoseconds: systemClock().nanoseconds - Int64((age + 0.05) * 1e9))
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

extension EngineReport {
    fileprivate var caches: [EngineBuildRecord]? {
        guard case .success(let records)? = buildCache else { return nil }
        return records
    }
}

extension EngineAnswer {
    /// Why nobody answered, if so.
    fileprivate var failure: String? {
        switch self {
        case .cannotTell(let error), .nobodyThere(let error): return "\(error)"
        case .answered(let report):
            guard case .failure(let error) = report.info else { return nil }
            return "\(error)"
        }
    }

    /// `DockerRootDir`, if an engine answered with one.
    var rootDirectory: String? {
        guard case .answered(let report) = self, case .success(let info) = report.info else { return nil }
        return info.dockerRootDir
    }
}
