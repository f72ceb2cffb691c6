extension Configuration {
    /// Which clients may come to a listener, and how many.
    public struct ClientRules: Hashable, Sendable {
        /// How a client is sent away that may not come.
        public enum Refusal: String, Hashable, Sendable, CaseIterable {
            /// With a RST: nothing of it is kept, neither here nor there.
            case reset
            /// With a FIN: its program sees an end without a byte.
            case close
        }

        /// Networks whose clients may come; with none, all may but those in ``deny``. The longest prefix of both lists
        /// decides.
        public var allow: [Network] = []
        /// Networks whose clients may not.
        public var deny: [Network] = []
        /// What they get.
        public var refusal = Refusal.reset
        /// New clients of the listener as a whole; above it they wait in the kernel's backlog. nil for no limit.
        public var rate: Rate?
        /// What each client may have; nil for no limit.
        public var perClient: ClientLimits?

        /// Everybody, and as many as there is room for.
        public init() {}

        /// Throws an error that names the fault and the remedy.
        func check(_ listener: String) throws(ConfigurationError) {
            guard allow.count + deny.count <= Limits.networksMax else {
                throw ConfigurationError(
                    "listener '\(listener)': \(allow.count + deny.count) networks: at most \(Limits.networksMax)")
            }
            if let rate { try rate.check(listener) }
            guard let perClient else { return }
            try perClient.rate?.check(listener)
            if let most = perClient.sessionsMax, !(1...Int32(Limits.sessionsCeiling)).contains(most) {
                throw ConfigurationError(
                    "listener '\(listener)': \(most) sessions per client: it must be 1 to \(Limits.sessionsCeiling)")
            }
            guard (1...32).contains(perClient.prefix4), (1...128).contains(perClient.prefix6) else {
                throw ConfigurationError(
                    "listener '\(listener)': a client is a prefix of 1 to 32 bits (IPv4) or 1 to 128 bits (IPv6)")
            }
            try Configuration.check(perClient.timeout, "wait of a client", from: Configuration.timeoutMin)
        }
    }

    /// What one client of a listener may have, over all loops. A client is an address, or a prefix that many addresses share.
    public struct ClientLimits: Hashable, Sendable {
        /// What becomes of a client's further connection.
        public enum Excess: String, Hashable, Sendable, CaseIterable {
            /// It is closed at once.
            case close
            /// It waits until it may come, for ``ClientLimits/timeout``. Of one client as many may wait as it may have
            /// sessions, or else as many as may come at once; further ones are closed.
            case wait
        }

        /// Its sessions at the same time; nil for no limit.
        public var sessionsMax: Int32?
        /// Its new sessions; nil for no limit. As many as may come in a second may come at once.
        public var rate: Rate?
        /// The bits of an IPv4 address that are one client.
        public var prefix4 = 32
        /// The bits of an IPv6 address that are one client. A site gets a /64 at the least (RFC 6177).
        public var prefix6 = 64
        /// What becomes of further connections.
        public var excess = Excess.close
        /// How long one may wait.
        public var timeout: Duration = .seconds(5)

        /// No limits.
        public init() {}
    }
}

extension Rate {
    /// Throws an error that names the fault and the remedy.
    fileprivate func check(_ listener: String) throws(ConfigurationError) {
        guard (1...Limits.rateMax).contains(count), per > .zero, per <= .seconds(24 * 3600) else {
            throw ConfigurationError("listener '\(listener)': a rate is 1 to \(Limits.rateMax) in at most a day")
        }
    }
}
