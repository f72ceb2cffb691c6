extension Configuration {
    /// How long the sessions of a pool may take.
    public struct PoolTimeouts: Hashable, Sendable {
        /// One attempt to connect to a backend. HAProxy's documentation suggests 5 s.
        public var connect: Duration
        /// A session in which nothing is relayed in either direction. One hour is Envoy's default.
        public var idle: Duration
        /// The same once one side has ended its direction; nil for ``idle``, which also holds where it is shorter.
        /// HAProxy: `timeout client-fin`, `timeout server-fin`.
        public var halfClosed: Duration?
        /// The age, from the accept, at which a connected session is ended whatever it does; nil for none. Each session's
        /// own limit is up to 10 % shorter or longer, so that sessions that began together do not end together.
        public var sessionAgeMax: Duration?

        /// Timeouts; the defaults are those of a pool that is not told otherwise.
        public init(
            connect: Duration = .seconds(5), idle: Duration = .seconds(3600), halfClosed: Duration? = nil,
            sessionAgeMax: Duration? = nil
        ) {
            self.connect = connect
            self.idle = idle
            self.halfClosed = halfClosed
            self.sessionAgeMax = sessionAgeMax
        }

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            try Configuration.check(connect, "connect timeout", from: Configuration.timeoutMin)
            try Configuration.check(idle, "idle timeout", from: Configuration.timeoutMin)
            if let halfClosed {
                try Configuration.check(halfClosed, "half-closed timeout", from: Configuration.timeoutMin)
            }
            if let sessionAgeMax {
                try Configuration.check(sessionAgeMax, "longest age of a session", from: Configuration.timeoutMin)
            }
        }
    }
}
