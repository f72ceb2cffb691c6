import Reactor

extension Configuration {
    /// Options of TCP sockets, by which the kernel notices a host that has vanished. Unix sockets have none of them.
    public struct SocketOptions: Hashable, Sendable {
        /// How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT, in milliseconds); nil for the kernel's own time,
        /// some 15 minutes.
        public var userTimeout: Duration?
        /// How a silent host is asked whether it is still there; nil for not at all.
        public var keepalive: Keepalive?

        /// Options; the defaults are those of a listener or pool that is not told otherwise.
        public init(userTimeout: Duration? = nil, keepalive: Keepalive? = .init()) {
            self.userTimeout = userTimeout
            self.keepalive = keepalive
        }
    }

    /// TCP keepalive (tcp(7)), in whole seconds: a host that has vanished is noticed after `idle + interval * probes`.
    public struct Keepalive: Hashable, Sendable {
        /// Silence before the first probe: TCP_KEEPIDLE.
        public var idle: Duration
        /// From one probe to the next: TCP_KEEPINTVL.
        public var interval: Duration
        /// Probes without an answer that end the connection: TCP_KEEPCNT.
        public var probes: Int

        /// Keepalive from its numbers; the defaults are those of `Reactor.Keepalive.standard`.
        public init(idle: Duration = .seconds(120), interval: Duration = .seconds(30), probes: Int = 4) {
            self.idle = idle
            self.interval = interval
            self.probes = probes
        }
    }
}

extension Configuration.SocketOptions {
    /// The longest time that the kernel takes: 2^31 - 1 ms.
    public static let userTimeoutMax: Duration = .milliseconds(Int32.max)

    /// TCP_USER_TIMEOUT in milliseconds; 0 for the kernel's own time.
    var userTimeoutMilliseconds: CInt {
        userTimeout.map { CInt(clamping: ($0.wholeNanoseconds + 999_999) / 1_000_000) } ?? 0
    }

    /// Throws an error that names `owner`, the fault and the remedy.
    func check(_ owner: String) throws(ConfigurationError) {
        if let userTimeout, !(Configuration.timeoutMin...Self.userTimeoutMax).contains(userTimeout) {
            throw ConfigurationError(
                "\(owner): user timeout \(userTimeout): it must be \(Configuration.timeoutMin) to \(Self.userTimeoutMax)"
            )
        }
        try keepalive?.check(owner)
    }
}

extension Configuration.Keepalive {
    /// What the kernel takes: MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL of <net/tcp.h>.
    public static let durations: ClosedRange<Duration> = .seconds(1) ... .seconds(32767)
    /// Likewise: MAX_TCP_KEEPCNT.
    public static let counts = 1...127

    /// The same as the kernel is told.
    var settings: Reactor.Keepalive {
        .init(
            idleSeconds: CInt(clamping: idle.components.seconds),
            intervalSeconds: CInt(clamping: interval.components.seconds), count: CInt(clamping: probes))
    }

    func check(_ owner: String) throws(ConfigurationError) {
        for (name, value) in [("idle time", idle), ("interval", interval)] {
            guard Self.durations.contains(value), value.components.attoseconds == 0 else {
                throw ConfigurationError(
                    "\(owner): keepalive \(name) \(value): it must be \(Self.durations.lowerBound) to "
                        + "\(Self.durations.upperBound), in whole seconds")
            }
        }
        guard Self.counts.contains(probes) else {
            throw ConfigurationError(
                "\(owner): \(probes) keepalive probes: it must be \(Self.counts.lowerBound) to \(Self.counts.upperBound)"
            )
        }
    }
}
