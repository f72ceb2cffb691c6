/// What a drill does: which backend is taken away, how, and for how long.
public struct DrillPlan: Codable, Hashable, Sendable {
    /// What connects to the backend meet.
    public enum Mode: String, Codable, Hashable, Sendable, CaseIterable {
        /// No answer, as of a machine that has lost its power.
        case silent
        /// A refusal, as of a machine whose program has ended.
        case refusing
    }

    /// The name of the backend's pool.
    public var pool: String
    /// The backend's name.
    public var backend: String
    /// What connects to it meet.
    public var mode: Mode
    /// How long it is away.
    public var lengthSeconds: Double
    /// How long is measured before.
    public var baselineSeconds: Double
    /// The listener that is probed.
    public var listener: String
    /// Its address.
    public var address: String
    /// Probes per second, at most.
    public var probesPerSecond: Int
    /// A probe that has waited so long has failed.
    public var patienceSeconds: Double
    /// Probes send or expect bytes: what they wait for is the answer, and not the connection to a backend.
    public var isAnswerAwaited: Bool
    /// The drill is made on a copy, without clients of others.
    public var isCopy: Bool

    /// Probes per second, where nothing else is asked for.
    public static let standardRate = 50
    /// The most probes per second.
    public static let rateMax = 500
    /// The same where the balancer is asked about each probe, which costs it and the drill a request each.
    public static let askedRateMax = 100

    /// All of it.
    public init(
        pool: String, backend: String, mode: Mode, lengthSeconds: Double, baselineSeconds: Double, listener: String,
        address: String, probesPerSecond: Int, patienceSeconds: Double, isAnswerAwaited: Bool, isCopy: Bool
    ) {
        self.pool = pool
        self.backend = backend
        self.mode = mode
        self.lengthSeconds = lengthSeconds
        self.baselineSeconds = baselineSeconds
        self.listener = listener
        self.address = address
        self.probesPerSecond = probesPerSecond
        self.patienceSeconds = patienceSeconds
        self.isAnswerAwaited = isAnswerAwaited
        self.isCopy = isCopy
    }
}
