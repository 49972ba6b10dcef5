// SPDX-License-Identifier: Apache-2.0

import FuzzTargets
import Glibc

/// What libFuzzer calls for each input; `BILGE_FUZZ` names the parser. Built only by `make fuzz`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

private let target: FuzzTarget = {
    let name = getenv("BILGE_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else { fatalError("BILGE_FUZZ names no parser: \(name)") }
    return target
}()
