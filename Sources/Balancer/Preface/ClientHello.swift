/// What a TLS client says first, as far as it is of use for routing. TLS is not terminated here: nothing is checked
/// that only the backend can check, such as versions and cipher suites.
struct ClientHello: Equatable, Sendable {
    /// host_name of server_name (RFC 6066, 3); with an encrypted ClientHello it is the outer name. nil when there is
    /// none, or one that is no ``ServerName``.
    var name: ServerName?
    /// Protocols of ALPN (RFC 7301) in the client's order; at most ``protocolsMax`` are kept; each as bytes.
    var protocols: [[UInt8]]
    /// The extension encrypted_client_hello (0xfe0d) is there. Browsers send it also when they know no key ("GREASE"),
    /// so it does not tell that ``name`` is another than the true one. Source: RFC 9849, 5 and 6.2.
    var isEncrypted: Bool
}

/// What bytes from a client are.
enum ClientHelloResult: Equatable {
    /// A whole ClientHello.
    case hello(ClientHello)
    /// So far it may be a ClientHello.
    case incomplete
    /// No TLS at all, no ClientHello, or one that is malformed; the fault says what, for the log.
    case other(ClientHelloFault)
}

extension ClientHello {
    /// The most bytes of records and all that are looked at: one full record with its header. Source of 16,384: RFC
    /// 8446, 5.1. Hellos with post-quantum key shares have 1.7 KB and more; with a session ticket some KB.
    static let bytesMax = 16_384 + 5
    /// The most protocols that are kept. Browsers offer 2 or 3.
    static let protocolsMax = 16

    /// Reads a ClientHello at the beginning of bytes; with `wantsProtocols` false `protocols` stays empty, costs
    /// nothing, and the protocols' lengths are not checked.
    ///
    /// More bytes never change a result but ``ClientHelloResult/incomplete``, and a wrong byte is told when it is
    /// there: who sends something else than TLS does not wait. What follows after the ClientHello is not looked at.
    ///
    /// - Complexity: O(records + fields), no more than ``bytesMax`` steps. Only what is returned is allocated, and only
    ///   of a whole hello.
    static func read(_ bytes: Span<UInt8>, wantsProtocols: Bool) -> ClientHelloResult {
        var reader = ClientHelloReader(wantsProtocols: wantsProtocols)
        do throws(HandshakeStop) {
            return .hello(try reader.read(bytes))
        } catch {
            switch error {
            case .incomplete: return .incomplete
            case .fault(let fault): return .other(fault)
            }
        }
    }
}
