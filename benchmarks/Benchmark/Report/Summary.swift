/// What the rounds of one subject in one row say.
public struct Summary: Codable, Equatable, Sendable {
    /// Units per second; for idle sessions, how many there were.
    public var throughput: Spread?
    /// What a unit costs; see ``Cost``. None of a subject that is no process, except latencies.
    public var cost: Spread?
    /// The reference's cost divided by this one's, round by round; none where either has errors.
    public var ratio: Spread?
    /// Medians of the latency's percentiles in microseconds.
    public var p50: Double?
    /// The 99th percentile.
    public var p99: Double?
    /// The 99th percentile before the disturbance began.
    public var p99Alone: Double?
    /// Context switches per unit.
    public var switches: Double?
    /// Memory of a session in the subject, in bytes.
    public var userBytes: Double?
    /// Memory of a session in the kernel, in bytes, less what the same connections take without a subject.
    public var kernelBytes: Double?
    /// What a reader has to know.
    public var notes: [String] = []
}

extension Report.RowResult {
    /// A core is taken for busy from this share of the window on.
    static let busyShare = 0.9
    /// Other programs disturb from this share of a core on.
    static let disturbedShare = 0.25

    /// Works out what the samples say, of all subjects of the row.
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
        summary.p99Alone = Spread(samples.compactMap { $0.alone?.p99 })?.median
        if result.subject != "direct" {
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

    /// What a unit cost in each round; nil where that cannot be said.
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
        let shares = result.samples.map { Double($0.load + $0.origin) / 1e9 / $0.seconds }
        let own = result.samples.map { Double($0.subject.nanoseconds) / 1e9 / $0.seconds / Double(threads) }
        let others = result.samples.map { Double($0.others) / 1e9 / $0.seconds }
        let hasSubject = result.subject != "direct"
        if hasSubject, let share = Spread(shares)?.median, share >= Self.busyShare,
            (Spread(own)?.median ?? 0) < Self.busyShare
        {
            notes.append("generator at its limit")
        }
        if (Spread(others)?.median ?? 0) >= Self.disturbedShare { notes.append("other programs were busy") }
        return notes
    }
}

extension Report.SubjectResult {
    /// No errors, no mismatch, no failure: its figures may be compared.
    public var isSound: Bool {
        failure == nil && !samples.isEmpty && samples.allSatisfy { $0.errorCount == 0 }
    }

    /// Something else came back than what was sent.
    public var hasMismatch: Bool { samples.contains { $0.mismatches > 0 } }
}
