// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people read and write it: decimal units like Docker's, `MB` = 10^6, `MiB` = 2^20.
package struct ByteCount: Hashable, Comparable, Sendable {
    package let bytes: Int64

    package init(_ bytes: Int64) { self.bytes = bytes }

    /// Four significant digits and a unit, digit for digit what Docker up to 1.12 printed: `12.83 MB`, `910 B`, `0 B`.
    ///
    /// Source: moby v1.6.2 `pkg/units/size.go`, `HumanSize`.
    package var text: String { text(between: " ") }

    /// The same without the space, as Docker prints it since 1.13: `12.83MB`. Source: go-units `size.go`, `HumanSize`.
    package var compactText: String { text(between: "") }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    private func text(between separator: String) -> String {
        // Divided step by step, as Docker does: each step rounds, and the printed digits follow from the sum of that.
        var value = Double(bytes.magnitude)
        var unit = 0
        while value >= 1000, unit + 1 < Self.units.count {
            value /= 1000
            unit += 1
        }
        return (bytes < 0 ? "-" : "") + Self.fourDigits(value) + separator + Self.units[unit]
    }

    /// What C prints for `%.4g`, for 0 and for values from 1 to below 1000.
    ///
    /// A binary fraction ends, so its decimal form can be rounded exactly (half to even) in integers: below 1000 it has
    /// at most 53 bits, and the power of ten that brings four digits before the point adds 10.
    private static func fourDigits(_ value: Double) -> String {
        guard value > 0 else { return "0" }
        precondition(
            value >= 1 && value < 1000, "the unit was chosen so that one to three digits stand before the point")
        var decimals = value < 10 ? 3 : value < 100 ? 2 : 1
        let scale: UInt64 = decimals == 3 ? 1000 : decimals == 2 ? 100 : 10
        let shift = UInt64(52 - value.exponent)
        let exact = (value.significandBitPattern | 1 << 52) * scale
        let half: UInt64 = 1 << (shift - 1)
        var digits = exact >> shift
        let rest = exact & (1 << shift - 1)
        if rest > half || (rest == half && digits % 2 == 1) { digits += 1 }
        if digits == 10_000 {  // 9.9995 became 10.00: still four digits, one place to the left
            digits = 1000
            decimals -= 1
        }
        while decimals > 0, digits % 10 == 0 {
            digits /= 10
            decimals -= 1
        }
        let text = String(digits)
        guard decimals > 0 else { return text }
        return "\(text.dropLast(decimals)).\(text.suffix(decimals))"
    }
}

extension ByteCount {
    /// Parses `10MB`, `1.5 GB`, `20GiB`, `512B`, `512`; capitals do not matter, and one space may stand before the unit.
    ///
    /// Returns `nil` for anything else: no or two numbers, a sign, a unit without `B` (Docker reads `10m` as 10^7 in one
    /// place and as 10 · 2^20 in another), more than `Int64` holds. A fraction of a byte is dropped.
    package init?(parsing text: String) {
        let bytes = Array(text.utf8)
        let digits = bytes.prefix { ByteCount.isDigit($0) }
        var rest = bytes[digits.endIndex...]
        guard let value = ByteCount.number(digits) else { return nil }
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { ByteCount.isDigit($0) }
            rest = rest[fraction.endIndex...]
            guard !fraction.isEmpty else { return nil }
        }
        if rest.first == UInt8(ascii: " "), rest.count > 1 { rest = rest.dropFirst() }
        guard let factor = ByteCount.factor(String(decoding: rest, as: UTF8.self)) else { return nil }
        let (whole, overflow) = value.multipliedReportingOverflow(by: factor)
        let (sum, overflow2) = whole.addingReportingOverflow(ByteCount.part(fraction, of: factor))
        guard !overflow, !overflow2 else { return nil }
        self.init(sum)
    }

    /// Bytes in the digits after the point; those after the fifteenth are less than a byte of any unit.
    private static func part(_ fraction: ArraySlice<UInt8>, of factor: Int64) -> Int64 {
        let digits = fraction.prefix(15)
        guard let numerator = number(digits) else { return 0 }
        let denominator = digits.reduce(into: Int64(1)) { product, _ in product *= 10 }
        return denominator.dividingFullWidth(numerator.multipliedFullWidth(by: factor)).quotient
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        Int64(String(decoding: digits, as: UTF8.self))
    }

    private static func factor(_ unit: String) -> Int64? {
        switch unit.lowercased() {
        case "", "b": 1
        case "kb": 1000
        case "mb": 1_000_000
        case "gb": 1_000_000_000
        case "tb": 1_000_000_000_000
        case "pb": 1_000_000_000_000_000
        case "kib": 1 << 10
        case "mib": 1 << 20
        case "gib": 1 << 30
        case "tib": 1 << 40
        case "pib": 1 << 50
        default: nil
        }
    }
}
