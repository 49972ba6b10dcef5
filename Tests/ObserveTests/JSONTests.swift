// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import Observe

/// Records are read by a decoder of our own; that of FoundationEssentials is what it is held against.
@Suite struct JSONTests {
    /// Everything that a record of any reader asks for, in one.
    private struct Document: Decodable, Equatable {
        var id: String
        var isRunning: Bool?
        var exitCode: Int?
        var size: Int64?
        var labels: [String: String]?
        var points: [String: Point]?
        var binds: [String]?
        var names: [String: [String: String]]?
        var ratio: Double?

        struct Point: Decodable, Equatable {
            var name: String?
            var source: String?
        }
    }

    private static let whole = #"""
        {"id":"3f\u00e9\ud83d\udc33\n","other":[1,-2.5e+3,null,true,{"x":[]}],"isRunning":true,"exitCode":137,
         "size":9007199254740993,"labels":{"a":"ü","b\"c":"\/ \\ \b\f\r\t"},"points":{"/data":{"name":"v","source":""},
         "/x":{"name":null}},"binds":["/srv:/srv:ro",""],"names":{"shop/api":{"shop/api:1":"sha256:00"}},"ratio":0.25}
        """#

    private enum Answer: Equatable {
        case value(Document)
        case refused
    }

    private static func ours(_ bytes: [UInt8]) -> Answer {
        do { return .value(try decodeJSON(Document.self, bytes)) } catch { return .refused }
    }

    private static func theirs(_ bytes: [UInt8]) -> Answer {
        do { return .value(try JSONDecoder().decode(Document.self, from: Data(bytes))) } catch { return .refused }
    }

    @Test func aRecordSaysTheSameToBothDecoders() throws {
        let bytes = Array(Self.whole.utf8)
        #expect(Self.ours(bytes) != .refused)
        #expect(Self.ours(bytes) == Self.theirs(bytes))
    }

    @Test func aRecordThatWasCutShortIsRefusedAtEveryLength() {
        let bytes = Array(Self.whole.utf8)
        for length in 0..<bytes.count { #expect(Self.ours(Array(bytes.prefix(length))) == .refused, "\(length)") }
    }

    /// Eight bytes are looked at in one go, so each place among them and each byte there counts.
    @Test(arguments: [0, 1, 6, 7, 8, 9, 15, 16, 20]) func everyByteAtEveryPlaceOfATextIsReadAsTheOtherDecoderDoes(
        place: Int
    ) {
        for length in [place, place + 1, place + 9] {
            for byte in UInt8.min...UInt8.max {
                let text =
                    [UInt8](repeating: 0x61, count: place) + [byte] + [UInt8](repeating: 0x7F, count: length - place)
                let bytes = Array(#"{"id":""#.utf8) + text + Array(#""}"#.utf8)
                let answer = Self.ours(bytes)
                if answer != .refused || byte < 0x7F { #expect(answer == Self.theirs(bytes), "\(byte) at \(place)") }
                let isPlain = 0x20..<0x80 ~= byte && byte != 0x22 && byte != 0x5C
                if isPlain { #expect(answer != .refused, "\(byte) at \(place)") }
            }
        }
    }

    /// Never more than the other decoder: what it refuses is refused, and what is accepted is read alike.
    @Test(arguments: 0..<8) func whatTheOtherDecoderRefusesIsRefused(seed: UInt64) {
        var random = Numbers(state: seed)
        let whole = Array(Self.whole.utf8)
        var accepted = 0
        for _ in 0..<1000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) { Self.damage(&bytes, using: &random) }
            let answer = Self.ours(bytes)
            guard answer != .refused else { continue }
            accepted += 1
            #expect(answer == Self.theirs(bytes), "\(String(decoding: bytes, as: UTF8.self))")
        }
        // Damage within a text is not seen by either; without such documents the test would compare nothing.
        #expect(accepted > 50)
    }

    /// The other way round, as far as both read RFC 8259: a document that was made whole is not refused.
    @Test(arguments: 0..<4) func wholeDocumentsAreAccepted(seed: UInt64) throws {
        var random = Numbers(state: seed)
        for _ in 0..<200 {
            let bytes = Array(
                #"{"id":"\#(Self.text(using: &random))","other":\#(Self.value(depth: 4, using: &random))}"#.utf8)
            let answer = Self.ours(bytes)
            #expect(answer != .refused, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(answer == Self.theirs(bytes))
        }
    }

    @Test(arguments: [
        "", " ", "{", "}", "[]", "null", "{}", #"{"id":1}"#, #"{"id":null}"#, #"{"id":"a"} x"#, #"{"id":"a"}{}"#,
        #"{"id":"a",}"#, #"{"id":"a" "size":1}"#, #"{id:"a"}"#, #"{"id":'a'}"#, #"{"id":"a\x"}"#, #"{"id":"\ud800"}"#,
        #"{"id":"\udc00"}"#, #"{"id":"\ud800\u0041"}"#, #"{"id":"\u00g0"}"#, "{\"id\":\"a\nb\"}",
        #"{"id":"a","size":"1"}"#,
        #"{"id":"a","size":1.5}"#, #"{"id":"a","size":9223372036854775808}"#, #"{"id":"a","isRunning":1}"#,
        #"{"id":"a","isRunning":"true"}"#, #"{"id":"a","binds":{}}"#, #"{"id":"a","binds":[null]}"#,
        #"{"id":"a","labels":[]}"#, #"{"id":"a","labels":{"x":null}}"#, #"{"id":"a","labels":{"x":1}}"#,
        #"{"id":"a","x":01}"#, #"{"id":"a","x":1.}"#, #"{"id":"a","x":.5}"#, #"{"id":"a","x":+1}"#,
        #"{"id":"a","x":1e}"#,
        #"{"id":"a","x":-}"#, #"{"id":"a","x":nul}"#, #"{"id":"a","x":True}"#, #"{"id":"a","x":NaN}"#,
        #"{"id":"a"}/**/"#,
    ])
    func whatIsNoRecordIsRefused(_ text: String) {
        #expect(Self.ours(Array(text.utf8)) == .refused)
    }

    @Test(arguments: [
        [0x80], [0xC0, 0xAF], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
    ])
    func bytesThatAreNotUTF8AreRefusedAlsoWhereNobodyAsks(_ bytes: [UInt8]) {
        for document in [[#"{"id":""#, #""}"#], [#"{"id":"a","x":""#, #""}"#], [#"{"id":"a",""#, #"":1}"#]] {
            #expect(Self.ours(Array(document[0].utf8) + bytes + Array(document[1].utf8)) == .refused)
        }
    }

    /// The engine takes the last of two members with one name, the other decoder the first: nobody knows which was meant.
    @Test(arguments: [
        #"{"id":"a","id":"b"}"#, #"{"id":"a","i\u0064":"b"}"#, #"{"id":"a","size":null,"size":1}"#,
        #"{"id":"a","labels":{"x":"1","x":"2"}}"#,
    ])
    func whatIsAskedForMayNotBeThereTwice(_ text: String) {
        #expect(Self.ours(Array(text.utf8)) == .refused)
    }

    @Test func nestingHasALimit() {
        func document(_ depth: Int) -> [UInt8] {
            Array(
                (#"{"id":"a","x":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}")
                    .utf8)
        }
        #expect(Self.ours(document(511)) != .refused)
        #expect(Self.ours(document(512)) == .refused)
        #expect(Self.ours(Array(String(repeating: "[", count: 1_000_000).utf8)) == .refused)
    }

    @Test func theReasonNamesThePlace() {
        func reason(_ text: String) -> String {
            do {
                _ = try decodeJSON(Document.self, Array(text.utf8))
                return ""
            } catch { return "\(error)" }
        }
        #expect(reason("") == "the file is empty")
        #expect(reason("{") == "not valid JSON")
        #expect(reason("{}") == "id is missing")
        #expect(reason(#"{"id":"a","points":{"/data":{"name":5}}}"#) == "unexpected value at points./data.name")
    }

    /// A large object takes time in proportion to its size, not to the square of it.
    @Test func aLargeDictionaryIsReadWhole() throws {
        let members = (0..<100_000).map { "\"tag-\($0)\":\"\($0)\"" }.joined(separator: ",")
        let document = try decodeJSON(Document.self, Array("{\"id\":\"a\",\"labels\":{\(members)}}".utf8))
        #expect(document.labels?.count == 100_000)
        #expect(document.labels?["tag-77777"] == "77777")
    }
}

extension JSONTests {
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        /// SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private static func damage(_ bytes: inout [UInt8], using random: inout Numbers) {
        guard let place = bytes.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(Array(#"{}[]",:\0e-."#.utf8).randomElement(using: &random) ?? 0, at: place)
        default:
            let end = min(bytes.count, place + Int.random(in: 1...12, using: &random))
            bytes.insert(contentsOf: bytes[place..<end], at: bytes.indices.randomElement(using: &random) ?? 0)
        }
    }

    private static func text(using random: inout Numbers) -> String {
        let parts = [
            "a", "Z", "0", " ", "é", "🐳", "\u{7F}", #"\""#, #"\\"#, #"\/"#, #"\b\f\n\r\t"#, #"\u0000"#,
            #"\uD83D\uDC33"#,
        ]
        return (0..<Int.random(in: 0..<6, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
            .joined()
    }

    private static func value(depth: Int, using random: inout Numbers) -> String {
        let space = ["", " ", "\n", "\t\r"].randomElement(using: &random) ?? ""
        let few = 0..<Int.random(in: 0..<4, using: &random)
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &random) {
        case 0: return ["0", "-0", "12", "-7.25", "1e9", "2E-3", "5.0e+1"].randomElement(using: &random) ?? ""
        case 1: return ["true", "false", "null"].randomElement(using: &random) ?? ""
        case 2, 3: return "\"" + text(using: &random) + "\"" + space
        case 4:
            return "[" + space + few.map { _ in value(depth: depth - 1, using: &random) }.joined(separator: ",") + "]"
        default:
            let members = few.map {
                "\"\($0)\(text(using: &random))\"\(space):" + value(depth: depth - 1, using: &random)
            }
            return space + "{" + members.joined(separator: ",") + space + "}"
        }
    }
}
