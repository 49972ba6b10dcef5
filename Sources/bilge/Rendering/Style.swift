// SPDX-License-Identifier: Apache-2.0

/// Colour, sparing, and only where a person looks at it.
struct Style: Sendable {
    enum Ink: Sendable { case plain, bold, dim, red, yellow }

    var isColoured: Bool

    func callAsFunction(_ text: String, _ ink: Ink) -> String {
        guard isColoured, !text.isEmpty else { return text }
        switch ink {
        case .plain: return text
        case .bold: return "\u{1B}[1m\(text)\u{1B}[0m"
        case .dim: return "\u{1B}[2m\(text)\u{1B}[0m"
        case .red: return "\u{1B}[31m\(text)\u{1B}[0m"
        case .yellow: return "\u{1B}[33m\(text)\u{1B}[0m"
        }
    }
}
