// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
import Model
import SystemPackage

/// A plan in a file of the person's own: `prune -o`, `apply`.
enum PlanFile {
    /// More than a plan with a hundred thousand steps takes.
    static let limitBytes = 256 << 20

    /// Makes the file.
    static func save(_ plan: Plan, to path: String) throws {
        let text = try JSONText.encode(plan, pretty: true) + "\n"
        try OutputFile.create(text, at: path, what: "the plan")
    }

    static func read(_ path: String) throws -> Plan {
        do {
            let (folder, name) = try OutputFile.place(of: path)
            let bytes = try folder.read(RelativePath(name), limit: limitBytes)
            let plan = try JSONDecoder().decode(Plan.self, from: Data(bytes))
            guard plan.schema == 1 else { throw Failure(.refused, "\(path) was made by another version of bilge") }
            return plan
        } catch let error as DiskError {
            throw Failure(.failed, "cannot read the plan: \(error)")
        } catch is DecodingError {
            throw Failure(.refused, "\(path) is not a plan", advice: "plans are made by `bilge prune -n -o FILE`")
        }
    }
}
