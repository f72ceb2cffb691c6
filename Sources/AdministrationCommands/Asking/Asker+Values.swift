import AdministrationAPI
import FoundationEssentials

extension Asker {
    /// What the balancer says of itself.
    func status() throws(Fault) -> Status { try read(Status.self, from: try get(Target.status)) }

    /// The answer to a request that changes something.
    func change(_ request: ChangeRequest) throws(Fault) -> (change: Change, json: [UInt8]) {
        let json = try send(request.method, request.target, body: request.body)
        return (try read(Change.self, from: json), json)
    }

    /// A value from JSON that the balancer has sent.
    func read<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws(Fault) -> Value {
        guard let value = APICoding.value(type, from: json) else {
            throw Fault(
                "the answer is not understood: the balancer is of another version than this program; ask with the "
                    + "program of its version", at: place)
        }
        return value
    }
}

/// The JSON of the API: names of properties in `snake_case`.
enum APICoding {
    /// The value; nil when the JSON does not hold one of this type.
    static func value<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) -> Value? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(type, from: Data(json))
    }

    /// The JSON. No value of the API fails to encode; one that did would be refused by the balancer as no body.
    static func json(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return (try? encoder.encode(value)).map { Array($0) } ?? []
    }
}
