// SPDX-License-Identifier: Apache-2.0

/// A value of a JSON document, as Swift's `Decodable` asks for it.
///
/// It accepts what the decoder of FoundationEssentials accepts, except that what somebody asks for may not be there twice:
/// that one would take the first of two members with the same name, and the engine the last.
struct JSONValue {
    let document: JSONText
    let number: Int

    var node: JSONText.Node { document.nodes[number] }

    var isNull: Bool { node.kind == .null }

    func at(_ number: Int) -> JSONValue { JSONValue(document: document, number: number) }
}

extension JSONValue {
    func text() throws -> String {
        switch node.kind {
        case .text, .escapedText: return document.text(node)
        case .object, .array, .number, .yes, .no, .null: throw mismatch(String.self)
        }
    }

    func bool() throws -> Bool {
        switch node.kind {
        case .yes: return true
        case .no: return false
        case .object, .array, .text, .escapedText, .number, .null: throw mismatch(Bool.self)
        }
    }

    private func digits<Value>(_ type: Value.Type) throws -> String {
        guard node.kind == .number else { throw mismatch(type) }
        return String(decoding: document.bytes[Int(node.start)..<Int(node.end)], as: UTF8.self)
    }

    func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        let digits = try digits(type)
        if let value = Value(digits) { return value }
        // `1e3` and `7.0` are integers too.
        if let value = Double(digits), abs(value) < 0x1p53, let exact = Value(exactly: value) { return exact }
        throw corrupted("\(digits) does not fit")
    }

    func real<Value: BinaryFloatingPoint & LosslessStringConvertible>(_ type: Value.Type) throws -> Value {
        let digits = try digits(type)
        guard let value = Value(digits), value.isFinite else { throw corrupted("\(digits) does not fit") }
        return value
    }

    /// The members of an object whose names nobody knows beforehand.
    func dictionary<Value>(_ decode: (JSONValue) throws -> Value) throws -> [String: Value] {
        guard node.kind == .object else { throw mismatch([String: Value].self) }
        var values: [String: Value] = [:]
        var number = self.number + 1
        while number < node.next {
            let name = document.text(document.nodes[number])
            let value = at(number + 1)
            guard values.updateValue(try decode(value), forKey: name) == nil else {
                throw value.corrupted("it is there twice")
            }
            number = Int(document.nodes[number + 1].next)
        }
        return values
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        // Nearly all of them are these, and finding out whether a type is a dictionary takes longer than decoding it.
        if Value.self == String.self, let value = try text() as? Value { return value }
        if Value.self == [String: String].self, let value = try dictionary({ try $0.text() }) as? Value { return value }
        // Asking for each key in turn, as a dictionary does by itself, would take quadratic time.
        if let dictionary = Value.self as? any StringDictionary.Type, let value = try dictionary.decoded(self) as? Value
        {
            return value
        }
        return try Value(from: self)
    }

    func mismatch<Value>(_ type: Value.Type) -> DecodingError {
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "\(node.kind)")
        return isNull ? .valueNotFound(type, context) : .typeMismatch(type, context)
    }

    func corrupted(_ what: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: codingPath, debugDescription: what))
    }
}

private protocol StringDictionary {
    static func decoded(_ value: JSONValue) throws -> Any
}

extension Dictionary: StringDictionary where Key == String, Value: Decodable {
    fileprivate static func decoded(_ value: JSONValue) throws -> Any {
        try value.dictionary { try $0.decode(Value.self) } as Self
    }
}

extension JSONText {
    /// The names and places on the way from the whole document to a value in it: only who finds an error asks.
    fileprivate func path(to number: Int) -> [any CodingKey] {
        var path: [JSONKey] = []
        var current = 0
        // All that is in a value follows it.
        while current < number {
            var child = current + 1
            switch nodes[current].kind {
            case .object:
                while nodes[child + 1].next <= number { child = Int(nodes[child + 1].next) }
                path.append(JSONKey(text(nodes[child])))
                current = child + 1
            case .array:
                var index = 0
                while nodes[child].next <= number {
                    child = Int(nodes[child].next)
                    index += 1
                }
                path.append(JSONKey(intValue: index))
                current = child
            case .text, .escapedText, .number, .yes, .no, .null: return path
            }
        }
        return path
    }
}

/// A member's name, or an index.
struct JSONKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(_ name: String) {
        stringValue = name
        intValue = nil
    }

    init(stringValue: String) { self.init(stringValue) }

    init(intValue: Int) {
        stringValue = "Index \(intValue)"
        self.intValue = intValue
    }
}

