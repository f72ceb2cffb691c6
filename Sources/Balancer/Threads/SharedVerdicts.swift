import Synchronization

/// Which backends are up, by their places: written by the one loop that probes, read by the others when they pick.
///
/// Each verdict is one atomic of its own. Release and acquire: who sees a verdict sees what the prober did before it.
@safe struct SharedVerdicts: ~Copyable, @unchecked Sendable {
    private let flags: UnsafeMutablePointer<Atomic<Bool>>
    private let count: Int

    /// All are up, as they are in each loop at its start.
    init(count: Int) {
        self.count = count
        unsafe flags = .allocate(capacity: count)
        for place in 0..<count { unsafe (flags + place).initialize(to: Atomic(true)) }
    }

    deinit {
        unsafe flags.deinitialize(count: count)
        unsafe flags.deallocate()
    }

    func isUp(_ backend: Int) -> Bool {
        precondition(backend >= 0 && backend < count, "no such backend")
        return unsafe flags[backend].load(ordering: .acquiring)
    }

    /// True when this changed the verdict.
    func set(_ backend: Int, isUp: Bool) -> Bool {
        precondition(backend >= 0 && backend < count, "no such backend")
        return unsafe flags[backend].exchange(isUp, ordering: .acquiringAndReleasing) != isUp
    }
}
