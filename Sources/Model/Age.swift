// SPDX-License-Identifier: Apache-2.0

/// Lengths of time as people read and write them, in whole seconds.
package enum Age {
    /// `11 days`, `About an hour`, `Less than a second`: what Docker prints in its CREATED column, before `ago`.
    ///
    /// A moment in the future has no age: it reads `Less than a second`, as with Docker.
    ///
    /// Source: go-units `duration.go`, `HumanDuration`. Docker up to 1.6 counted weeks up to 90 days instead of 60, wrote
    /// `1 seconds`, and did not round to the nearest hour.
    package static func text(seconds: Int64) -> String {
        if seconds < 1 { return "Less than a second" }
        if seconds == 1 { return "1 second" }
        if seconds < 60 { return "\(seconds) seconds" }
        let minutes = seconds / 60
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        let hours = seconds / 3600 + (seconds % 3600 >= 1800 ? 1 : 0)
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
        if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(seconds / 3600 / 24 / 365) years"
    }

    /// `11 days ago`: the whole entry of the CREATED column.
    package static func text(of moment: Timestamp, at now: Timestamp) -> String {
        // Both are clamped to 64 bits of nanoseconds, so whole seconds cannot overflow.
        text(seconds: now.seconds - moment.seconds) + " ago"
    }

    /// The same in the middle of a sentence.
    package static func words(of moment: Timestamp, at now: Timestamp) -> String {
        let text = text(of: moment, at: now)
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    /// Seconds in `30d`, `24h`, `90m`, `45s`, `2w`, `6mo`, `1y`, and in their sums, `1d12h`.
    ///
    /// A month is 30 days and a year 365. Returns `nil` for anything else: no unit, a sign, a fraction, a unit twice, a
    /// smaller unit before a larger one (`5m1d` may be meant as `5mo1d`), more than `Int64` holds.
    package static func seconds(parsing text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        var last = Int64.max
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest[unit.endIndex...]
            guard let count = Int64(String(decoding: digits, as: UTF8.self)),
                let length = length(of: String(decoding: unit, as: UTF8.self)), length < last
            else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            let (sum, overflow2) = total.addingReportingOverflow(product)
            guard !overflow, !overflow2 else { return nil }
            total = sum
            last = length
        }
        return total
    }

    /// A length of time as one would type it: `90m`, `24h`, `30d`; what `seconds(parsing:)` reads back.
    package static func typed(seconds: Int64) -> String {
        for (unit, length) in [("d", Int64(86_400)), ("h", 3600), ("m", 60)]
        where seconds > 0 && seconds % length == 0 {
            // `24h` is how people say it.
            if unit == "d", seconds == length { continue }
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }

    private static func length(of unit: String) -> Int64? {
        switch unit {
        case "s": 1
        case "m": 60
        case "h": 3600
        case "d": 86_400
        case "w": 7 * 86_400
        case "mo": 30 * 86_400
        case "y": 365 * 86_400
        default: nil
        }
    }
}
