import AdministrationAPI
import FoundationEssentials
import NIOCore

/// JSON as the API writes it: names of properties in `snake_case`, keys of dictionaries as they are.
enum JSONText {
    /// A value as JSON. A floating-point number that is not finite, for which JSON has no number, becomes a string; no
    /// value of the API fails to encode for another reason.
    static func encoded(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let data = try? encoder.encode(value) else {
            return ByteBuffer(string: #"{"error":"The answer cannot be written as JSON."}"#)
        }
        return ByteBuffer(bytes: data)
    }

    /// Reads the body of a request. `example` is one that would be right, and `names` are all that may be in it: a
    /// misspelt one would otherwise be left out, and with it a limit in time.
    static func decoded<Value: Decodable>(
        _ type: Value.Type, from body: [UInt8], names: [String], example: String
    ) throws(Refused) -> Value {
        let advice = "A right one is \(example)"
        guard !body.isEmpty else { throw Refused(400, "The request has no body. \(advice)") }
        let data = Data(body)
        let decoder = JSONDecoder()
        guard let keys = try? decoder.decode(Keys.self, from: data) else {
            throw Refused(400, "The body is not an object in JSON. \(advice)")
        }
        if let unknown = keys.names.first(where: { !names.contains($0) }) {
            throw Refused(
                400, "The body has \(unknown.quoted); it may have \(names.joined(separator: ", ")). \(advice)")
        }
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw Refused(400, "The body lacks \(key.stringValue.quoted). \(advice)")
        } catch DecodingError.typeMismatch(_, let context) {
            throw Refused(400, "The body has a value of another kind \(place(context)). \(advice)")
        } catch {
            throw Refused(400, "The body cannot be read. \(advice)")
        }
    }

    private static func place(_ context: DecodingError.Context) -> String {
        context.codingPath.last.map { "in \($0.stringValue.quoted)" } ?? "than an object"
    }

    /// The names of an object, as they are written.
    private struct Keys: Decodable {
        let names: [String]

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }

            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue).sorted()
        }
    }
}
