// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Disk

@Suite("How many threads work on a tree")
struct CrewSizeTests {
    private let tick: Int64 = 4_000_000

    @Test("as many as there are processors, while those are busy")
    func busy() {
        var size = CrewSize(most: 16, processors: 2, passed: 0, worked: 0)
        for look in 1...100 { #expect(size.grow(passed: tick * Int64(look), worked: 2 * tick * Int64(look)) == 0) }
        #expect(size.started == 2 && !size.isFull)
    }

    @Test("all that there may be, once they wait for three looks in a row")
    func waiting() {
        var size = CrewSize(most: 13, processors: 2, passed: 0, worked: 0)
        #expect((1...5).map { size.grow(passed: tick * $0, worked: tick * $0 / 10) } == [0, 0, 11, 0, 0])
        #expect(size.isFull && size.started == 13)
    }

    @Test("what counts is what happened since the last look, and a single one tells nothing")
    func lately() {
        var size = CrewSize(most: 16, processors: 2, passed: 0, worked: 0)
        #expect(size.grow(passed: 100 * tick, worked: 190 * tick) == 0)
        #expect(size.grow(passed: 101 * tick, worked: 190 * tick) == 0)
        #expect(size.grow(passed: 102 * tick, worked: 190 * tick) == 0)
        #expect(size.grow(passed: 103 * tick, worked: 192 * tick) == 0)
        #expect((104...106).map { size.grow(passed: $0 * tick, worked: 192 * tick) } == [0, 0, 14])
    }

    @Test("who waited for work would not get more of it by more threads")
    func idle() {
        var size = CrewSize(most: 16, processors: 2, passed: 0, worked: 0)
        #expect(
            (1...9).map { size.grow(passed: $0 * tick, worked: 0, hadIdle: $0 % 3 == 0) }
                == [Int](repeating: 0, count: 9))
        #expect((10...12).map { size.grow(passed: $0 * tick, worked: 0) } == [0, 0, 14])
    }

    @Test("never none, and never more than asked for")
    func limits() {
        #expect(CrewSize(most: 1, processors: 64, passed: 0, worked: 0).isFull)
        #expect(CrewSize(most: 0, processors: 0, passed: 0, worked: 0).started == 1)
        #expect(CrewSize(most: 16, processors: 64, passed: 0, worked: 0).started == 16)
        #expect(CrewSize.onlineProcessors > 0)
    }
}
