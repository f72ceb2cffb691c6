import Reactor

/// Which loops answer, since when those that do not have been asked, and what they have said of themselves.
final class Heartbeats: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held, as what follows. By the loops' indices: when one was asked that has not answered
    /// since.
    nonisolated(unsafe) private var asked: [Instant?]
    nonisolated(unsafe) private var ledgers: [LoopLedger?]
    nonisolated(unsafe) private var last: Instant
    /// How many descriptors the loops owned at the last question.
    nonisolated(unsafe) private var owned = 0
    /// By how many that had grown since the one before.
    nonisolated(unsafe) private var growth = 0
    /// At how many questions in a row more descriptors were open than have an owner.
    nonisolated(unsafe) private var surpluses = 0
    /// There was a question since that was looked at: askers come more often, and must not count more for it.
    nonisolated(unsafe) private var isSurplusKnown = false

    /// The time between two questions.
    static let interval: Duration = .milliseconds(500)
    /// When a question is so late, the whole process stood still, and no loop is to blame.
    private static let lateness: Duration = .milliseconds(500)
    /// So many descriptors may belong to the thread of administration, to the files of the log and to look-ups.
    private static let otherDescriptors = 256
    /// Connections come and go between two counts, the loops' and the kernel's: so many in a row that do not match are a finding.
    private static let surplusesMin = 10

    init(loops: Int) {
        unsafe asked = Array(repeating: nil, count: loops)
        unsafe ledgers = Array(repeating: nil, count: loops)
        unsafe last = Clock.monotonic.now()
    }

    /// The time has come to ask. When that is late, questions that were asked before count from now on.
    func begin() {
        lock.lock()
        defer { lock.unlock() }
        let now = Clock.monotonic.now()
        if unsafe now - last > Self.interval + Self.lateness {
            for loop in unsafe asked.indices where unsafe asked[loop] != nil { unsafe asked[loop] = now }
        }
        unsafe last = now
        let before = unsafe owned
        unsafe owned = unsafe ledgers.reduce(0) { $0 + ($1?.descriptors ?? 0) }
        unsafe growth = max(0, owned - before)
        unsafe isSurplusKnown = false
    }

    /// The loop is asked now; true when the last question was answered, so that another is to be asked.
    func ask(_ loop: Int) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard unsafe asked[loop] == nil else { return false }
        unsafe asked[loop] = Clock.monotonic.now()
        return true
    }

    /// The loop has answered.
    func answered(_ loop: Int, _ ledger: LoopLedger? = nil) {
        lock.lock()
        defer { lock.unlock() }
        unsafe asked[loop] = nil
        if let ledger { unsafe ledgers[loop] = ledger }
    }

    /// How long a loop has not answered; nil of one that does, or was asked a moment ago.
    func silence(of loop: Int) -> Duration? {
        lock.lock()
        defer { lock.unlock() }
        guard let since = unsafe asked[loop] else { return nil }
        let now = Clock.monotonic.now()
        // The process has gone on a moment ago: see ``begin()``.
        guard unsafe now - last <= Self.interval + Self.lateness else { return nil }
        return now - since >= Inspector.answerTime ? now - since : nil
    }

    /// What of the loops' own words does not add up.
    func findings(openDescriptors: Int) -> [String] {
        lock.lock()
        defer { lock.unlock() }
        var findings: [String] = []
        for (loop, ledger) in unsafe ledgers.enumerated() {
            guard let ledger, ledger.bytesOut > ledger.bytesIn else { continue }
            findings.append(
                "loop \(loop): \(ledger.bytesOut) bytes were delivered or discarded of \(ledger.bytesIn) received")
        }
        if unsafe !isSurplusKnown {
            // The loops' words are up to two questions old: a crowd that comes may have grown by as much again.
            let isMore = unsafe openDescriptors > owned + 2 * growth + Self.otherDescriptors
            unsafe surpluses = isMore ? surpluses + 1 : 0
            unsafe isSurplusKnown = true
        }
        if unsafe surpluses >= Self.surplusesMin {
            unsafe findings.append("descriptors: \(openDescriptors) are open, and loops own \(owned)")
        }
        return findings
    }
}

/// The turns of each loop in the last seconds, for all askers alike.
final class TurnWindows: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var readers: [TurnReader] = []
    nonisolated(unsafe) private var latest: [RecentTurns] = []
    nonisolated(unsafe) private var read = Instant(nanoseconds: 0)

    /// The length of a window.
    private static let length: Duration = .seconds(1)

    /// The turns of each loop in the last window.
    func recent(_ loops: [TurnLengths]) -> [RecentTurns] {
        lock.lock()
        defer { lock.unlock() }
        let now = Clock.monotonic.now()
        guard unsafe now - read >= Self.length || latest.count != loops.count else { return unsafe latest }
        if unsafe readers.count != loops.count { unsafe readers = loops.map { _ in TurnReader() } }
        unsafe read = now
        unsafe latest = loops.indices.map { unsafe readers[$0].read([loops[$0]]) }
        return unsafe latest
    }
}
