import AdministrationAPI
import AdministrationClient

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
