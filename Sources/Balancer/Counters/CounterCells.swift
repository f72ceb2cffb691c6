import Synchronization

/// A row of counters with one writer, the loop that owns it, and any number of readers on any thread.
///
/// The writer needs no read-modify-write instruction: a load and a store of a relaxed atomic are an ordinary addition.
/// A reader sees each counter as it was at some recent moment; two counters may be of different moments.
///
/// A handle: it does not own the memory, see ``CounterBlock``.
///
/// Unchecked `Sendable`: the pointer never changes, and what it points to are atomics.
@safe struct CounterCells: @unchecked Sendable {
    fileprivate let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Adds `count`; only for the loop that owns the row.
    @inline(__always) func add(_ counter: Counter, _ count: UInt64 = 1) {
        let place = counter.rawValue
        unsafe cells[place].store(cells[place].load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    /// Adds bytes that were delivered to the backend and to the client.
    @inline(__always) func add(up: UInt64, down: UInt64) {
        if up != 0 { add(.bytesUp, up) }
        if down != 0 { add(.bytesDown, down) }
    }

    subscript(counter: Counter) -> UInt64 {
        unsafe cells[counter.rawValue].load(ordering: .relaxed)
    }

    /// Counts a time in a distribution; only for the loop that owns the row.
    @inline(__always) func add(_ distribution: Distribution, nanoseconds: UInt64) {
        add(at: distribution.firstPlace + distribution.bucket(of: nanoseconds), 1)
        add(at: distribution.sumPlace, nanoseconds / 1000)
    }

    @inline(__always) private func add(at place: Int, _ count: UInt64) {
        unsafe cells[place].store(cells[place].load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    /// What is at a place beyond those of ``Counter``.
    func value(at place: Int) -> UInt64 {
        unsafe cells[place].load(ordering: .relaxed)
    }
}

/// The memory of ``CounterCells``, on cache lines of its own: a loop that counts does not invalidate another's lines.
@safe final class CounterBlock: Sendable {
    let cells: CounterCells

    /// x86-64 fetches cache lines in pairs of 128 bytes.
    private static let alignment = 128

    init() {
        let count = Distribution.placesEnd
        let bytes = (count * MemoryLayout<Atomic<UInt64>>.stride + Self.alignment - 1) & ~(Self.alignment - 1)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignment)
        let cells = unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for place in 0..<count { unsafe (cells + place).initialize(to: Atomic(0)) }
        self.cells = unsafe CounterCells(cells: cells)
    }

    deinit {
        unsafe cells.cells.deinitialize(count: Distribution.placesEnd)
        unsafe UnsafeMutableRawPointer(cells.cells).deallocate()
    }
}

/// How many sessions of all loops are on a backend, for policies and limits that ask for it.
///
/// One number that all loops change, and not the sum of their counters, so that a limit is never exceeded: who counts the
/// last place in knows it. Sequentially consistent, for those who wait for a place: see ``SharedQueue``.
struct SharedLoad: ~Copyable, Sendable {
    private let atomic = Atomic<Int32>(0)

    @inline(__always) var count: Int32 { atomic.load(ordering: .sequentiallyConsistent) }

    /// Adds 1 and returns the sum, or nil where that would be more than `most`. The sum is never above it in between, so that
    /// nobody else finds a place taken that is free.
    @inline(__always) func add(atMost most: Int32) -> Int32? {
        var seen = atomic.load(ordering: .sequentiallyConsistent)
        while seen < most {
            let (isDone, now) = atomic.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if isDone { return seen + 1 }
            seen = now
        }
        return nil
    }

    /// Adds `difference` and returns the sum.
    @inline(__always) func change(by difference: Int32) -> Int32 {
        atomic.wrappingAdd(difference, ordering: .sequentiallyConsistent).newValue
    }
}

/// The counters of one thing, a block for each loop. Readable from any thread, without a lock.
final class LoopCounters: Sendable {
    private let blocks: [CounterBlock]

    init(loops: Int) {
        blocks = (0..<loops).map { _ in CounterBlock() }
    }

    func cells(ofLoop loop: Int) -> CounterCells { blocks[loop].cells }

    /// One loop's row, with what keeps its memory.
    func row(ofLoop loop: Int) -> CounterRow { CounterRow(cells: blocks[loop].cells, owner: self) }

    /// The sum over all loops.
    subscript(counter: Counter) -> UInt64 { blocks.reduce(0) { $0 &+ $1.cells[counter] } }

    /// The sum over all loops.
    subscript(times distribution: Distribution) -> DistributionCounts {
        DistributionCounts(distribution, blocks.map(\.cells))
    }
}

/// One loop's row of ``LoopCounters``.
struct CounterRow: Sendable {
    let cells: CounterCells
    /// Keeps `cells` alive.
    private let owner: LoopCounters

    fileprivate init(cells: CounterCells, owner: LoopCounters) {
        self.cells = cells
        self.owner = owner
    }

    /// True when it is one of these counters.
    func isOf(_ counters: LoopCounters) -> Bool { owner === counters }
}

/// The counters of one backend, and what loops tell each other of it. Readable through any roster.
final class TargetCounters: Sendable {
    private let counts: LoopCounters
    let load = SharedLoad()
    private let suspicionCount = Atomic<UInt32>(0)
    /// Failures that clients have met and the prober has not taken yet: ``FailureReports``.
    private let clientFailures = Atomic<UInt32>(0)

    init(loops: Int) {
        counts = LoopCounters(loops: loops)
    }

    func cells(ofLoop loop: Int) -> CounterCells { counts.cells(ofLoop: loop) }

    /// The sum over all loops.
    subscript(counter: Counter) -> UInt64 { counts[counter] }

    /// The sum over all loops.
    subscript(times distribution: Distribution) -> DistributionCounts { counts[times: distribution] }

    /// How often a loop has come to suspect it: see ``Suspicion``. Relaxed: a probe that misses the latest one leaves it to
    /// the next probe.
    var suspicions: UInt32 { suspicionCount.load(ordering: .relaxed) }

    /// One bit for each loop that suspects it.
    private let suspecting = Atomic<UInt64>(0)
    /// How much of its weight it has, in percent, as the loop says that has noted it last.
    private let share = Atomic<Int32>(100)

    /// A loop notes what it makes of the backend, for those who ask. Relaxed: nothing depends on it.
    func mark(_ loop: Int, isSuspect: Bool, percent: Int32) {
        let bit: UInt64 = 1 << UInt64(loop)
        if isSuspect != (suspecting.load(ordering: .relaxed) & bit != 0) {
            if isSuspect {
                suspecting.bitwiseOr(bit, ordering: .relaxed)
            } else {
                suspecting.bitwiseAnd(~bit, ordering: .relaxed)
            }
        }
        if share.load(ordering: .relaxed) != percent { share.store(percent, ordering: .relaxed) }
    }

    /// Some loop lets clients go to others first.
    var isSuspect: Bool { suspecting.load(ordering: .relaxed) != 0 }

    /// How much of its weight it has while it starts slowly, in percent.
    var percent: Int32 { share.load(ordering: .relaxed) }

    /// Counts a failure that a client has met; true when it is the first since ``takeClientFailures()``.
    func addClientFailure() -> Bool { clientFailures.wrappingAdd(1, ordering: .relaxed).oldValue == 0 }

    /// How many failures clients have met since the last call.
    func takeClientFailures() -> Int { Int(clientFailures.exchange(0, ordering: .relaxed)) }

    /// Counts one more suspicion; returns its number.
    func countSuspicion() -> UInt32 { suspicionCount.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Sessions of all loops that are connected or connecting: those that came without those that have left. The latter
    /// are read first, so that a session which ends meanwhile counts once too often and never once too little.
    var sessions: Int {
        let left = self[.disconnects]
        let came = self[.connects]
        return came > left ? Int(truncatingIfNeeded: came - left) : 0
    }
}
