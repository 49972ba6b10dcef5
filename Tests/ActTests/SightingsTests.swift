// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Testing

@testable import Act

@Suite("sightings")
struct SightingsTests {
    let host: Host
    let path = RelativePath("overlay2/aaaa")
    let identity: Identity

    init() throws {
        host = try Host()
        identity = try host.root.status(path).identity
    }

    private func moment(_ seconds: Int64, boot: String = "b1") -> Moment {
        Moment(boot: boot, sinceBoot: seconds * 1_000_000_000, wall: .noon)
    }

    @Test("an orphan may go an hour after it was first seen, not before, and not unseen")
    func hour() {
        var sightings = Sightings()
        #expect(!sightings.isSecond(path, identity, at: moment(9999)))
        sightings.record([(path, identity)], at: moment(100))
        #expect(!sightings.isSecond(path, identity, at: moment(3699)))
        sightings.record([(path, identity)], at: moment(2000))
        #expect(sightings.isSecond(path, identity, at: moment(3700)), "the first sighting counts")
        #expect(!sightings.isSecond(path, identity, at: moment(50)), "a clock that runs backwards proves nothing")
    }

    @Test("another boot, another inode, or no orphan in between: the hour begins anew")
    func anew() {
        var sightings = Sightings()
        sightings.record([(path, identity)], at: moment(100))
        #expect(!sightings.isSecond(path, identity, at: moment(9999, boot: "b2")))
        var other = identity
        other.inode += 1
        #expect(!sightings.isSecond(path, other, at: moment(9999)))
        sightings.record([(path, other)], at: moment(9999))
        #expect(!sightings.isSecond(path, other, at: moment(9999)))
        sightings.record([], at: moment(20_000))
        sightings.record([(path, other)], at: moment(20_001))
        #expect(!sightings.isSecond(path, other, at: moment(20_002)))
        sightings.record([(path, other)], at: moment(5, boot: "b2"))
        #expect(!sightings.isSecond(path, other, at: moment(3000, boot: "b2")))
    }

    @Test("they are kept in the trash between runs, survive a crash of the writer, and keep the trash")
    func saved() async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            let disk = FaultyDisk(.death, at: number)
            do {
                let trash = try Trash.forChanges(in: host.root)
                var sightings = Sightings()
                sightings.record([(path, identity)], at: moment(100))
                try sightings.save(to: trash)
            }
            do {
                let trash = try Trash.forChanges(in: host.root, disk: disk)
                var sightings = try Sightings.load(from: trash)
                sightings.record([(path, identity)], at: moment(2000))
                try sightings.save(to: trash)
            } catch {}
            do {
                let trash = try Trash.forChanges(in: host.root)
                let sightings = try Sightings.load(from: trash)
                // Forgotten or remembered, but never older than it was.
                #expect(!sightings.isSecond(path, identity, at: moment(3699)))
                if !disk.fired { #expect(sightings.isSecond(path, identity, at: moment(3700))) }
                trash.leave(quiet)
                #expect(try host.hasTrash)
                var none = sightings
                none.record([], at: moment(4000))
                try none.save(to: trash)
                trash.leave(quiet)
                #expect(try !host.hasTrash)
            }
            if !disk.fired { break }
        }
    }

    @Test("a damaged file means that nothing was seen")
    func damaged() throws {
        let trash = try Trash.forChanges(in: host.root)
        var sightings = Sightings()
        sightings.record([(path, identity)], at: moment(100))
        try sightings.save(to: trash)
        let file = host.path + "/.bilge/seen"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        for length in 0..<bytes.count {
            try bytes.prefix(length).write(to: URL(fileURLWithPath: file))
            #expect(try !Sightings.load(from: trash).isSecond(path, identity, at: moment(99_999)))
        }
        try bytes.write(to: URL(fileURLWithPath: file))
        #expect(try Sightings.load(from: trash).isSecond(path, identity, at: moment(99_999)))
    }
}
