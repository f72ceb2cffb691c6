import Reactor
import Synchronization

/// What loops report to the prober: at which backends clients have met failures that may eject them (``PassiveHealth``).
///
/// The number of failures is an atomic of each backend (``TargetCounters``); here stand only the backends whose number has
/// grown, each once, so that nobody looks at all of them. Reports are rare, or else cheap: while one of a backend waits, a
/// further failure costs two atomic operations.
final class FailureReports: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var waiting: [(id: TargetID, counters: TargetCounters)] = []
    /// Relaxed: the reader comes after a wake-up, or with the next turn.
    private let hasAny = Atomic(false)

    /// A backend's clients have met one more failure.
    func report(_ id: TargetID, _ counters: TargetCounters) {
        guard counters.addClientFailure() else { return }
        lock.lock()
        defer { lock.unlock() }
        unsafe waiting.append((id, counters))
        hasAny.store(true, ordering: .relaxed)
    }

    /// The backends that were reported since the last call, with the number of failures. The number is taken also of one that
    /// the reader does not know, or not yet: otherwise it would never be reported again.
    func take() -> [(id: TargetID, failures: Int)] {
        guard hasAny.load(ordering: .relaxed) else { return [] }
        lock.lock()
        defer { lock.unlock() }
        hasAny.store(false, ordering: .relaxed)
        defer { unsafe waiting.removeAll(keepingCapacity: true) }
        return unsafe waiting.map { ($0.id, $0.counters.takeClientFailures()) }
    }
}
