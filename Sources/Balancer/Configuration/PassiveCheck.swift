extension Configuration {
    /// When a backend is ejected for what clients meet there. The defaults lie between those of nginx (1 failure in 10 s) and
    /// Envoy (5 in a row, for 30 s times the number of ejections, at most 300 s).
    public struct PassiveCheck: Hashable, Sendable {
        /// So many failures: connects that fail, and sessions that the backend resets before it has sent a byte.
        public var failures = 5
        /// All of them within this time.
        public var within: Duration = .seconds(30)
        /// How long it gets no clients; twice as long with each ejection in a row.
        public var ejected: Duration = .seconds(10)
        /// At most so long. After as long a time without an ejection the next one is short again.
        public var ejectedMax: Duration = .seconds(300)
        /// No more than this share of a pool's backends is ejected at the same time, in millionths, rounded down.
        public var shareMax = 500_000

        /// The defaults.
        public init() {}

        /// What ``failures`` may be: each is remembered with its time.
        public static let failuresRange = 1...1000

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            guard Self.failuresRange.contains(failures) else {
                throw ConfigurationError(
                    "passive failures \(failures): it must be 1 to \(Self.failuresRange.upperBound)")
            }
            try Configuration.check(within, "passive window", from: Configuration.timeoutMin)
            try Configuration.check(ejected, "ejection", from: Configuration.timeoutMin)
            try Configuration.check(ejectedMax, "longest ejection", from: Configuration.timeoutMin)
            guard ejected <= ejectedMax else {
                throw ConfigurationError("an ejection of \(ejected) is longer than the longest, \(ejectedMax)")
            }
            guard (1...1_000_000).contains(shareMax) else {
                throw ConfigurationError("passive share \(shareMax) millionths: it must be 1 to 1000000")
            }
        }
    }
}
