// SPDX-License-Identifier: Apache-2.0

import Flow
import Model
import Observe

extension JSONValue {
    /// An element of `"roots"` of the JSON contract.
    fileprivate init(_ root: Survey.Root) {
        let path = Shown.decoded(root.path)
        self = .object(
            ("path", .string(path ?? root.path)), ("encoded", path == nil ? .bool(true) : nil),
            ("filesystem", .string(root.filesystem)), ("eras", .strings(root.eras.map(\.rawValue))),
            ("drivers", .strings(root.drivers.map(\.rawValue))), ("owner", .string(root.owner)),
            ("how", .string(root.how)), ("notes", .strings(root.notes)))
    }

    /// `"engine"` of the JSON contract.
    fileprivate init(_ engine: Survey.EngineSummary) {
        self = .object(
            ("state", .string(engine.state.rawValue)), ("version", engine.version.map { .string($0) }),
            ("apiVersion", engine.apiVersion.map { .string($0) }),
            ("storageDriver", engine.storageDriver.map { .string($0) }),
            ("imageStore", engine.imageStore.map { .string($0) }), ("reason", engine.reason.map { .string($0) }))
    }
}

/// Which root was looked at and in whose company: what every answer begins with.
struct Place: Sendable {
    var root: Survey.Root
    /// containerd's own root, if it is another.
    var stores: [Survey.Root] = []
    var engine: Survey.EngineSummary

    /// The members that every JSON answer has.
    var members: [(name: String, value: JSONMember)] {
        [
            ("schema", .value(.integer(1))), ("roots", .list(([root] + stores).map(JSONValue.init))),
            ("engine", .value(JSONValue(engine))),
        ]
    }

    func lines(_ style: Style) -> [String] {
        let details = [Shown.raw(root.filesystem)] + root.drivers.map(\.rawValue)
        let line =
            "\(Shown.text(root.path)) (\(details.joined(separator: ", "))), found by \(Shown.raw(root.how)); "
            + Shown.raw(company)
        let others = stores.map { store in
            "and \(Shown.text(store.path)) (\(Shown.raw(store.filesystem))), containerd's own root, found by \(Shown.raw(store.how))"
        }
        return [style(line, .bold)] + others + root.notes.map { "note: " + Shown.raw($0) }
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
    init(_ survey: Survey) { self.init(root: survey.root, stores: survey.stores, engine: survey.engine) }

    /// In which of the answer's roots a path lies, and its path below that.
    func location(of path: RelativePath) -> (root: Int, path: String) {
        for (index, store) in stores.enumerated() {
            guard let below = store.outside?.store, below.base.contains(path) else { continue }
            return (index + 1, below.inside(path).text)
        }
        return (0, path.text)
    }
}
