// SPDX-License-Identifier: Apache-2.0

import Decide
import Demo
import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport

/// A sample host that was built for one test, gone when the value is.
final class Built: Sendable {
    let directory: TemporaryDirectory
    let path: String
    let leftovers: [Leftover]

    init(_ host: DemoHost) throws {
        directory = try TemporaryDirectory("demo")
        path = directory.path + "/root"
        leftovers = try host.build(at: FilePath(path))
    }

    /// What the readers say of it, and the verdicts of somebody who knows that no engine runs and waits for nothing.
    func judged() throws -> (findings: Findings, items: [Judged]) { try judge(path) }

    /// Every entry below the root with all that a build decides about it.
    func entries() throws -> [String: [String]] {
        var entries: [String: [String]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            let full = path + "/" + name
            let attributes = try FileManager.default.attributesOfItem(atPath: full)
            let type = attributes[.type] as? FileAttributeType
            let modified = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            let content =
                switch type {
                case .typeSymbolicLink: try FileManager.default.destinationOfSymbolicLink(atPath: full)
                case .typeRegular: try Data(contentsOf: URL(fileURLWithPath: full)).base64EncodedString()
                default: ""
                }
            entries[name] = [
                "\(type?.rawValue ?? "")", "\(attributes[.posixPermissions] ?? "")", "\(modified)", content,
            ]
        }
        return entries
    }

    func text(_ relative: String) throws -> String {
        try String(contentsOfFile: path + "/" + relative, encoding: .utf8)
    }

    func names(_ relative: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: path + "/" + relative))
    }

    func exists(_ path: RelativePath) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: self.path + "/" + path.text)) != nil
    }

    func json(_ relative: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path + "/" + relative))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}

func judge(_ path: String) throws -> (findings: Findings, items: [Judged]) {
    let root = try Directory(path: FilePath(path))
    let findings = observe(root, at: path)
    let reach = Reach(findings)
    let now = Timestamp(seconds: Int64(Date().timeIntervalSince1970) + 60)
    let circumstances = Circumstances(
        now: now, graceSeconds: 0, engine: .stopped, changed: changes(of: candidates(findings, reach), in: root))
    return (findings, classify(findings, reach, circumstances))
}
