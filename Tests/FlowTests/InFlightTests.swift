// SPDX-License-Identifier: Apache-2.0

import Disk
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

@Suite("What an engine is in the middle of")
struct InFlightTests {
    private let before = Timestamp(seconds: 1)
    private let later = Timestamp(nanoseconds: .max)

    @Test("a record that is not finished tells since when, unless an earlier engine left it")
    func unpacking() throws {
        let folder = try TemporaryDirectory("flight")
        let root = try folder.open()
        #expect(unpackingSince(in: root, engineStarted: before) == nil)
        try folder.write("image/overlay2/layerdb/sha256/x/cache-id", "x")
        try folder.write("tmp/GetImageBlob1", "x")
        #expect(unpackingSince(in: root, engineStarted: before) == nil)
        for path in ["graph/_tmp/1/x", "image/overlay2/layerdb/tmp/write-set-1/diff"] {
            try folder.write(path, "x")
        }
        let oldest = try root.status(RelativePath("graph/_tmp/1")).birth
        #expect(unpackingSince(in: root, engineStarted: before) == oldest)
        #expect(unpackingSince(in: root, engineStarted: later) == nil)
    }

    @Test("what lies beside the drivers is none")
    func beside() throws {
        let folder = try TemporaryDirectory("flight")
        try folder.write("image/identity-cache.db", "x")
        let root = try folder.open()
        #expect(inFlight(in: root, since: before) == [])
        #expect(unpackingSince(in: root, engineStarted: before) == nil)
        symlink("/nowhere", folder.path + "/image/overlay2")
        #expect(inFlight(in: root, since: before).first?.hasPrefix("nobody can tell") == true)
        #expect(unpackingSince(in: root, engineStarted: before) == Timestamp(nanoseconds: .min))
    }

    @Test("where it cannot be looked at, everything may be in flight")
    func unreadable() throws {
        let folder = try TemporaryDirectory("flight")
        try folder.write("image/overlay2/layerdb/tmp", "no directory")
        #expect(unpackingSince(in: try folder.open(), engineStarted: before) == Timestamp(nanoseconds: .min))
    }
}
