// The PROXY protocol on both sides. Source: HAProxy's proxy-protocol.txt.
extension Configuration {
    /// A listener whose clients come by way of another proxy, which says in a header who they are.
    public struct ProxyAccept: Hashable, Sendable {
        /// Whether there has to be a header.
        public enum Mode: String, Hashable, Sendable, CaseIterable {
            /// Every connection begins with a header from a trusted network; others are closed.
            case required
            /// A trusted network may send one. What others send is the client's, also when it looks like a header.
            case optional
        }

        /// Whether there has to be a header.
        public var mode: Mode
        /// The networks whose headers are believed. Whoever connects to a Unix socket is trusted as well: its permissions
        /// say who may.
        public var from: [Network]
        /// How long the header may take, from the accept. HAProxy's `timeout client-hs` is unlimited, nginx's
        /// `proxy_protocol_timeout` 30 s, Envoy's `listener_filters_timeout` 15 s.
        public var timeout: Duration

        /// The usual time: that of TCP's first two retransmissions of a lost segment (1 s and 2 s, RFC 6298).
        public static let standardTimeout: Duration = .seconds(3)

        /// A listener that takes headers from these networks.
        public init(_ mode: Mode, from: [Network], timeout: Duration = standardTimeout) {
            self.mode = mode
            self.from = from
            self.timeout = timeout
        }
    }

    /// A pool whose backends are told in a header who the client is.
    public struct ProxySend: Hashable, Sendable {
        /// The version of the header.
        public var version: ProxyVersion
        /// Version 2: with a checksum of the header (PP2_TYPE_CRC32C).
        public var hasChecksum: Bool
        /// Version 2: with the session's id, as it stands in the log (PP2_TYPE_UNIQUE_ID).
        public var hasUniqueID: Bool
        /// Version 2: with the name that the client asked for, where it is known (PP2_TYPE_AUTHORITY).
        public var hasAuthority: Bool

        /// A header of this version.
        public init(
            _ version: ProxyVersion, hasChecksum: Bool = false, hasUniqueID: Bool = false, hasAuthority: Bool = false
        ) {
            self.version = version
            self.hasChecksum = hasChecksum
            self.hasUniqueID = hasUniqueID
            self.hasAuthority = hasAuthority
        }

        /// Throws an error that names the fault and the remedy.
        func check(_ pool: String) throws(ConfigurationError) {
            guard version == .v1, hasChecksum || hasUniqueID || hasAuthority else { return }
            throw ConfigurationError("pool '\(pool)': version 1 of the PROXY protocol has no options: use version 2")
        }
    }
}
