// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// Damage never enlarges what is removable: a record that lost a part might have named anything, so whatever it might
/// have named stays.
@Suite("Damaged metadata")
struct DamageTests {
    static let roots =
        ["origin", "overlay2"]
        + [
            "docker-1.6.2-aufs-messy", "docker-upgraded-1.2.0-1.6.2-1.7.1-1.9.1-aufs", "20.10-overlay2-orphans",
            "29.7-containerd-orphans",
        ].filter { GoldenRoot.named($0) != nil }
    /// Minutes instead of seconds: every length of every file.
    static let isThorough = ProcessInfo.processInfo.environment["BILGE_THOROUGH"] == "1"

    @Test("no metadata file cut to any length makes anything removable", arguments: roots)
    func truncated(name: String) throws {
        let root = try DamagedRoot(name)
        let whole = root.removable()
        var damage = Damage(root, whole)
        var kinds: Set<String> = []
        for file in try root.metadataFiles() {
            let bytes = try root.bytes(file)
            let isFirst = kinds.insert(DamagedRoot.kind(of: file)).inserted
            for length in Self.lengths(of: bytes.count, file, isFirst: isFirst) {
                try root.write(bytes.prefix(length), to: file)
                damage.check("\(file) cut to \(length) of \(bytes.count)")
            }
            try root.write(bytes, to: file)
        }
        #expect(damage.growth == [])
        #expect(damage.cases > 300 && damage.noticed > damage.cases / 4, "\(damage)")
        #expect(root.removable() == whole)
        print("\(name): \(damage)")
    }

    @Test("no flipped bit makes anything removable", arguments: roots)
    func flipped(name: String) throws {
        let root = try DamagedRoot(name)
        let whole = root.removable()
        // A changed letter in a name of an image is as good as another name: what the engine knows may change.
        var damage = Damage(root, whole, orphansOnly: true)
        let files = try root.metadataFiles()
        var numbers = SeededNumbers(name)
        for _ in 0..<(Self.isThorough ? 20_000 : 200) {
            let file = files[Int.random(in: files.indices, using: &numbers)]
            let bytes = try root.bytes(file)
            guard !bytes.isEmpty else { continue }
            var flipped = bytes
            let place = Int.random(in: bytes.indices, using: &numbers)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &numbers)
            flipped[place] ^= bit
            try root.write(flipped, to: file)
            damage.check("\(file) with bit \(bit) of byte \(place) of \(bytes.count) flipped")
            try root.write(bytes, to: file)
        }
        #expect(damage.growth == [])
        print("\(name): \(damage)")
    }

    @Test(
        "no metadata file that became a folder, a link or a pipe makes anything removable", arguments: roots,
        Replacement.allCases)
    func replaced(name: String, by replacement: Replacement) throws {
        let root = try DamagedRoot(name)
        let whole = root.removable()
        var damage = Damage(root, whole)
        let aside = root.full(".aside")
        for file in try root.metadataFiles() {
            let path = root.full(file)
            rename(path, aside)
            switch replacement {
            case .folder: mkdir(path, 0o700)
            case .link: symlink(aside, path)
            case .pipe: mkfifo(path, 0o600)
            }
            damage.check("\(file) became a \(replacement)")
            remove(path)
            rename(aside, path)
        }
        #expect(damage.growth == [])
        #expect(root.removable() == whole)
    }

    enum Replacement: CaseIterable { case folder, link, pipe }

    /// Every length of a short file of a kind that was not seen yet; otherwise some from every region.
    static func lengths(of count: Int, _ file: String, isFirst: Bool) -> [Int] {
        if isThorough || (isFirst && count <= 128) { return Array(0..<count) }
        var numbers = SeededNumbers(file)
        if file.hasSuffix(".db") {
            let pages = stride(from: 0, through: count, by: 4096).flatMap { [$0 - 1, $0, $0 + 1] }.shuffled(
                using: &numbers)
            let seeded = (0..<20).map { _ in Int.random(in: 0..<count, using: &numbers) }
            return Set(pages.prefix(20) + seeded).filter { (0..<count).contains($0) }.sorted()
        }
        let parts = min(count, isFirst ? 60 : 4)
        return (0..<parts).map { part in
            Int.random(in: part * count / parts..<(part + 1) * count / parts, using: &numbers)
        }
    }
}

/// What became of each damaged state.
private struct Damage: CustomStringConvertible {
    let root: DamagedRoot
    let whole: DamagedRoot.Removable
    var cases = 0
    /// How often Bilge said that something is wrong, or gave up less.
    var noticed = 0
    var growth: [String] = []

    private let orphansOnly: Bool

    init(_ root: DamagedRoot, _ whole: DamagedRoot.Removable, orphansOnly: Bool = false) {
        self.orphansOnly = orphansOnly
        self.root = root
        self.whole = whole
    }

    mutating func check(_ what: String) {
        let now = root.removable()
        cases += 1
        if now != whole { noticed += 1 }
        let beyond = now.beyond(whole).filter { !orphansOnly || $0.hasPrefix("orphan") }
        if !beyond.isEmpty { growth.append("\(what): \(beyond.joined(separator: ", "))") }
    }

    var description: String {
        "\(cases) damaged states, \(noticed) of them noticed, \(growth.count) of them taken for less"
    }
}
