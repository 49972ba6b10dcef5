// SPDX-License-Identifier: Apache-2.0

import Flow
import Model

/// `"roots"` of the JSON contract.
struct RootJSON: Encodable {
    var path: String
    var filesystem: String
    var eras: [String]
    var drivers: [String]
    var owner: String
    var how: String
    var notes: [String]
    var encoded: Bool?

    init(_ root: Survey.Root) {
        let decoded = Shown.decoded(root.path)
        path = decoded ?? root.path
        encoded = decoded == nil ? true : nil
        filesystem = root.filesystem
        eras = root.eras.map(\.rawValue)
        drivers = root.drivers.map(\.rawValue)
        owner = root.owner
        how = root.how
        notes = root.notes
    }
}

/// `"engine"` of the JSON contract.
struct EngineJSON: Encodable {
    var state: String
    var version: String?
    var apiVersion: String?
    var storageDriver: String?
    var imageStore: String?
    var reason: String?

    init(_ engine: Survey.EngineSummary) {
        state = engine.state.rawValue
        version = engine.version
        apiVersion = engine.apiVersion
        storageDriver = engine.storageDriver
        imageStore = engine.imageStore
        reason = engine.reason
    }
}

/// Which root was looked at and in whose company: what every answer begins with.
struct Place: Sendable {
    var root: Survey.Root
    var engine: Survey.EngineSummary

    /// The members that every JSON answer has.
    func members() throws -> [(name: String, value: String)] {
        [
            ("schema", "1"), ("roots", try JSONText.array([RootJSON(root)])),
            ("engine", try JSONText.encode(EngineJSON(engine))),
        ]
    }

    func lines(_ style: Style) -> [String] {
        let details = [Shown.raw(root.filesystem)] + root.drivers.map(\.rawValue)
        let line =
            "\(Shown.text(root.path)) (\(details.joined(separator: ", "))), found by \(Shown.raw(root.how)); "
            + Shown.raw(company)
        return [style(line, .bold)] + root.notes.map { "note: " + Shown.raw($0) }
    }

    private var company: String {
        let version = engine.version.map { "Docker \($0)" } ?? "an engine"
        switch engine.state {
        case .running: return "\(version) is running and owns it"
        case .stopped: return "no engine uses it"
        case .notAsked: return "the engine was not asked (--offline)"
        case .unreachable: return "the engine could not be asked" + (engine.reason.map { ": \($0)" } ?? "")
        }
    }
}

extension Place {
    init(_ survey: Survey) { self.init(root: survey.root, engine: survey.engine) }
}
