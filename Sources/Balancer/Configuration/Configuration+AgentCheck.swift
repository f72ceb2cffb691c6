import Reactor

extension Configuration {
    /// An agent that runs beside each backend of a pool and says how it is: ``AgentStanding``.
    public struct AgentCheck: Hashable, Sendable {
        /// Its port, at the backend's address.
        public var port: UInt16
        /// From the start of one connection to the start of the next.
        public var interval: Duration
        /// An agent that has said nothing within this time has said nothing. Not longer than the interval.
        public var timeout: Duration
        /// What is sent to it first; empty for nothing.
        public var send: [UInt8]

        /// An agent.
        public init(port: UInt16, interval: Duration = .seconds(5), timeout: Duration = .seconds(2), send: [UInt8] = [])
        {
            self.port = port
            self.interval = interval
            self.timeout = timeout
            self.send = send
        }

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            guard port != 0 else { throw ConfigurationError("agent port 0: it must be 1 to 65535") }
            try Configuration.check(interval, "agent interval", from: Configuration.probeDurationMin)
            try Configuration.check(timeout, "agent timeout", from: Configuration.probeDurationMin)
            guard timeout <= interval else {
                throw ConfigurationError(
                    "agent timeout \(timeout) is longer than the agent interval \(interval): one must end before the next starts"
                )
            }
            guard send.count <= Limits.exchangeBytesMax else {
                throw ConfigurationError("an agent is sent \(send.count) bytes: at most \(Limits.exchangeBytesMax)")
            }
        }
    }
}
