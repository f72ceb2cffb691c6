/// The figures of one subject in one row, over all rounds.
public struct Summary: Codable, Equatable, Sendable {
    /// Units per second; for idle sessions, their number.
    public var throughput: Spread?
    /// The cost of a unit; see ``Cost``. The subject `direct`, which has no process, has only latencies.
    public var cost: Spread?
    /// The reference's cost divided by this subject's, round by round; nil when either has errors.
    public var ratio: Spread?
    /// The median over the rounds of the 50th percentile of the latency, in microseconds.
    public var p50: Double?
    /// The median over the rounds of the 99th percentile, in microseconds.
    public var p99: Double?
    /// The same of the 99.9th percentile, in microseconds.
    public var p999: Double?
    /// The same of the longest latency, in microseconds.
    public var longest: Double?
    /// The same of the 99th percentile before the disturbance began, in microseconds.
    public var p99Alone: Double?
    /// How much longer the 99th percentile is than without a subject under the same load, in microseconds: the median of
    /// the rounds' differences.
    public var p99OverDirect: Double?
    /// The subject's processor time as a share of a core.
    public var processorShare: Double?
    /// What the downloads beside the work reached in all, in bytes per second.
    public var bulkRate: Double?
    /// Short connections beside the work, per second.
    public var visitRate: Double?
    /// The medians over the rounds of their latencies' percentiles, in microseconds.
    public var visits: Tail?
    /// Context switches per unit.
    public var switches: Double?
    /// The subject's memory per session, in bytes.
    public var userBytes: Double?
    /// The kernel's memory per session in bytes, minus what the same connections take without a subject.
    public var kernelBytes: Double?
    /// Notes for the reader: failures, errors, limits of the measurement.
    public var notes: [String] = []

    /// The percentiles of short connections' latencies that a table shows, in microseconds.
    public struct Tail: Codable, Equatable, Sendable {
        /// The median.
        public var p50: Double
        /// The 99th percentile.
        public var p99: Double
        /// The 99.9th percentile.
        public var p999: Double

        /// Medians over several windows; nil when there are none.
        init?(_ latencies: [Latency]) {
            guard let p50 = Spread(latencies.map(\.p50)), let p99 = Spread(latencies.map(\.p99)),
                let p999 = Spread(latencies.map(\.p999))
            else { return nil }
            self.p50 = p50.median
            self.p99 = p99.median
            self.p999 = p999.median
        }
    }
}

extension Report.RowResult {
    /// A core counts as busy from this share of the window on.
    static let busyShare = 0.9
    /// Other programs count as a disturbance from this share of a core on.
    static let disturbedShare = 0.25

    /// Computes the summaries of all subjects of the row.
    public mutating func summarize(reference: String, threads: Int) {
        let base = subjects.first { $0.subject == reference }
        let direct = subjects.first { $0.subject == "direct" }
        for index in subjects.indices {
            subjects[index].summary = summary(subjects[index], base: base, direct: direct, threads: threads)
        }
    }

    private func summary(
        _ result: Report.SubjectResult, base: Report.SubjectResult?, direct: Report.SubjectResult?, threads: Int
    ) -> Summary {
        let samples = result.samples
        let costs = costs(of: result, direct: direct)
        var summary = Summary()
        summary.throughput = Spread(samples.map { unit == .session ? $0.units : $0.units / unit.size / $0.seconds })
        summary.cost = Spread(costs.compactMap(\.self))
        summary.p50 = Spread(samples.compactMap { $0.latency?.p50 })?.median
        summary.p99 = Spread(samples.compactMap { $0.latency?.p99 })?.median
        summary.p999 = Spread(samples.compactMap { $0.latency?.p999 })?.median
        summary.longest = Spread(samples.compactMap { $0.latency?.max })?.median
        summary.bulkRate = Spread(samples.compactMap { sample in sample.bulkBytes.map { $0 / sample.seconds } })?.median
        summary.visitRate =
            Spread(samples.compactMap { sample in sample.visits.map { Double($0.count) / sample.seconds } })?.median
        summary.visits = Summary.Tail(samples.compactMap(\.visits))
        summary.p99Alone = Spread(samples.compactMap { $0.alone?.p99 })?.median
        if result.subject != "direct" {
            summary.processorShare =
                Spread(samples.map { Double($0.subject.nanoseconds) / 1e9 / $0.seconds })?.median
            summary.p99OverDirect = direct.flatMap { Self.p99OverDirect(samples, $0.samples) }
            summary.switches =
                Spread(
                    samples.map { Double($0.subject.switches) / max(1, $0.units / unit.size) })?.median
        }
        if cost == .memory, result.subject != "direct" {
            let user = Spread(samples.compactMap { $0.memory?.userEach })?.median
            summary.userBytes = user
            summary.kernelBytes = user.flatMap { user in summary.cost.map { $0.median - user } }
        }
        if let base, base.isSound, result.isSound {
            let pairs = zip(self.costs(of: base, direct: direct), costs)
            summary.ratio = Spread(
                pairs.compactMap { reference, cost in
                    guard let reference, let cost, cost > 0 else { return nil }
                    return reference / cost
                })
        }
        summary.notes = notes(result, threads: threads)
        return summary
    }

