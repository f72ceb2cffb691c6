import Reactor

/// The log as one loop holds it: its own, or one that the loops of the process share.
///
/// A shared log is locked for each record and each write, so that records never mingle; the lock is held for as long as
/// a record is put together, or a write takes, which does not wait (but for the last words of a process that stops).
/// A log of the loop's own has no lock.
@safe struct LoopLog: ~Copyable {
    /// Which lines are wanted; asked without the lock.
    let mode: LogMode
    private let place: UnsafeMutablePointer<EventLog>
    private let shared: SharedLog?
    /// The loop has had the log in hand since its last turn ended.
    private var isTouched = true

    /// A log for one loop alone.
    init(_ log: consuming EventLog) {
        mode = log.mode
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: log)
        shared = nil
    }

    /// The part of one loop in a log of several.
    init(sharing log: SharedLog) {
        mode = log.mode
        unsafe place = log.place
        shared = log
    }

    deinit {
        guard shared == nil else { return }
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
    }

    /// The log itself, for one call: locked meanwhile when it is shared.
    var log: EventLog {
        // Nothing of it is ever only read: every call writes, or may.
        unsafeAddress { unsafe UnsafePointer(place) }
        _modify {
            take()
            defer { giveBack() }
            // Through a copy: of `place` itself the compiler (6.3) makes a broken module with -sanitize=thread.
            let place = unsafe place
            yield unsafe &place.pointee
        }
    }

    private mutating func take() {
        guard let shared else { return }
        isTouched = true
        shared.lock.lock()
    }

    private func giveBack() {
        shared?.lock.unlock()
    }

    /// Writes what the turn has said. Of a shared log nothing is written, and no lock taken, by a loop that said
    /// nothing.
    mutating func endTurn() {
        guard shared == nil || isTouched else { return }
        log.flush()
        isTouched = false
    }
}

/// The one log of the loops of a process.
///
/// Unchecked: what it points to is only touched by who holds the lock, which the compiler cannot see.
@safe final class SharedLog: @unchecked Sendable {
    let mode: LogMode
    fileprivate let lock = Lock()
    /// Only touched by who holds the lock.
    fileprivate let place: UnsafeMutablePointer<EventLog>

    init(_ log: consuming EventLog) {
        mode = log.mode
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: log)
    }

    deinit {
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
    }
}
