import Reactor

/// The log as one loop holds it: its own, or one that the loops of the process share.
///
/// A shared log is locked for each record and each write, so that records never interleave. The lock is held while a
/// record is formatted or a write runs; neither waits, except the last write of a process that stops. A loop's own log
/// has no lock.
@safe struct LoopLog: ~Copyable {
    /// Which sessions have a line; readable without the lock.
    let selection: SessionSelection
    private let place: UnsafeMutablePointer<EventLog>
    private let shared: SharedLog?
    /// The loop has used the log since its last turn ended.
    private var isTouched = true

    /// The log of a single loop.
    init(_ log: consuming EventLog) {
        selection = log.selection
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: log)
        shared = nil
    }

    /// One loop's access to a shared log.
    init(sharing log: SharedLog) {
        selection = log.selection
        unsafe place = log.place
        shared = log
    }

    deinit {
        guard shared == nil else { return }
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
    }

    /// The log, for one call; locked meanwhile when it is shared.
    var log: EventLog {
        // Never used by a call that only reads: every call may write.
        unsafeAddress { unsafe UnsafePointer(place) }
        _modify {
            take()
            defer { giveBack() }
            // Through a copy: with `place` itself, Swift 6.3 makes a broken module under -sanitize=thread.
            let place = unsafe place
            yield unsafe &place.pointee
        }
    }

    private mutating func take() {
        isTouched = true
        shared?.lock.lock()
    }

    private func giveBack() {
        shared?.lock.unlock()
    }

    /// Writes the lines of the turn. Without any, this is one comparison, and no lock is taken.
    @inline(__always) mutating func endTurn() {
        if isTouched { flush() }
    }

    private mutating func flush() {
        log.flush()
        isTouched = false
    }
}

/// The one log of the loops of a process.
///
/// Unchecked: the log is accessed only with the lock held, which the compiler cannot see.
@safe final class SharedLog: @unchecked Sendable {
    let selection: SessionSelection
    fileprivate let lock = Lock()
    /// Accessed only with the lock held.
    fileprivate let place: UnsafeMutablePointer<EventLog>

    init(_ log: consuming EventLog) {
        selection = log.selection
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: log)
    }

    deinit {
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
    }
}
