// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@Suite struct MountsTests {
    func parse(_ text: String) throws -> [Mount] { try Mount.parse(Array(text.utf8)) }

    @Test("a line is read field by field")
    func line() throws {
        let mounts = try parse(
            "36 35 98:3 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=continue\n")
        let mount = try #require(mounts.first)
        #expect(mounts.count == 1)
        #expect(mount.id == 36)
        #expect(mount.parent == 35)
        #expect(mount.device == 98 << 8 | 3)
        #expect(mount.root == "/mnt1")
        #expect(mount.point == "/mnt2")
        #expect(mount.type == "ext4")
        #expect(mount.source == "/dev/root")
        #expect(mount.superOptions == ["rw", "errors=continue"])
        #expect(mount.overlay == nil)
    }

    @Test("this process's own mounts are understood, and the root's device is that of its mount")
    func own() throws {
        let mounts = try Mount.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: "/proc/self/mountinfo"))))
        let device = try Directory(path: "/").status().device
        #expect(mounts.last { $0.point == "/" }?.device == device)
    }

    @Test("octal escapes are bytes of names, and stay escaped as names are")
    func octal() throws {
        let mount = try parse(#"1 2 0:5 /a\040b /c\011d\134e%\377 rw - tmpfs a\012b rw"#)[0]
        #expect(mount.root == "/a b")
        #expect(mount.point == "/c%09d%5Ce%25%FF")
        #expect(mount.source == "a%0Ab")
    }

    @Test("an empty source, a namespace file and a mount without optional fields are no errors")
    func oddities() throws {
        let mounts = try parse(
            """
            1 2 0:5 / /a rw - tmpfs  rw
            3 2 0:4 net:[4026531840] /run/netns/x rw shared:9 - nsfs nsfs rw
            4 1 8:1 /volumes/v//deleted /x rw - ext4 /dev/sda1 rw
            """)
        #expect(mounts.map(\.source) == ["", "nsfs", "/dev/sda1"])
        #expect(mounts.map(\.root) == ["/", "net:[4026531840]", "/volumes/v//deleted"])
    }

    @Test("the directories of an overlay are told, with every way to write colons and commas")
    func overlay() throws {
        let modern = try parse(
            #"1 2 0:5 / /m rw - overlay overlay rw,lowerdir=l/A:l/B,upperdir=/d/u,workdir=/d/w,xino=off"#)[0]
        #expect(modern.overlay?.lower == ["l/A", "l/B"])
        #expect(modern.overlay?.upper == "/d/u")
        #expect(modern.overlay?.work == "/d/w")
        let escaped = try parse(
            #"1 2 0:5 / /m rw - overlay overlay rw,lowerdir=/a\134:b:/c\134\054d:/e\054f,upperdir=/u\040v\134,w"#)[0]
        #expect(escaped.overlay?.lower == ["/a:b", "/c,d", "/e,f"])
        #expect(escaped.overlay?.upper == "/u v,w")
        let separate = try parse(
            #"1 2 0:5 / /m ro - overlay overlay ro,lowerdir+=/a:b,lowerdir+=/c,datadir+=/data"#)[0]
        #expect(separate.overlay?.lower == ["/a:b", "/c", "/data"])
        #expect(separate.overlay?.upper == nil)
        let dataOnly = try parse("1 2 0:5 / /m ro - overlay none ro,lowerdir=/a:/b::/data")[0]
        #expect(dataOnly.overlay?.lower == ["/a", "/b", "/data"])
    }

    @Test("an overlay that this kernel made is told as it was made")
    func realOverlay() throws {
        let folder = try TemporaryDirectory("overlay")
        for name in ["low:er", "b,c", "upper", "work", "merged"] { try folder.makeDirectory(name) }
        let base = folder.path
        let options = #"lowerdir=\#(base)/low\:er:\#(base)/b\,c,upperdir=\#(base)/upper,workdir=\#(base)/work"#
        guard (try? run(["mount", "-t", "overlay", "none", "-o", options, base + "/merged"])) != nil else {
            print("SKIPPED: mounting an overlay needs root and a kernel that has it")
            return
        }
        defer { _ = try? run(["umount", base + "/merged"]) }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/proc/self/mountinfo")))
        let mount = try #require(try Mount.parse(bytes).first { $0.point == base + "/merged" })
        #expect(mount.overlay?.lower == [base + "/low:er", base + "/b,c"])
        #expect(mount.overlay?.upper == base + "/upper")
        #expect(mount.overlay?.work == base + "/work")
    }

    @Test(
        "a line that is not understood is named",
        arguments: [
            "x", "1 2 0:5 / /a rw", "1 2 0:5 / /a rw - tmpfs none", "a 2 0:5 / /a rw - tmpfs none rw",
            "1 2 05 / /a rw - tmpfs none rw", "1 2 0:5:6 / /a rw - tmpfs none rw", "1 2 0:5 / a rw - tmpfs none rw",
            #"1 2 0:5 / /a\04 rw - tmpfs none rw"#, #"1 2 0:5 / /a\400 rw - tmpfs none rw"#,
            #"1 2 0:5 / /a\"#, "1 2 0:5 / /a rw - tmpfs none rw more", "1 2 0:-5 / /a rw - tmpfs none rw",
            "+1 2 0:5 / /a rw - tmpfs none rw", "1 2 0:5  /a rw - tmpfs none rw",
            "1 2 0:99999999999 / /a rw - tmpfs none rw",
        ])
    func broken(line: String) throws {
        do {
            _ = try parse("1 2 0:5 / /good rw - tmpfs none rw\n" + line)
            Issue.record("\(line) was understood")
        } catch let error as LineError {
            #expect(error.line == 2)
            #expect("\(error)".hasPrefix("mountinfo, line 2, is not understood: "))
        }
    }

    @Test("no bytes make the parser stop or invent an overlay", arguments: 0..<200)
    func anyBytes(seed: Int) throws {
        var bytes = Array(
            #"1 2 0:5 / /m rw shared:1 - overlay overlay rw,lowerdir=/a\134:b:/c\054d,upperdir=/u,workdir=/w"#.utf8)
        var random = SeededRandom(seed: UInt64(seed))
        for _ in 0..<3 {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        for mount in (try? Mount.parse(bytes)) ?? [] {
            for path in mount.overlay?.lower ?? [] { #expect(path.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }) }
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
