extension Configuration {
    /// How clients wait for a place when every backend of their pool has its `sessions_max`.
    public struct Queue: Hashable, Sendable {
        /// So many wait at most, in all loops; the next one is closed.
        public var max: Int
        /// So long at most; then a client is closed.
        public var timeout: Duration

        /// HAProxy's defaults are no limit, and the connect timeout; ours are those of the design.
        public init(max: Int = 200, timeout: Duration = .seconds(5)) {
            self.max = max
            self.timeout = timeout
        }

        /// What ``max`` may be: a client that waits is a session.
        public static let maxRange = 1...Limits.sessionsCeiling

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            guard Self.maxRange.contains(max) else {
                throw ConfigurationError("queue of \(max) clients: it must be 1 to \(Self.maxRange.upperBound)")
            }
            try Configuration.check(timeout, "queue timeout", from: Configuration.timeoutMin)
        }
    }
}
