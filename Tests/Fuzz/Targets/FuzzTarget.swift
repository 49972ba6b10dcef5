// SPDX-License-Identifier: Apache-2.0

/// A parser that is fed what no program would write: one case for each, named as its folder in `Tests/Fuzz/Corpus`.
///
/// libFuzzer (`make fuzz`) and the short run in `make test` call the same function. It returns for any bytes; a trap, a
/// hang or a broken promise (a precondition here) is what is looked for.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case bolt, json, layer, http, engine, mountinfo, intent, audit, plan

    /// Feeds one input to the parser.
    package func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .bolt: BoltFuzz.run(bytes)
        case .json: RecordFuzz.json(Array(bytes))
        case .layer: LayerFuzz.run(Array(bytes))
        case .http: HTTPFuzz.run(Array(bytes))
        case .engine: RecordFuzz.engine(Array(bytes))
        case .mountinfo: RecordFuzz.mountinfo(Array(bytes))
        case .intent: RecordFuzz.intent(Array(bytes))
        case .audit: RecordFuzz.audit(Array(bytes))
        case .plan: RecordFuzz.plan(Array(bytes))
        }
    }
}