    private static func p99OverDirect(_ samples: [Sample], _ direct: [Sample]) -> Double? {
        let differences = zip(samples, direct).compactMap { sample, other -> Double? in
            guard let own = sample.latency?.p99, let without = other.latency?.p99 else { return nil }
            return own - without
        }
        return Spread(differences)?.median
    }

    /// The cost of a unit in each round; nil where it is not defined.
    private func costs(of result: Report.SubjectResult, direct: Report.SubjectResult?) -> [Double?] {
        let isDirect = result.subject == "direct"
        let kernelWithout = Spread((direct?.samples ?? []).compactMap { $0.memory?.kernelEach })?.median ?? 0
        return result.samples.map { sample in
            switch cost {
            case .p99: return sample.latency?.p99
            case .processor:
                guard !isDirect, sample.units > 0 else { return nil }
                // Microseconds per unit, milliseconds per gigabyte.
                let divisor: Double = unit == .gigabyte ? 1_000_000 : 1000
                return Double(sample.subject.nanoseconds) / divisor / (sample.units / unit.size)
            case .memory:
                guard !isDirect else { return nil }
                return sample.memory.map { $0.userEach + $0.kernelEach - kernelWithout }
            }
        }
    }

    private func notes(_ result: Report.SubjectResult, threads: Int) -> [String] {
        var notes: [String] = []
        if let failure = result.failure { notes.append(failure) }
        let mismatches = result.samples.map(\.mismatches).reduce(0, +)
        if mismatches > 0 { notes.append("\(mismatches) answers differ from what was sent") }
        var errors: [String: Int] = [:]
        for sample in result.samples { errors.merge(sample.errors, uniquingKeysWith: +) }
        notes += errors.sorted { $0.value > $1.value }.prefix(2).map { "\($0.value) × \($0.key)" }

        guard unit != .session, !result.samples.isEmpty else { return notes }
        let shares = result.samples.map { Double($0.load + $0.origin) / 1e9 / $0.seconds / Double($0.loadCores ?? 1) }
        let own = result.samples.map { Double($0.subject.nanoseconds) / 1e9 / $0.seconds / Double(threads) }
        let others = result.samples.map { Double($0.others) / 1e9 / $0.seconds }
        let hasSubject = result.subject != "direct"
        if hasSubject, let share = Spread(shares)?.median, share >= Self.busyShare,
            (Spread(own)?.median ?? 0) < Self.busyShare
        {
            notes.append("generator at its limit")
        }
        if result.samples.contains(where: { $0.isShortOfMemory == true }) {
            notes.append("kernel short of TCP memory")
        }
        if (Spread(others)?.median ?? 0) >= Self.disturbedShare { notes.append("other programs were busy") }
        return notes
    }
}

extension Report.SubjectResult {
    /// True when there is no error, mismatch or failure, so that the figures may be compared.
    public var isSound: Bool {
        failure == nil && !samples.isEmpty && samples.allSatisfy { $0.errorCount == 0 }
    }

    /// True when bytes came back that differ from those that were sent.
    public var hasMismatch: Bool { samples.contains { $0.mismatches > 0 } }
}
