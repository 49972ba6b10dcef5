// SPDX-License-Identifier: Apache-2.0

/// What is wrong with the content of a metadata file, in words that fit behind "cannot use <path>: ".
package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Decodes one JSON document. An empty file is an error like any other: it once held something.
func decodeJSON<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(FormatError) -> Value {
    guard !bytes.isEmpty else { throw FormatError("the file is empty") }
    do {
        return try JSONValue(document: JSONText(bytes), number: 0).decode(type)
    } catch let error as DecodingError {
        throw FormatError(summary(of: error))
    } catch let error as FormatError {
        throw error
    } catch {
        throw FormatError("\(error)")
    }
}

private func summary(of error: DecodingError) -> String {
    func place(_ context: DecodingError.Context) -> String {
        context.codingPath.isEmpty ? "" : " at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    }
    switch error {
    case .dataCorrupted(let context):
        return context.codingPath.isEmpty ? "not valid JSON" : "unexpected value\(place(context))"
    case .keyNotFound(let key, let context): return "\(key.stringValue) is missing\(place(context))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context): return "unexpected value\(place(context))"
    @unknown default: return "not valid JSON"
    }
}
