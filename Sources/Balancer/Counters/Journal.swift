import Reactor

/// What a loop reports of its sessions: lines in the log, counters, and what keeps clients from being served. The only
/// place where a session's record becomes numbers.
struct Journal: ~Copyable {
    var loopLog: LoopLog
    /// The loop's own counters, over all backends and pools.
    let cells: CounterCells
    /// Keeps `cells` alive.
    private let counters: CounterBlock
    private let turns: TurnLengths
    private let conditions: ServiceConditions
    /// The loop's index.
    private let loop: Int
    /// A condition has begun or ended since ``takeChange()``.
    private(set) var hasChange = false

    init(
        _ log: consuming LoopLog, _ counters: CounterBlock, _ turns: TurnLengths, _ conditions: ServiceConditions,
        loop: Int
    ) {
        loopLog = log
        self.turns = turns
        self.conditions = conditions
        self.loop = loop
        self.counters = counters
        cells = counters.cells
    }

    /// The log, for one call; locked meanwhile where several loops share it.
    var log: EventLog {
        _read { yield loopLog.log }
        _modify { yield &loopLog.log }
    }

    /// Which sessions have a line.
    var selection: SessionSelection { loopLog.selection }

    /// Writes the lines of the turn.
    mutating func endTurn() { loopLog.endTurn() }

    /// Counts a turn that took so long.
    @inline(__always) mutating func countTurn(nanoseconds: UInt64) { turns.add(nanoseconds: nanoseconds) }

    /// Counts a session that ended for `reason` with `discarded` undelivered bytes: in total, and for its backend.
    mutating func countEnd(_ reason: EndReason, discarded: UInt64, _ target: CounterCells?) {
        cells.add(reason.counter)
        target?.add(reason.counter)
        guard discarded > 0 else { return }
        cells.add(.bytesDiscarded, discarded)
        target?.add(.bytesDiscarded, discarded)
    }

    /// Something keeps clients from being served, as of `now`: CLOCK_MONOTONIC.
    mutating func begin(_ condition: ServiceConditions.Condition, _ now: Instant) {
        if conditions.begin(condition, in: loop, now) { hasChange = true }
    }

    /// It does so no longer.
    mutating func end(_ condition: ServiceConditions.Condition) {
        if conditions.end(condition, in: loop) { hasChange = true }
    }

    /// True when a condition has begun or ended since the last call.
    mutating func takeChange() -> Bool {
        defer { hasChange = false }
        return hasChange
    }

    /// A loop has something for the loop with the duties: it is woken at the end of the turn.
    mutating func noteReport() { hasChange = true }

    /// A probe has connected at `now`: CLOCK_MONOTONIC.
    func probeConnected(_ now: Instant) { conditions.probeConnected(now) }

    /// Counts an event whose owner has ended: see ``Counter/staleEvents``.
    mutating func countStale() { cells.add(.staleEvents) }

    /// Counts a stall of the process.
    mutating func countStall(_ nanoseconds: UInt64) {
        cells.add(.stalls)
        cells.add(.stalledNanoseconds, nanoseconds)
    }

    /// Counts a failed attempt to connect.
    mutating func countFailure(_ errno: Errno, _ target: CounterCells) {
        let counter = Counter(failure: errno)
        cells.add(counter)
        target.add(counter)
    }
}
