// SPDX-License-Identifier: Apache-2.0

import Model

/// A piece of a page. What is interpolated into it is text, and escaped; only literals and other pieces are taken as
/// they are, so that no name of a file or a container can ever be markup.
struct HTML: Hashable, Sendable, ExpressibleByStringInterpolation {
    private(set) var source: String

    init(stringLiteral value: String) { source = value }

    init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

    init(_ pieces: some Sequence<HTML>) { source = pieces.map(\.source).joined(separator: "\n") }

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var source = ""

        init(literalCapacity: Int, interpolationCount: Int) { source.reserveCapacity(literalCapacity * 2) }

        mutating func appendLiteral(_ literal: String) { source += literal }

        mutating func appendInterpolation(_ piece: HTML) { source += piece.source }

        mutating func appendInterpolation(_ number: Int) { source += String(number) }

        mutating func appendInterpolation(_ text: String) { source += HTML.escaped(text) }
    }

    /// Text as it may stand between tags and in quoted attributes; control characters and what reorders text show as
    /// `%XX`.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in Shown.raw(text).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension HTML {
    /// A number with two decimals, for positions.
    static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths.magnitude % 100
        return "\(hundredths < 0 ? "-" : "")\(hundredths.magnitude / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
