@testable import Balancer

/// Reads an input as a network. One that is right is the same when it is read from its description; and named twice it makes
/// the same table as named once.
func fuzzNetwork(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    do throws(NetworkError) {
        let network = try Network(text)
        precondition((try? Network(network.description)) == network, "another network from its description")
        let table = NetworkTable(allow: [], deny: [network])
        precondition(table == NetworkTable(allow: [], deny: [network, network]), "twice is another table than once")
    } catch {
        precondition(!error.description.isEmpty, "a mistake without a word")
    }
}
