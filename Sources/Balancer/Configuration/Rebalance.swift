extension Configuration {
    /// How sessions move to backends that have come back: those that are idle, at backends with more than their share, are
    /// ended with a FIN, so that their clients come again. Off unless it is asked for; none of the peers has it.
    public struct Rebalance: Hashable, Sendable {
        /// At most so much of a backend's sessions is ended at once, in millionths; one session in any case.
        public var share: Int
        /// From one look at the pool's sessions to the next.
        public var every: Duration
        /// Only sessions in which nothing has moved for so long.
        public var idle: Duration

        /// The defaults are those of the design.
        public init(share: Int = 100_000, every: Duration = .seconds(30), idle: Duration = .seconds(10)) {
            self.share = share
            self.every = every
            self.idle = idle
        }

        /// What ``share`` may be.
        public static let shareRange = 1...1_000_000

        /// The policies that give a client that comes again to another backend.
        public static let policies: [PolicyKind] = [.roundRobin, .leastConnections, .randomTwo]

        /// Throws an error that names the fault and the remedy.
        func check(_ policy: PolicyKind) throws(ConfigurationError) {
            guard Self.shareRange.contains(share) else {
                throw ConfigurationError(
                    "rebalance of \(share) millionths: it must be 1 to \(Self.shareRange.upperBound)")
            }
            try Configuration.check(every, "rebalance interval", from: Configuration.rebalanceEveryMin)
            try Configuration.check(idle, "rebalance idle time", from: Configuration.timeoutMin)
            guard Self.policies.contains(policy) else {
                throw ConfigurationError(
                    "rebalance with policy \(policy.rawValue), which would send the clients back to the same backend: use "
                        + "\(Self.policies.map(\.rawValue).joined(separator: ", ")), or leave rebalance out")
            }
        }
    }

    /// The shortest time between two looks at all sessions of a pool.
    public static let rebalanceEveryMin: Duration = .milliseconds(100)
}
