extension Configuration {
    /// A listener whose clients speak TLS and name the server that they want: the name leads to a pool. The name is read,
    /// TLS goes on to the backend as it came.
    public struct ServerNames: Hashable, Sendable {
        /// A name, or a wildcard, and its pool.
        public struct Route: Hashable, Sendable {
            /// The name.
            public var pattern: ServerNamePattern
            /// The index of its pool in ``Configuration/pools``.
            public var pool: Int

            /// A route to the pool at this index.
            public init(_ pattern: ServerNamePattern, pool: Int) {
                self.pattern = pattern
                self.pool = pool
            }
        }

        /// A protocol of ALPN (RFC 7301), and its pool.
        public struct ProtocolRoute: Hashable, Sendable {
            /// Its identifier: `h2`, `acme-tls/1`.
            public var identifier: [UInt8]
            /// The index of its pool in ``Configuration/pools``.
            public var pool: Int

            /// A route to the pool at this index.
            public init(_ identifier: [UInt8], pool: Int) {
                self.identifier = identifier
                self.pool = pool
            }
        }

        /// The names: of several that fit, an exact one, or else the longest wildcard.
        public var routes: [Route]
        /// Protocols, which go before names: a client whose list has one of these goes to its pool.
        public var protocols: [ProtocolRoute]
        /// Where clients go that no route is for: they have another name, none, or speak something else than TLS. nil
        /// closes them.
        public var otherwise: Int?
        /// How long the ClientHello may take, from the accept or, after a PROXY header, from that.
        public var timeout: Duration

        /// The usual time: see ``Configuration/ProxyAccept/standardTimeout``.
        public static let standardTimeout: Duration = .seconds(3)

        /// Routes by name and by protocol.
        public init(
            _ routes: [Route], protocols: [ProtocolRoute] = [], otherwise: Int? = nil,
            timeout: Duration = standardTimeout
        ) {
            self.routes = routes
            self.protocols = protocols
            self.otherwise = otherwise
            self.timeout = timeout
        }

        /// The pools that it leads to, each once or more often.
        var pools: [Int] { routes.map(\.pool) + protocols.map(\.pool) + (otherwise.map { [$0] } ?? []) }

        /// Throws an error that names the fault and the remedy.
        func check(_ listener: String, pools count: Int) throws(ConfigurationError) {
            guard !pools.isEmpty else {
                throw ConfigurationError("listener '\(listener)': server names without a route: name at least one pool")
            }
            if let wrong = pools.first(where: { !(0..<count).contains($0) }) {
                throw ConfigurationError("listener '\(listener)': a server name leads to pool \(wrong): there is none")
            }
            guard routes.count + protocols.count <= Limits.routesMax else {
                throw ConfigurationError(
                    "listener '\(listener)': \(routes.count + protocols.count) routes: at most \(Limits.routesMax)")
            }
            if Set(routes.map(\.pattern)).count < routes.count {
                throw ConfigurationError("listener '\(listener)': a server name has two routes: name each once")
            }
            if Set(protocols.map(\.identifier)).count < protocols.count {
                throw ConfigurationError("listener '\(listener)': a protocol has two routes: name each once")
            }
            for route in protocols where !(1...255).contains(route.identifier.count) {
                throw ConfigurationError("listener '\(listener)': a protocol of ALPN has 1 to 255 bytes (RFC 7301)")
            }
            try Configuration.check(timeout, "time for the server name", from: Configuration.timeoutMin)
        }
    }
}
