extension Configuration {
    /// How often, and for how long, backends are tried for a client: each attempt is on another backend.
    public struct Retries: Hashable, Sendable {
        /// Attempts in all; nil for every backend once.
        public var max: Int?
        /// The time for all attempts together, from the accept; nil for as long as they take. The last attempt is given
        /// up when it is over. `proxy_next_upstream_timeout` of nginx.
        public var timeout: Duration?

        /// Limits; the defaults are none.
        public init(max: Int? = nil, timeout: Duration? = nil) {
            self.max = max
            self.timeout = timeout
        }

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            if let max, !(1...Limits.backendsMax).contains(max) {
                throw ConfigurationError("\(max) attempts to connect: it must be 1 to \(Limits.backendsMax)")
            }
            if let timeout { try Configuration.check(timeout, "time for all attempts", from: Configuration.timeoutMin) }
        }
    }
}
