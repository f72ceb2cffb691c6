/// What came of a drill. Names in JSON are those of the properties in `snake_case`; times are in seconds.
public struct DrillReport: Codable, Hashable, Sendable {
    /// How the probes of a part of the drill fared.
    public struct Part: Codable, Hashable, Sendable {
        /// Probes that began in it.
        public var probes: Int
        /// Those that were not served.
        public var failed: Int
        /// Those that were not served, or waited for the backend that was away.
        public var affected: Int
        /// What the median of those that were served waited; nil of none.
        public var waitP50Seconds: Double?
        /// What one of a hundred waited.
        public var waitP99Seconds: Double?
        /// The longest wait of all, also of those that failed.
        public var waitMaxSeconds: Double?

        /// All of it.
        public init(
            probes: Int, failed: Int, affected: Int, waitP50Seconds: Double?, waitP99Seconds: Double?,
            waitMaxSeconds: Double?
        ) {
            self.probes = probes
            self.failed = failed
            self.affected = affected
            self.waitP50Seconds = waitP50Seconds
            self.waitP99Seconds = waitP99Seconds
            self.waitMaxSeconds = waitMaxSeconds
        }
    }

    /// Sessions that were on the backend.
    public struct Sessions: Codable, Hashable, Sendable {
        /// When it was taken away, without the probes'.
        public var before: Int
        /// Those of them that were still there when it was put back. Others have ended as sessions do, or were closed.
        public var kept: Int
        /// How many sessions the balancer has ended because the backend was down (`when_down: close`), the probes' among them.
        public var closed: Int
    }

    /// All clients, as the balancer has counted them, the probes among them.
    public struct Clients: Codable, Hashable, Sendable {
        /// Attempts to connect to the backend in vain.
        public var attemptsFailed: UInt64
        /// Attempts in its pool that followed a failed one.
        public var redispatches: UInt64
        /// Clients of its pool that met no backend that was up.
        public var withoutBackend: UInt64
    }

    /// What was done.
    public var plan: DrillPlan
    /// The result in one sentence.
    public var verdict: String
    /// There were probes and none of them failed, and the backend has come back.
    public var isPassed: Bool
    /// Before the backend was taken away.
    public var before: Part
    /// While it was away.
    public var during: Part
    /// After it was put back.
    public var after: Part
    /// By how much the median wait was longer than before.
    public var addedP50Seconds: Double?
    /// By how much the wait of one client in a hundred was longer.
    public var addedP99Seconds: Double?
    /// The longest wait from the beginning of the drill to its end.
    public var longestWaitSeconds: Double?
    /// When the first client that was affected began to connect, since the backend was taken away; nil without one.
    public var firstAffectedSeconds: Double?
    /// When the last one did.
    public var lastAffectedSeconds: Double?
    /// From the backend's end to the moment at which the balancer took it out; nil when it has not.
    public var detectSeconds: Double?
    /// By what it has noticed: `checks` or `clients`.
    public var detectedBy: String?
    /// From the backend's return to the moment at which the balancer took it back; nil when it had not taken it out.
    public var recoverSeconds: Double?
    /// From the backend's return to the first client that it has served; nil when none was seen.
    public var firstServedSeconds: Double?
    /// Sessions that were on the backend.
    public var sessions: Sessions
    /// All clients.
    public var clients: Clients
    /// Why probes were not served, with how many.
    public var failures: [String: Int]
    /// Probes that were not begun.
    public var skipped: Int
    /// What else is to be said, and what would help, a sentence each.
    public var remarks: [String]

    /// A report of what was seen.
    public init(_ plan: DrillPlan, _ samples: DrillSamples) {
        self.plan = plan
        let parts = DrillParts(plan, samples)
        before = Self.part(parts.before, parts)
        during = Self.part(parts.during, parts)
        after = Self.part(parts.after, parts)
        let later = parts.during + parts.after
        addedP50Seconds = Self.added(before.waitP50Seconds, during.waitP50Seconds)
        addedP99Seconds = Self.added(before.waitP99Seconds, during.waitP99Seconds)
        longestWaitSeconds = later.map { Self.rounded($0.waitedSeconds) }.max()
        // A client that was connecting already can be affected as well: it is none that came later.
        let affected = later.filter(parts.isAffected).map { Self.rounded($0.beganSeconds) }
        firstAffectedSeconds = affected.min()
        lastAffectedSeconds = affected.max()
        detectSeconds = samples.detectedSeconds.map(Self.rounded)
        detectedBy = samples.detectedBy
        recoverSeconds = samples.recoveredSeconds.map(Self.rounded)
        firstServedSeconds = parts.after.filter { $0.failure == nil && $0.backend == plan.backend }
            .map { Self.rounded($0.beganSeconds + $0.waitedSeconds - samples.restoredSeconds) }.min()
        sessions = Sessions(
            before: samples.sessionsBefore, kept: samples.sessionsKept, closed: Int(clamping: samples.sessionsClosed))
        clients = Clients(
            attemptsFailed: samples.attemptsFailed, redispatches: samples.redispatches,
            withoutBackend: samples.withoutBackend)
        failures = later.reduce(into: [:]) { counts, probe in
            if let failure = probe.failure { counts[failure, default: 0] += 1 }
        }
        skipped = samples.skipped
        verdict = ""
        isPassed =
            !later.isEmpty && during.failed + after.failed == 0 && samples.isRestored
            && (detectSeconds == nil || recoverSeconds != nil)
        remarks = samples.remarks
        verdict = DrillWords.verdict(self)
        remarks += DrillWords.remarks(self)
    }

    private static func part(_ probes: [DrillSample], _ parts: DrillParts) -> Part {
        let served = probes.filter { $0.failure == nil }.map { rounded($0.waitedSeconds) }.sorted()
        return Part(
            probes: probes.count, failed: probes.count - served.count, affected: probes.count(where: parts.isAffected),
            waitP50Seconds: quantile(0.5, of: served), waitP99Seconds: quantile(0.99, of: served),
            waitMaxSeconds: probes.map { rounded($0.waitedSeconds) }.max())
    }

    /// The value that this share of sorted values does not exceed; nil of none.
    static func quantile(_ share: Double, of sorted: [Double]) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let place = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return sorted[min(max(place, 0), sorted.count - 1)]
    }

    /// To microseconds: no clock here tells more.
    private static func rounded(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }

    private static func added(_ before: Double?, _ during: Double?) -> Double? {
        guard let before, let during else { return nil }
        return rounded(max(0, during - before))
    }
}

/// The probes of each part of a drill, and which of them were affected.
struct DrillParts {
    let before: [DrillSample]
    let during: [DrillSample]
    let after: [DrillSample]
    private let waitMax: Double

    /// A probe about which the balancer has told nothing counts as affected when it waited for so much longer than the longest
    /// before the drill: less may be chance.
    private static let marginSeconds = 0.02

    init(_ plan: DrillPlan, _ samples: DrillSamples) {
        before = samples.probes.filter { $0.beganSeconds < 0 }
        during = samples.probes.filter { $0.beganSeconds >= 0 && $0.beganSeconds < samples.restoredSeconds }
        after = samples.probes.filter { $0.beganSeconds >= samples.restoredSeconds && $0.beganSeconds >= 0 }
        waitMax = (before.filter { $0.failure == nil }.map(\.waitedSeconds).max() ?? 0) + Self.marginSeconds
    }

    /// It was not served, or has waited for the backend that was away.
    func isAffected(_ probe: DrillSample) -> Bool {
        if probe.failure != nil || probe.hasMetDrill { return true }
        return !probe.isTold && probe.waitedSeconds > waitMax
    }
}