extension JSONValue: Decoder, SingleValueDecodingContainer {
    var codingPath: [any CodingKey] { document.path(to: number) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard node.kind == .object else { throw mismatch([String: JSONValue].self) }
        return KeyedDecodingContainer(JSONMembers<Key>(object: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard node.kind == .array else { throw mismatch([JSONValue].self) }
        return JSONElements(array: self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try bool() }
    func decode(_ type: String.Type) throws -> String { try text() }
    func decode(_ type: Double.Type) throws -> Double { try real(type) }
    func decode(_ type: Float.Type) throws -> Float { try real(type) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
}

/// The members of an object.
private struct JSONMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONValue

    var codingPath: [any CodingKey] { object.codingPath }

    var allKeys: [Key] {
        var keys: [Key] = []
        var number = object.number + 1
        while number < object.node.next {
            if let key = Key(stringValue: object.document.text(object.document.nodes[number])) { keys.append(key) }
            number = Int(object.document.nodes[number + 1].next)
        }
        return keys
    }

    /// - Throws: if it is there twice.
    private func find(_ key: Key) throws -> JSONValue? {
        let document = object.document
        let name = key.stringValue
        let end = object.node.next
        var found: JSONValue?
        var number = object.number + 1
        while number < end {
            let value = number + 1
            if document.equals(document.nodes[number], name) {
                let this = object.at(value)
                if found != nil { throw this.corrupted("it is there twice") }
                found = this
            }
            number = Int(document.nodes[value].next)
        }
        return found
    }

    private func value(_ key: Key) throws -> JSONValue {
        if let value = try find(key) { return value }
        throw DecodingError.keyNotFound(
            key, DecodingError.Context(codingPath: codingPath, debugDescription: "it is not there"))
    }

    private func valueIfPresent(_ key: Key) throws -> JSONValue? { try find(key).flatMap { $0.isNull ? nil : $0 } }

    func contains(_ key: Key) -> Bool {
        // Whoever asks for the value of what is there twice gets the error.
        do { return try find(key) != nil } catch { return true }
    }

    func decodeNil(forKey key: Key) throws -> Bool { try value(key).isNull }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try value(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).text() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try value(key).real(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try value(key).real(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try value(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try value(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try value(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try value(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try value(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try value(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try value(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try value(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try value(key).integer(type) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try value(key).decode(type)
    }

    // The most frequent ones, with one search instead of the three of the standard library.
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try valueIfPresent(key)?.bool() }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try valueIfPresent(key)?.text() }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try valueIfPresent(key)?.integer(type) }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try valueIfPresent(key)?.decode(type)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        try value(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try value(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { object }
    func superDecoder(forKey key: Key) throws -> any Decoder { try value(key) }
}

/// The elements of an array, one after the other.
private struct JSONElements: UnkeyedDecodingContainer {
    let array: JSONValue
    private var next: Int
    private(set) var currentIndex = 0

    init(array: JSONValue) {
        self.array = array
        next = array.number + 1
    }

    var codingPath: [any CodingKey] { array.codingPath }
    var count: Int? { nil }
    var isAtEnd: Bool { next >= array.node.next }

    private mutating func take<Value>(_ decode: (JSONValue) throws -> Value) throws -> Value {
        guard !isAtEnd else { throw array.corrupted("it has \(currentIndex) elements, and no more") }
        let value = array.at(next)
        let decoded = try decode(value)
        next = Int(value.node.next)
        currentIndex += 1
        return decoded
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, array.document.nodes[next].kind == .null else { return false }
        return try take { $0.isNull }
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try take { try $0.bool() } }
    mutating func decode(_ type: String.Type) throws -> String { try take { try $0.text() } }
    mutating func decode(_ type: Double.Type) throws -> Double { try take { try $0.real(type) } }
    mutating func decode(_ type: Float.Type) throws -> Float { try take { try $0.real(type) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try take { try $0.integer(type) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try take { try $0.integer(type) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try take { try $0.integer(type) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try take { try $0.integer(type) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try take { try $0.integer(type) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try take { try $0.integer(type) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try take { try $0.integer(type) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try take { try $0.integer(type) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try take { try $0.integer(type) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try take { try $0.integer(type) } }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try take { try $0.decode(type) } }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws
        -> KeyedDecodingContainer<Nested>
    {
        try take { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try take { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try take { $0 } }
}
