import Balancer

// What happens before the first byte of a session, from the keys that were found.
extension Document {
    /// `server_name`: pools are names of the file, which exist.
    public struct ServerNames: Sendable {
        /// Names and wildcards, in the order of the file.
        public let routes: [(pattern: ServerNamePattern, pool: String)]
        /// Protocols of ALPN, in the order of the file.
        public let protocols: [(identifier: String, pool: String)]
        /// Where clients go that no route is for; nil closes them.
        public let otherwise: String?
        /// How long the ClientHello may take.
        public let timeout: Duration

        /// The pools that it leads to, in the order of the file, some more than once.
        var pools: [String] { routes.map(\.pool) + protocols.map(\.pool) + (otherwise.map { [$0] } ?? []) }

        /// The pool of clients without a route; where these are closed, that of the first route.
        var standardPool: String {
            get throws(MissingKey) {
                guard let pool = otherwise ?? pools.first else { throw MissingKey(name: "routes") }
                return pool
            }
        }

        init(_ fields: Fields) throws(MissingKey) {
            routes = fields.pairs("routes").compactMap { pair in
                guard case .serverName(let pattern) = pair.key, let pool = pair.value.value.asText else { return nil }
                return (pattern, pool)
            }
            protocols = fields.pairs("alpn").compactMap { pair in
                guard let identifier = pair.key.asText, let pool = pair.value.value.asText else { return nil }
                return (identifier, pool)
            }
            otherwise = fields.text("otherwise")
            timeout = try fields.setting("timeout", \.asDuration).value
        }

        /// As the loops have it, with pools by their places.
        func setting(_ place: (String) -> Int) -> Configuration.ServerNames {
            .init(
                routes.map { .init($0.pattern, pool: place($0.pool)) },
                protocols: protocols.map { .init(Array($0.identifier.utf8), pool: place($0.pool)) },
                otherwise: otherwise.map(place), timeout: timeout)
        }
    }
}

extension Document.Listener {
    /// The pools that its clients may come to, some more than once.
    var pools: [String] { serverNames?.pools ?? [pool.value] }
}

extension Configuration.ProxyAccept {
    /// `proxy_protocol` of a listener.
    init(_ fields: Fields) throws(MissingKey) {
        self.init(
            try fields.setting("accept") { $0.asWord.flatMap(Mode.init(rawValue:)) }.value,
            from: fields.list("from").compactMap { found in
                if case .network(let network) = found.value { network } else { nil }
            }, timeout: try fields.setting("timeout", \.asDuration).value)
    }
}

extension Configuration.ProxySend {
    /// `proxy_protocol` of a pool.
    init(_ value: Value) throws(MissingKey) {
        guard case .fields(let fields) = value else {
            guard let version = value.asWord.flatMap(ProxyVersion.init(rawValue:)) else {
                throw MissingKey(name: "proxy_protocol")
            }
            self.init(version)
            return
        }
        self.init(
            try fields.setting("version") { $0.asWord.flatMap(ProxyVersion.init(rawValue:)) }.value,
            hasChecksum: try fields.setting("checksum", \.asFlag).value,
            hasUniqueID: try fields.setting("unique_id", \.asFlag).value,
            hasAuthority: try fields.setting("authority", \.asFlag).value)
    }
}

extension Configuration.ClientRules {
    /// `allow`, `deny`, `denied`, and what `limits` has besides the sessions of all clients.
    init(_ listener: Fields, _ networks: NetworkFiles) throws(MissingKey) {
        self.init()
        allow = networks.networks(listener.list("allow"))
        deny = networks.networks(listener.list("deny"))
        refusal = try listener.setting("denied") { $0.asWord.flatMap(Refusal.init(rawValue:)) }.value
        let limits = try listener.section("limits")
        rate = limits.rate("rate")
        perClient = try limits.fields("per_client").map { fields throws(MissingKey) in try .init(fields) }
    }
}

extension Configuration.ClientLimits {
    fileprivate init(_ fields: Fields) throws(MissingKey) {
        self.init()
        sessionsMax = fields.count("sessions").map(Int32.init)
        rate = fields.rate("rate")
        prefix4 = try fields.setting("prefix4", \.asCount).value
        prefix6 = try fields.setting("prefix6", \.asCount).value
        excess = try fields.setting("over") { $0.asWord.flatMap(Excess.init(rawValue:)) }.value
        timeout = try fields.setting("timeout", \.asDuration).value
    }
}

extension Fields {
    fileprivate func rate(_ key: String) -> Rate? {
        if case .rate(let rate) = self[key]?.value { rate } else { nil }
    }
}
