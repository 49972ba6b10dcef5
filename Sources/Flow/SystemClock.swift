// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// What time it is. What is judged and shown goes by `Request.now`; this is for what is written down.
func systemClock() -> Timestamp {
    let now = Date().timeIntervalSince1970
    return Timestamp(seconds: Int64(now.rounded(.down)), nanoseconds: Int64((now - now.rounded(.down)) * 1e9))
}
