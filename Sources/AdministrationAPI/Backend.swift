extension Status {
    /// A backend of a pool.
    public struct Backend: Codable, Hashable, Sendable {
        /// What identifies it in its pool: its label, its name as `HOST:PORT`, or its address.
        public var name: String
        /// Its address; nil while its name has none.
        public var address: String?
        /// What becomes of new clients: `up`, `down`, `unknown` (not judged yet), `unchecked` (nobody asks), `ejected` (for
        /// what clients met there), `drain` or `maintain` (by an operator), `silent` or `refusing` (a drill).
        public var state: String
        /// What else is to be said: `suspect`, `full`, `checks-fail` (of one that an operator keeps out), `agent-down`, `agent-silent`, `agent-50%`, `slow-start-40%`.
        public var remarks: [String]
        /// Seconds since its state changed last; nil when it has not since the start.
        public var changedSeconds: Double?
        /// Why it changed then: `connect: Connection refused`.
        public var cause: String?
        /// Its share of the clients relative to the others', as it is now.
        public var weight: Int
        /// Its share as configured.
        public var configuredWeight: Int
        /// It gets clients only while no other of its pool is up.
        public var isBackup: Bool
        /// Sessions that are connected or connecting to it.
        public var sessions: Int
        /// The most that it gets; nil without a limit.
        public var sessionsMax: Int?
        /// Attempts to connect to it.
        public var sessionsTotal: UInt64
        /// Sessions that have ended on it, by their reason; those without any are missing.
        public var endsTotal: [String: UInt64]
        /// Attempts to connect that have failed, by `refused`, `timed-out`, `unreachable`, `reset`, `no-descriptor`,
        /// `no-port`, `no-memory`, `other`; those without any are missing.
        public var connectFailuresTotal: [String: UInt64]
        /// Attempts that followed a failed one at another backend.
        public var redispatchesTotal: UInt64
        /// Changes of its state.
        public var stateChangesTotal: UInt64
        /// Bytes written to it.
        public var bytesUpTotal: UInt64
        /// Bytes from it written to clients.
        public var bytesDownTotal: UInt64
        /// The time to connect to it: of the median client since the start; nil before the first. Upper bounds of buckets.
        public var connectP50Seconds: Double?
        /// Of one client in a hundred.
        public var connectP99Seconds: Double?
        /// How long bytes waited for clients that did not take them, of all ended stalls.
        public var clientStallSecondsTotal: Double
        /// How long bytes waited for it.
        public var backendStallSecondsTotal: Double
        /// What an operator has set; nil without that.
        public var override: Override?

        /// What an operator has set at run time.
        public struct Override: Codable, Hashable, Sendable {
            /// Who: `user alice`, `uid 1000`, or `token`.
            public var by: String
            /// Seconds until it goes back by itself; nil for never.
            public var revertsSeconds: Double?

            /// All of it.
            public init(by: String, revertsSeconds: Double? = nil) {
                self.by = by
                self.revertsSeconds = revertsSeconds
            }
        }

        /// One without clients.
        public init(name: String, address: String?, state: String, weight: Int) {
            self.name = name
            self.address = address
            self.state = state
            remarks = []
            self.weight = weight
            configuredWeight = weight
            isBackup = false
            sessions = 0
            sessionsTotal = 0
            endsTotal = [:]
            connectFailuresTotal = [:]
            redispatchesTotal = 0
            stateChangesTotal = 0
            bytesUpTotal = 0
            bytesDownTotal = 0
            clientStallSecondsTotal = 0
            backendStallSecondsTotal = 0
        }
    }
}
