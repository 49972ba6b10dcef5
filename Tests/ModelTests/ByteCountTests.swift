// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Testing

@Suite("byte counts")
struct ByteCountTests {
    @Test(
        "sizes read as Docker printed them",
        arguments: [
            (0, "0 B"), (1, "1 B"), (910, "910 B"), (999, "999 B"), (1000, "1 kB"), (1885, "1.885 kB"),
            (1890, "1.89 kB"),
            (32_610, "32.61 kB"), (6_642_000, "6.642 MB"), (12_830_000, "12.83 MB"), (188_104_102, "188.1 MB"),
            (202_600_000, "202.6 MB"), (306_100_000, "306.1 MB"), (413_901_730, "413.9 MB"), (1_000_000_000, "1 GB"),
            (1_500_000_000_000, "1.5 TB"), (-1, "-1 B"), (-12_830_000, "-12.83 MB"),
        ] as [(Int64, String)])
    func known(bytes: Int64, text: String) {
        #expect(ByteCount(bytes).text == text)
        #expect(ByteCount(bytes).compactText == text.replacingOccurrences(of: " ", with: ""))
    }

    @Test(
        "rounding up to the next power of ten keeps the unit, as with Docker",
        arguments: [
            (999_949, "999.9 kB"), (999_950, "1000 kB"), (999_999, "1000 kB"), (9_999_500, "9.999 MB"),
            (9_999_501, "10 MB"),
            (99_995, "100 kB"), (99_994, "99.99 kB"), (.max, "9.223 EB"), (.min, "-9.223 EB"),
        ] as [(Int64, String)])
    func edges(bytes: Int64, text: String) { #expect(ByteCount(bytes).text == text) }

    @Test("every size has the digits that C prints for %.4g")
    func sameAsC() {
        var state: UInt64 = 42
        for round in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var bytes = Int64((state >> 1) >> (round % 62))
            // Ties and their neighbours, which random numbers hardly ever hit.
            if round % 3 == 0 { bytes = bytes / 1000 * 1000 + 500 }
            if round % 7 == 0 { bytes = Int64(round) * 500_000 + 50_000 }
            #expect(ByteCount(bytes).text == printed(bytes), "\(bytes)")
        }
    }

    private func printed(_ bytes: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < 6 { (value, unit) = (value / 1000, unit + 1) }
        return String(format: "%.4g", value) + " " + units[unit]
    }

    @Test(
        "sizes are understood in both kinds of units",
        arguments: [
            ("0", 0), ("512", 512), ("512B", 512), ("10MB", 10_000_000), ("10 MB", 10_000_000),
            ("50GB", 50_000_000_000),
            ("20GiB", 20 << 30), ("1.5GiB", 3 << 29), ("2.75kB", 2750), ("0.1MiB", 104_857), ("10mb", 10_000_000),
            ("1KiB", 1024), ("3TiB", 3 << 40), ("1PB", 1_000_000_000_000_000), ("8191PiB", 8191 << 50),
            ("1.999999999999999999999GB", 1_999_999_999), ("9223372036854775807", .max),
        ] as [(String, Int64)])
    func parses(text: String, bytes: Int64) { #expect(ByteCount(parsing: text)?.bytes == bytes) }

    @Test(
        "what is no size is refused",
        arguments: [
            "", " ", "MB", "-1MB", "+1MB", "1.MB", ".5MB", "1.2.3MB", "10m", "10 ", "10  MB", "10MBB", "1e3", "0x10",
            "١٠MB",
            "9223372036854775808", "8192PiB", "10M B", "10%",
        ])
    func refuses(text: String) { #expect(ByteCount(parsing: text) == nil) }

    @Test(
        "what was printed is understood again, to four digits",
        arguments: [0, 910, 1885, 12_830_000, 413_900_000] as [Int64])
    func roundTrip(bytes: Int64) { #expect(ByteCount(parsing: ByteCount(bytes).text)?.bytes == bytes) }
}
