import Balancer
import ConfigurationFile
import Reactor

/// When which pool is asked for, and what of its answers is told. Pure: time and chance are given.
struct Schedule {
    /// A pool that is to be asked for now.
    struct Question: Sendable {
        let pool: DiscoveredPool
        /// Of the answer to an older question of the pool nothing is taken.
        let number: UInt64
        /// The source is asked even if nothing about it seems to have changed.
        let isForced: Bool
        /// A file is left alone while it is being written; but not for ever.
        let mayWait: Bool
    }

    private struct Entry {
        var pool: DiscoveredPool
        /// The question that is open; nil for none.
        var asked: UInt64?
        var due: Instant
        var isForced = true
        /// Somebody wants to know while the answer to an older question is still to come.
        var isWantedAgain = false
        var failures = 0
        /// How often in a row a file was found being written.
        var waits = 0
        var hasAnswer = false
        /// What the loops were told last; nil when they are to be told whatever comes.
        var told: [Configuration.Backend]?
        /// The kinds of failures that were told since the last answer.
        var toldFailures: Set<Failure.Kind> = []
        var remarks: [String] = []
    }

    private var entries: [Entry] = []
    private var questions: UInt64 = 0
    /// A number from 0 up to 1, by chance.
    private let chance: () -> Double

    /// The most questions that are open. A name whose server does not answer holds one for
    /// `NameClient.usualTime`, and pools that failed the last time leave one to the others.
    static let questionsMax = 4
    /// The bounds of a name server's time to live: servers that say 0 are not asked without a pause, and within the
    /// longest a change is seen, as with backends that are names (`Configuration.Timeouts.names`). Docker says 600 s for
    /// the names of services that are scaled at any time.
    static let timesToLive: ClosedRange<Duration> = .seconds(1) ... .seconds(10)
    /// After the first failure; each further one doubles it, up to the usual pause.
    static let firstRetry: Duration = .seconds(1)
    /// The longest pause while no name server answers, unless the pool is asked less often than that anyway.
    static let retriesMax: Duration = .seconds(30)
    /// How far a pause may be from its length, in percent, so that many balancers do not ask together.
    static let jitterPercent: Int64 = 10
    /// A file is looked at that long after the last sign of a change: several changes are one.
    static let settling: Duration = .milliseconds(50)
    /// So often in a row a file that is being written is left alone; then it is read as it is.
    static let waitsMax = 20

    init(chance: @escaping () -> Double = { .random(in: 0..<1) }) { self.chance = chance }

    // MARK: what is wanted

    /// Sets the pools. One that was there before keeps its rhythm; each is asked for at once, and the loops are told what
    /// it has, as they may have been given new pools.
    mutating func update(_ pools: [DiscoveredPool], now: Instant) {
        entries = pools.map { pool in
            var entry = entries.first { $0.pool == pool } ?? Entry(pool: pool, due: now)
            entry.told = nil
            entry.remarks = []
            entry.toldFailures = []
            return entry
        }
        wake(now: now)
    }

    /// All pools are asked for at once.
    mutating func wake(now: Instant) {
        for index in entries.indices {
            entries[index].due = now
            entries[index].isForced = true
            entries[index].isWantedAgain = entries[index].asked != nil
        }
    }

    /// Something has changed in the folder of a file.
    mutating func filesHaveChanged(now: Instant) {
        for index in entries.indices where entries[index].pool.isFile {
            entries[index].due = min(entries[index].due, now + Self.settling)
            entries[index].isWantedAgain = entries[index].asked != nil
        }
    }

    /// True when each pool has had an answer, or a failure.
    var isComplete: Bool { entries.allSatisfy(\.hasAnswer) }

    // MARK: questions

    /// The next question that is due, for a thread that is free; nil when there is none.
    mutating func next(now: Instant) -> Question? {
        guard let index = nextIndex(now: now) else { return nil }
        questions += 1
        entries[index].asked = questions
        defer { entries[index].isForced = false }
        return Question(
            pool: entries[index].pool, number: questions, isForced: entries[index].isForced,
            mayWait: entries[index].waits < Self.waitsMax)
    }

