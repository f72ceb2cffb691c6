import Synchronization

/// What the one loop that probes has found out about a backend.
struct Verdict: OptionSet {
    let rawValue: UInt8
    static let up = Verdict(rawValue: 1 << 0)
    /// Sockets need not be bound to come from the wanted address: see ``SourceBinding``.
    static let sourceImplied = Verdict(rawValue: 1 << 1)
}

/// The verdicts about all backends, by their places: written by the one loop that probes, read by the others when they
/// pick and connect.
///
/// Unchecked: it is a pointer, which is never changed, to atomics. Each verdict is one atomic of its own. Release and
/// acquire: who sees a verdict sees what the prober did before it.
@safe struct SharedVerdicts: ~Copyable, @unchecked Sendable {
    private let verdicts: UnsafeMutablePointer<Atomic<UInt8>>
    private let count: Int

    /// All are up, as they are in each loop at its start.
    init(count: Int) {
        self.count = count
        unsafe verdicts = .allocate(capacity: count)
        for place in 0..<count { unsafe (verdicts + place).initialize(to: Atomic(Verdict.up.rawValue)) }
    }

    deinit {
        unsafe verdicts.deinitialize(count: count)
        unsafe verdicts.deallocate()
    }

    subscript(backend: Int) -> Verdict {
        precondition(backend >= 0 && backend < count, "no such backend")
        return unsafe Verdict(rawValue: verdicts[backend].load(ordering: .acquiring))
    }

    /// True when this changed whether it is up.
    func set(_ backend: Int, _ verdict: Verdict) -> Bool {
        precondition(backend >= 0 && backend < count, "no such backend")
        let old = unsafe verdicts[backend].exchange(verdict.rawValue, ordering: .acquiringAndReleasing)
        return Verdict(rawValue: old).contains(.up) != verdict.contains(.up)
    }
}
