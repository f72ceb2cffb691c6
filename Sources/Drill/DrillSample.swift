/// What one probe has met: a client of the drill's own.
public struct DrillSample: Hashable, Sendable {
    /// When it began to connect, in seconds since the backend was taken away; negative before that.
    public var beganSeconds: Double
    /// How long it waited: for the connection to a backend or for the answer, or until it failed.
    public var waitedSeconds: Double
    /// Why it was not served, as a word of the balancer's (`connect-failed`) or in words; nil when it was.
    public var failure: String?
    /// The backend that served it; nil when none did, or the balancer has not told.
    public var backend: String?
    /// It has tried the backend that is away, in vain.
    public var hasMetDrill: Bool
    /// The balancer has told what became of it.
    public var isTold: Bool

    /// All of it.
    public init(
        beganSeconds: Double, waitedSeconds: Double, failure: String? = nil, backend: String? = nil,
        hasMetDrill: Bool = false, isTold: Bool = true
    ) {
        self.beganSeconds = beganSeconds
        self.waitedSeconds = waitedSeconds
        self.failure = failure
        self.backend = backend
        self.hasMetDrill = hasMetDrill
        self.isTold = isTold
    }
}

/// All that a drill has seen.
public struct DrillSamples: Hashable, Sendable {
    /// The probes, in any order.
    public var probes: [DrillSample] = []
    /// Probes that were not begun, because as many others were open as may be.
    public var skipped = 0
    /// When the backend was put back, in seconds since it was taken away.
    public var restoredSeconds: Double
    /// The drill has put it back: nobody else has changed its state meanwhile, which would stay so.
    public var isRestored = true
    /// When the balancer took it out, likewise; nil when it has not.
    public var detectedSeconds: Double?
    /// By what: `checks` or `clients`; nil when it has not.
    public var detectedBy: String?
    /// When it took it back, in seconds since it was put back; nil when it had not taken it out, or has not come back.
    public var recoveredSeconds: Double?
    /// Sessions on the backend when it was taken away, without the probes'.
    public var sessionsBefore = 0
    /// Those of them that were there when it was put back.
    public var sessionsKept = 0
    /// Sessions on it that the balancer has ended because it was down.
    public var sessionsClosed: UInt64 = 0
    /// Attempts of all clients, the probes among them, to connect to it in vain.
    public var attemptsFailed: UInt64 = 0
    /// Attempts in its pool that followed a failed one.
    public var redispatches: UInt64 = 0
    /// Clients of its pool that were closed because no backend was up.
    public var withoutBackend: UInt64 = 0
    /// What else is to be said, a sentence each.
    public var remarks: [String] = []

    /// Without a probe.
    public init(restoredSeconds: Double) { self.restoredSeconds = restoredSeconds }
}
