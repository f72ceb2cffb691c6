import Reactor

/// The inspector's own thread: answers of loops are put into words here, so that no loop sorts or formats for anybody, and
/// deadlines of answers are kept here.
///
/// It lives as long as the process, and sleeps while there is nothing to do.
final class InspectionThread: Sendable {
    private let state: State

    /// What the thread and those who call have in common.
    private final class State: Sendable {
        let waker: Waker
        let lock = Lock()
        /// Accessed only with the lock held. What is to be done now, in its order.
        nonisolated(unsafe) var ready: [@Sendable () -> Void] = []
        /// What is to be done after a time. Each time has its own line, in which what was put in first is due first: an entry
        /// costs the same however many there are.
        nonisolated(unsafe) var lines: [Line] = []

        init() throws(SystemCallError) { waker = try Waker() }

        /// Takes out what is to be done; also returns for how many milliseconds there is nothing more, -1 for ever.
        func take(_ now: Instant) -> (due: [@Sendable () -> Void], wait: CInt) {
            lock.lock()
            defer { lock.unlock() }
            var due = unsafe exchange(&ready, with: [])
            var next: Instant?
            for place in unsafe lines.indices {
                unsafe due += lines[place].take(now)
                if let first = unsafe lines[place].first { next = min(next ?? first, first) }
            }
            guard let next else { return (due, -1) }
            return (due, CInt(clamping: (next - now).wholeNanoseconds / 1_000_000 + 1))
        }
    }

    /// Everything that waits for the same time.
    private struct Line {
        let time: Duration
        private var entries: [(due: Instant, body: @Sendable () -> Void)] = []
        private var taken = 0

        /// So many entries that were taken out are kept, rather than all others moved.
        private static let takenMax = 1024

        init(_ time: Duration) { self.time = time }

        var first: Instant? { taken < entries.count ? entries[taken].due : nil }

        mutating func add(_ body: @escaping @Sendable () -> Void) {
            entries.append((Clock.monotonic.now() + time, body))
        }

        mutating func take(_ now: Instant) -> [@Sendable () -> Void] {
            var due: [@Sendable () -> Void] = []
            while taken < entries.count, entries[taken].due <= now {
                due.append(entries[taken].body)
                taken += 1
            }
            if taken == entries.count || taken > Self.takenMax {
                entries.removeSubrange(..<taken)
                taken = 0
            }
            return due
        }
    }

    init() throws(SystemCallError) {
        let state = try State()
        self.state = state
        try LoopThread.startWithoutSignals(name: "balancer/asks") {
            while true {
                let (due, wait) = state.take(Clock.monotonic.now())
                for body in due { body() }
                if due.isEmpty, state.waker.wait(milliseconds: wait) { state.waker.drain() }
            }
        }
    }

    /// Calls `body` on the thread.
    func run(_ body: @escaping @Sendable () -> Void) {
        state.lock.lock()
        unsafe state.ready.append(body)
        state.lock.unlock()
        state.waker.wake()
    }

    /// Calls `body` on the thread after this time.
    func run(after time: Duration, _ body: @escaping @Sendable () -> Void) {
        state.lock.lock()
        defer { state.lock.unlock() }
        let place = unsafe state.lines.firstIndex { $0.time == time }
        if let place {
            let wasEmpty = unsafe state.lines[place].first == nil
            unsafe state.lines[place].add(body)
            if wasEmpty { state.waker.wake() }
        } else {
            unsafe state.lines.append(Line(time))
            unsafe state.lines[state.lines.count - 1].add(body)
            state.waker.wake()
        }
    }
}
