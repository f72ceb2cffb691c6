/// Why bytes are no ClientHello.
enum ClientHelloFault: Hashable, Sendable {
    /// The first byte is not that of a handshake record: another protocol, or the hello of SSL 2.0.
    case notTLS
    /// A record of a version that is none of TLS 1.0 to 1.3.
    case recordVersion
    /// A record without bytes, or with more than 16,384. Source: RFC 8446, 5.1.
    case recordLength
    /// A record of another kind before the message's end. Source: RFC 8446, 5.1.
    case otherRecord
    /// Another message of the handshake, by its type.
    case otherMessage(UInt8)
    /// More than ``ClientHello/bytesMax`` bytes with its records.
    case tooLong
    /// A part of it has a length that cannot be.
    case malformed(Part)

    /// A part of a ClientHello: RFC 8446, 4.1.2.
    enum Part: Hashable, Sendable {
        /// Versions and random bytes.
        case head
        /// legacy_session_id.
        case sessionID
        /// cipher_suites.
        case cipherSuites
        /// legacy_compression_methods.
        case compressionMethods
        /// Extensions as a list.
        case extensions
        /// The extension server_name.
        case serverName
        /// The extension application_layer_protocol_negotiation.
        case protocols
        /// The extension encrypted_client_hello.
        case encryptedHello
    }
}

extension ClientHelloFault: CustomStringConvertible {
    /// What was wrong, to follow after "its first bytes" or "it".
    var description: String {
        switch self {
        case .notTLS: "begins as no TLS does"
        case .recordVersion: "has a record of an unknown version of TLS"
        case .recordLength: "has a record of a length that is not allowed"
        case .otherRecord: "has a record of another kind inside of the ClientHello"
        case .otherMessage(let type): "is no ClientHello but a handshake message of type \(type)"
        case .tooLong: "is a ClientHello of more than \(ClientHello.bytesMax) bytes"
        case .malformed(let part): "is a ClientHello with \(part.words)"
        }
    }
}

extension ClientHelloFault.Part {
    /// The part and its trouble, to follow after "with".
    fileprivate var words: String {
        switch self {
        case .head: "too few bytes for a version and a random"
        case .sessionID: "a malformed session id"
        case .cipherSuites: "malformed cipher suites"
        case .compressionMethods: "malformed compression methods"
        case .extensions: "malformed extensions"
        case .serverName: "a malformed or repeated server_name"
        case .protocols: "malformed or repeated ALPN protocols"
        case .encryptedHello: "a repeated encrypted_client_hello"
        }
    }
}
