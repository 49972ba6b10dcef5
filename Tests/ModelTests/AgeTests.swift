// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite("ages")
struct AgeTests {
    @Test(
        "ages read as Docker prints them",
        arguments: [
            (-5, "Less than a second"), (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"),
            (60, "About a minute"), (119, "About a minute"), (120, "2 minutes"), (9 * 60, "9 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"), (5399, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"), (11 * 86_400, "11 days"), (13 * 86_400 + 82_000, "13 days"),
            (14 * 86_400, "2 weeks"),
            (25 * 86_400, "3 weeks"), (39 * 86_400, "5 weeks"), (59 * 86_400, "8 weeks"), (60 * 86_400, "2 months"),
            (729 * 86_400, "24 months"), (730 * 86_400, "2 years"), (3 * 365 * 86_400, "3 years"),
            (.max, "292471208677 years"),
        ] as [(Int64, String)])
    func known(seconds: Int64, text: String) { #expect(Age.text(seconds: seconds) == text) }

    @Test("the extremes of the calendar have an age")
    func extremes() {
        let first = Timestamp(nanoseconds: .min)
        let last = Timestamp(nanoseconds: .max)
        #expect(Age.text(of: first, at: last) == "584 years ago")
        #expect(Age.text(of: last, at: first) == "Less than a second ago")
    }

    @Test(
        "durations are understood, and their sums",
        arguments: [
            ("0s", 0), ("45s", 45), ("90m", 5400), ("24h", 86_400), ("30d", 2_592_000), ("2w", 1_209_600),
            ("6mo", 15_552_000),
            ("1y", 31_536_000), ("1d12h", 129_600), ("1y2mo3w4d5h6m7s", 38_898_367),
        ] as [(String, Int64)])
    func parses(text: String, seconds: Int64) { #expect(Age.seconds(parsing: text) == seconds) }

    @Test(
        "what is no duration is refused",
        arguments: [
            "", "30", "d", "-1d", "+1d", "1.5h", "1 d", "1D", "1min", "1h1h", "5m1d", "1d 2h", "1dd",
            "99999999999999999y",
            "9223372036854775807d", "٣d",
        ])
    func refuses(text: String) { #expect(Age.seconds(parsing: text) == nil) }
}
