/// What only metrics tell, beside a ``Status``.
public struct Measurements: Hashable, Sendable {
    /// A distribution of times.
    public struct Distribution: Hashable, Sendable {
        /// Upper bounds of the buckets in seconds, ascending; the last bucket has none.
        public var bounds: [Double]
        /// How many values are in each bucket and in no lower one: one more than `bounds`.
        public var counts: [UInt64]
        /// The sum of all values, in seconds.
        public var sumSeconds: Double

        /// All of it.
        public init(bounds: [Double], counts: [UInt64], sumSeconds: Double) {
            self.bounds = bounds
            self.counts = counts
            self.sumSeconds = sumSeconds
        }
    }

    /// When the process started, in seconds since 1970; 0 before its loops run.
    public var startedSeconds: Double = 0
    /// How long turns took.
    public var turns: Distribution
    /// The last reload was taken over, or there was none.
    public var wasLastReloadSuccessful = true
    /// Lines of the log that its destinations have not taken.
    public var logLinesLostTotal: UInt64 = 0
    /// How often the program was replaced under its sessions.
    public var upgradesTotal: UInt64 = 0
    /// How long a listener has accepted nobody, by its name: for an operator, a limit or a shortage.
    public var acceptPausedSecondsTotal: [String: Double] = [:]
    /// How long clients waited in a pool's queue, by its name.
    public var queueWaits: [String: Distribution] = [:]
    /// How long it took to connect to a backend.
    public var connects: [BackendReference: Distribution] = [:]
    /// How long sessions of a backend took.
    public var durations: [BackendReference: Distribution] = [:]

    /// Nothing but turns.
    public init(turns: Distribution) { self.turns = turns }
}
