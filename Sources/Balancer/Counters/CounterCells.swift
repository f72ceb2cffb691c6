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
}

/// The memory of ``CounterCells``, on cache lines of its own: a loop that counts does not invalidate another's lines.
@safe final class CounterBlock: Sendable {
    let cells: CounterCells

    /// x86-64 fetches cache lines in pairs of 128 bytes.
    private static let alignment = 128

    init() {
        let count = Counter.allCases.count
        let bytes = (count * MemoryLayout<Atomic<UInt64>>.stride + Self.alignment - 1) & ~(Self.alignment - 1)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignment)
        let cells = unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for place in 0..<count { unsafe (cells + place).initialize(to: Atomic(0)) }
        self.cells = unsafe CounterCells(cells: cells)
    }

    deinit {
        unsafe cells.cells.deinitialize(count: Counter.allCases.count)
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

/// The counters of one backend: a block for each loop. Readable through any roster, without a lock.
final class TargetCounters: Sendable {
    private let blocks: [CounterBlock]
    let load = SharedLoad()
    private let suspicionCount = Atomic<UInt32>(0)
    /// Failures that clients have met and the prober has not taken yet: ``FailureReports``.
    private let clientFailures = Atomic<UInt32>(0)

    init(loops: Int) {
        blocks = (0..<loops).map { _ in CounterBlock() }
    }

    func cells(ofLoop loop: Int) -> CounterCells { blocks[loop].cells }

    /// How often a loop has come to suspect it: see ``Suspicion``. Relaxed: a probe that misses the latest one leaves it to
    /// the next probe.
    var suspicions: UInt32 { suspicionCount.load(ordering: .relaxed) }

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

    /// The sum over all loops.
    subscript(counter: Counter) -> UInt64 { blocks.reduce(0) { $0 &+ $1.cells[counter] } }
}