    /// True when a thread would find a question.
    func hasQuestion(now: Instant) -> Bool { nextIndex(now: now) != nil }

    /// The longest due first.
    private func nextIndex(now: Instant) -> Int? {
        let open = entries.filter { $0.asked != nil }
        let doubtful = open.count { $0.failures > 0 }
        guard open.count < Self.questionsMax else { return nil }
        return entries.indices.filter { index in
            let entry = entries[index]
            guard entry.asked == nil, entry.due <= now else { return false }
            return entry.failures == 0 || doubtful < Self.questionsMax - 1
        }.min { entries[$0].due < entries[$1].due }
    }

    /// When the next question will be due; nil when none will. Those that are due already wait for a thread.
    func deadline(after now: Instant) -> Instant? {
        entries.lazy.filter { $0.asked == nil && $0.due > now }.map(\.due).min()
    }

    // MARK: answers

    /// Takes an answer; returns what the loops are to be told.
    mutating func finish(_ question: Question, _ answer: SourceAnswer, now: Instant) -> [ControlRequest] {
        guard let index = entries.firstIndex(where: { $0.asked == question.number }) else { return [] }
        entries[index].asked = nil
        if answer != .unsettled { entries[index].hasAnswer = true }
        let requests = take(answer, index)
        let entry = entries[index]
        let pause = pause(answer, entry)
        entries[index].due = now + (entry.isWantedAgain ? Self.settling : pause)
        entries[index].isWantedAgain = false
        return requests
    }

    private mutating func take(_ answer: SourceAnswer, _ index: Int) -> [ControlRequest] {
        let name = entries[index].pool.name
        switch answer {
        case .backends(let backends, let remarks, _):
            var requests: [ControlRequest] = []
            if entries[index].told != backends || !entries[index].toldFailures.isEmpty {
                requests.append(.backends(backends, pool: name))
            }
            if !entries[index].toldFailures.isEmpty {
                let count = backends.count == 1 ? "1 backend" : "\(backends.count) backends"
                requests.append(.remark("discovered again: \(count)", pool: name))
            }
            for remark in remarks where !entries[index].remarks.contains(remark) {
                requests.append(.remark(remark, pool: name))
            }
            entries[index].told = backends
            entries[index].remarks = remarks
            entries[index].toldFailures = []
            entries[index].failures = 0
            entries[index].waits = 0
            return requests
        case .failed(let failure):
            entries[index].failures += 1
            entries[index].waits = 0
            guard entries[index].toldFailures.insert(failure.kind).inserted else { return [] }
            return [.undiscovered(pool: name, reason: failure.reason)]
        case .unsettled:
            entries[index].waits += 1
            // It has not been asked yet.
            entries[index].isForced = true
            return []
        case .unchanged: return []
        }
    }

    private func pause(_ answer: SourceAnswer, _ entry: Entry) -> Duration {
        let usual = entry.pool.every ?? Self.timesToLive.upperBound
        switch answer {
        case .unsettled: return Self.settling
        case .unchanged: return jittered(usual)
        case .backends(_, _, let timeToLive):
            guard entry.pool.every == nil, let timeToLive else { return jittered(usual) }
            return jittered(min(max(timeToLive, Self.timesToLive.lowerBound), Self.timesToLive.upperBound))
        case .failed(let failure):
            // What a file says changes when it is touched, and then it is read at once.
            guard !entry.pool.isFile else { return jittered(usual) }
            // A server that has answered, though with nothing to use, is not too busy to be asked as usual.
            let longest = failure.kind == .unanswered ? max(Self.retriesMax, usual) : usual
            return jittered(min(Self.firstRetry * (1 << min(entry.failures - 1, 16)), longest))
        }
    }

    private func jittered(_ pause: Duration) -> Duration {
        let whole = Int64(clamping: pause.wholeNanoseconds)
        let most = Double(whole) * Double(Self.jitterPercent) / 100
        return .nanoseconds(whole + Int64((2 * chance() - 1) * most))
    }
}

extension DiscoveredPool {
    var isFile: Bool { if case .file = source { true } else { false } }
}
