/// Reads one ClientHello: RFC 8446, 4.1.2, and RFC 5246, 7.4.1.2, which differ in names only.
///
/// The first walk checks all lengths and remembers where the name and the protocols are. They are taken out only of a
/// hello that is whole, so a hello that comes byte by byte allocates nothing until then.
struct ClientHelloReader {
    private let wantsProtocols: Bool
    private var cursor = HandshakeCursor()
    /// Where the first host_name is, and how long.
    private var name: (cursor: HandshakeCursor, count: Int)?
    /// Where the first protocol is, and how many bytes the list has.
    private var protocols: (cursor: HandshakeCursor, count: Int)?
    private var hasServerName = false
    private var hasProtocols = false
    private var hasEncryptedHello = false

    /// Types of extensions, from IANA's registry "TLS ExtensionType Values".
    private enum ExtensionType {
        static let serverName = 0
        static let protocols = 16
        static let encryptedHello = 0xFE0D
    }

    private static let randomBytes = 32
    private static let sessionIDBytesMax = 32
    private static let hostName: UInt8 = 0

    init(wantsProtocols: Bool) { self.wantsProtocols = wantsProtocols }

    /// Reads from the beginning; once only.
    mutating func read(_ bytes: Span<UInt8>) throws(HandshakeStop) -> ClientHello {
        try cursor.begin(in: bytes)
        // Any version will do: a server answers a newer one with its own newest (RFC 5246, E.1).
        try cursor.skip(2 + Self.randomBytes, in: bytes)
        cursor.part = .sessionID
        let sessionID = try Int(cursor.byte(in: bytes))
        guard sessionID <= Self.sessionIDBytesMax else { throw cursor.malformed }
        try cursor.skip(sessionID, in: bytes)
        cursor.part = .cipherSuites
        let cipherSuites = try cursor.word(in: bytes)
        guard cipherSuites >= 2, cipherSuites.isMultiple(of: 2) else { throw cursor.malformed }
        try cursor.skip(cipherSuites, in: bytes)
        cursor.part = .compressionMethods
        let compressionMethods = try Int(cursor.byte(in: bytes))
        guard compressionMethods >= 1 else { throw cursor.malformed }
        try cursor.skip(compressionMethods, in: bytes)
        cursor.part = .extensions
        // TLS 1.0 and 1.1 (RFC 4346, 7.4.1.2) have none, and so may 1.2.
        if cursor.rest > 0 { try readExtensions(bytes) }
        return ClientHello(
            name: try takeName(bytes), protocols: try takeProtocols(bytes), isEncrypted: hasEncryptedHello)
    }

    private mutating func readExtensions(_ bytes: Span<UInt8>) throws(HandshakeStop) {
        let count = try cursor.word(in: bytes)
        guard count == cursor.rest else { throw cursor.malformed }
        while cursor.rest > 0 {
            cursor.part = .extensions
            let type = try cursor.word(in: bytes)
            let outer = try cursor.enter(cursor.word(in: bytes))
            switch type {
            case ExtensionType.serverName: try readServerName(bytes)
            case ExtensionType.protocols: try readProtocols(bytes)
            case ExtensionType.encryptedHello: try noteEncryptedHello(bytes)
            default: try cursor.skip(cursor.rest, in: bytes)
            }
            cursor.leave(outer)
        }
    }

    /// RFC 6066, 3: a list of names, each of a type. Those of types to come begin with a length as well.
    private mutating func readServerName(_ bytes: Span<UInt8>) throws(HandshakeStop) {
        cursor.part = .serverName
        guard !hasServerName else { throw cursor.malformed }
        hasServerName = true
        let list = try cursor.word(in: bytes)
        guard list == cursor.rest, list > 0 else { throw cursor.malformed }
        while cursor.rest > 0 {
            let type = try cursor.byte(in: bytes)
            let count = try cursor.word(in: bytes)
            if type == Self.hostName {
                guard count > 0 else { throw cursor.malformed }
                if name == nil { name = (cursor, count) }
            }
            try cursor.skip(count, in: bytes)
        }
    }

    /// RFC 7301, 3.1: a list of protocols, none of them empty.
    private mutating func readProtocols(_ bytes: Span<UInt8>) throws(HandshakeStop) {
        cursor.part = .protocols
        guard !hasProtocols else { throw cursor.malformed }
        hasProtocols = true
        guard wantsProtocols else {
            try cursor.skip(cursor.rest, in: bytes)
            return
        }
        let list = try cursor.word(in: bytes)
        guard list == cursor.rest, list > 0 else { throw cursor.malformed }
        protocols = (cursor, list)
        while cursor.rest > 0 {
            let count = try Int(cursor.byte(in: bytes))
            guard count > 0 else { throw cursor.malformed }
            try cursor.skip(count, in: bytes)
        }
    }

    private mutating func noteEncryptedHello(_ bytes: Span<UInt8>) throws(HandshakeStop) {
        cursor.part = .encryptedHello
        guard !hasEncryptedHello else { throw cursor.malformed }
        hasEncryptedHello = true
        try cursor.skip(cursor.rest, in: bytes)
    }

    // MARK: what is taken out

    private func takeName(_ bytes: Span<UInt8>) throws(HandshakeStop) -> ServerName? {
        // One more, for a trailing dot.
        guard var cursor = name?.cursor, let count = name?.count, count <= ServerName.bytesMax + 1 else { return nil }
        return ServerName(bytes: try cursor.array(count, in: bytes))
    }

    private func takeProtocols(_ bytes: Span<UInt8>) throws(HandshakeStop) -> [[UInt8]] {
        guard var (cursor, count) = protocols else { return [] }
        var kept: [[UInt8]] = []
        while count > 0, kept.count < ClientHello.protocolsMax {
            let length = try Int(cursor.byte(in: bytes))
            kept.append(try cursor.array(length, in: bytes))
            count -= 1 + length
        }
        return kept
    }
}
