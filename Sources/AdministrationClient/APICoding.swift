import FoundationEssentials

/// The JSON of the API: names of properties in `snake_case`.
public enum APICoding {
    /// The value; nil when the JSON does not hold one of this type.
    public static func value<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) -> Value? {
        try? decoded(type, from: json)
    }

    /// The JSON. No value of the API fails to encode; one that did would be refused by the balancer as no body.
    public static func json(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return (try? encoder.encode(value)).map { Array($0) } ?? []
    }

    /// The value, or why the JSON does not hold one of this type.
    static func decoded<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(json))
    }
}
