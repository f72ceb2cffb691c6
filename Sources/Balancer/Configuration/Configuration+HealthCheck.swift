import Reactor

extension Configuration {
    /// How backends are probed. The defaults are those of the reference system's guide.
    public struct HealthCheck: Hashable, Sendable {
        /// What a probe is.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// A TCP connect, closed without a byte.
            case tcp
            /// Bytes are sent and expected, step by step: ``HealthCheck/steps``.
            case exchange
            /// A request in HTTP/1.1: ``HealthCheck/http``.
            case http
            /// There are none: a backend is up for as long as its name has an address, whatever its state is.
            case none
        }

        /// How the connection of a probe by TCP is closed. Other probes end theirs with a FIN.
        public enum Close: String, Hashable, Sendable, CaseIterable {
            /// With a RST: no TIME_WAIT is left, and a server can tell a probe from a client.
            case reset
            /// With a FIN, as a client does that says nothing; each probe leaves a port in TIME_WAIT for a minute.
            case fin
        }

        /// What a probe is.
        public var kind = Kind.tcp
        /// How its connection is closed, of the kind `.tcp`.
        public var close = Close.reset
        /// Of the kind `.exchange`: what is sent and expected, in this order; at least one step.
        public var steps: [ExchangeStep] = []
        /// Of the kind `.http`: what is asked, and what the answer must be.
        public var http = HTTPCheck()
        /// From the start of one probe to the start of the next.
        public var interval: Duration = .seconds(5)
        /// The same while the verdict may be about to change: up with failures counted, down with successes counted.
        /// nil: ``interval``. As HAProxy's `fastinter`.
        public var fastInterval: Duration?
        /// The same while it is down and the last probe has failed. nil: ``interval``. As HAProxy's `downinter`.
        public var downInterval: Duration?
        /// A probe that has not succeeded within this time has failed. Not longer than ``shortestInterval``.
        public var timeout: Duration = .seconds(2)
        /// The port that is probed at the backend's address; nil: the backend's own.
        public var port: UInt16?
        /// Failures in a row that take a backend out of rotation.
        public var fall: Int = 4
        /// Successes in a row that put it back.
        public var rise: Int = 1
        /// A backend is unknown until its first probe, at each of its addresses, has ended, and that decides: one failure
        /// takes it down, one success brings it up. While it is unknown it gets clients only if no backend of its pool is
        /// known to be up. Otherwise a backend is up until it has failed ``fall`` times.
        public var startsUnknown = false

        /// The defaults.
        public init() {}

        /// The shortest of the intervals: a probe must end within it.
        public var shortestInterval: Duration { min(interval, fastInterval ?? interval, downInterval ?? interval) }
    }

    /// One step of a probe by exchange.
    public enum ExchangeStep: Hashable, Sendable {
        /// These bytes are sent.
        case send([UInt8])
        /// The bytes that come next must be these.
        case expect([UInt8])
        /// These bytes must come, after any others.
        case find([UInt8])

        /// Its bytes; at least one.
        public var bytes: [UInt8] {
            switch self {
            case .send(let bytes), .expect(let bytes), .find(let bytes): bytes
            }
        }
    }

    /// A probe by HTTP/1.1.
    public struct HTTPCheck: Hashable, Sendable {
        /// The request's path, with its query; it begins with `/`.
        public var path = "/"
        /// The request's `Host`; nil: the address that is probed.
        public var host: String?
        /// The statuses that mean that the backend is well, each from 100 to 599. Standard: 200 to 399, as HAProxy has it
        /// for `option httpchk`.
        public var statuses: [ClosedRange<Int>] = [200...399]
        /// What the answer's body must contain; empty: anything.
        public var body: [UInt8] = []

        /// What an answer may have as its status.
        public static let statusRange = 100...599

        /// The defaults.
        public init() {}

        /// True of a status that means that the backend is well.
        public func accepts(_ status: Int) -> Bool { statuses.contains { $0.contains(status) } }

        /// `200-399, 404`
        public var statusText: String { statuses.map(Self.text).joined(separator: ", ") }

        /// `200-399`, or `404`.
        public static func text(_ range: ClosedRange<Int>) -> String {
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
    }
}

extension Configuration.HealthCheck {
    /// Throws an error that names the fault and the remedy.
    func check() throws(ConfigurationError) {
        try Configuration.check(interval, "probe interval", from: Configuration.probeDurationMin)
        try Configuration.check(timeout, "probe timeout", from: Configuration.probeDurationMin)
        if let fastInterval {
            try Configuration.check(fastInterval, "fast probe interval", from: Configuration.probeDurationMin)
        }
        if let downInterval {
            try Configuration.check(downInterval, "probe interval while down", from: Configuration.probeDurationMin)
        }
        guard timeout <= shortestInterval else {
            throw ConfigurationError(
                "probe timeout \(timeout) is longer than the probe interval \(shortestInterval): "
                    + "a probe must end before the next one starts")
        }
        for (name, value) in [("fall", fall), ("rise", rise)] {
            guard (1...Configuration.thresholdMax).contains(value) else {
                throw ConfigurationError("\(name) count \(value): it must be 1 to \(Configuration.thresholdMax)")
            }
        }
        guard port != 0 else { throw ConfigurationError("probe port 0: it must be 1 to 65535") }
        try checkWhatIsSaid()
    }

    private func checkWhatIsSaid() throws(ConfigurationError) {
        if kind == .exchange {
            guard (1...Limits.exchangeStepsMax).contains(steps.count),
                steps.allSatisfy({ (1...Limits.exchangeBytesMax).contains($0.bytes.count) })
            else {
                throw ConfigurationError(
                    "a probe by exchange has 1 to \(Limits.exchangeStepsMax) steps, each of 1 to "
                        + "\(Limits.exchangeBytesMax) bytes")
            }
        }
        guard kind == .http else { return }
        guard http.path.utf8.first == UInt8(ascii: "/"), Self.isVisible(http.path), Self.isVisible(http.host ?? "-"),
            http.path.utf8.count <= Limits.exchangeBytesMax, (http.host ?? "").utf8.count <= Limits.exchangeBytesMax
        else {
            throw ConfigurationError(
                "a probe's path begins with '/', and it and the host have 1 to \(Limits.exchangeBytesMax) characters of "
                    + "printable ASCII, no spaces")
        }
        let isWithinRange = http.statuses.allSatisfy {
            Configuration.HTTPCheck.statusRange.contains($0.lowerBound)
                && Configuration.HTTPCheck.statusRange.contains($0.upperBound)
        }
        guard !http.statuses.isEmpty, isWithinRange, http.body.count <= Limits.exchangeBytesMax else {
            throw ConfigurationError(
                "a probe by HTTP needs statuses from 100 to 599, and a body of at most \(Limits.exchangeBytesMax) bytes"
            )
        }
    }

    /// Nothing that would end a line or a word of a request.
    private static func isVisible(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21..<0x7F).contains($0) }
    }
}
