import Glibc

/// The signalfd of a simulated process. The descriptor is real, what is read from it is not.
struct SimulatedSignals {
    /// nil when the loop has none, or has closed it.
    var descriptor: CInt?
    /// The token of its events.
    private(set) var data: UInt64 = 0
    private var pending: [CInt] = []
    private var isSignalled = false

    /// The second SIGTERM has been read: the loop stops.
    private(set) var isStopped = false
    private var terminations = 0
    /// Calls on sockets since then.
    private(set) var callsAfterStop = 0
    /// Events that the loop has found stale, told by `countStale`, when it stopped.
    private(set) var staleBeforeStop: UInt64?
    var countStale: () -> UInt64 = { 0 }

    /// The descriptor is in the poller from now on.
    mutating func watch(_ descriptor: CInt, _ data: UInt64) {
        self.descriptor = descriptor
        self.data = data
    }

    /// SIGTERM arrives.
    mutating func terminate() {
        pending.append(SIGTERM)
        isSignalled = true
    }

    /// True once after each arrival.
    mutating func takeEvent() -> Bool {
        defer { isSignalled = false }
        return isSignalled && descriptor != nil
    }

    /// What read(2) finds.
    mutating func next() -> CInt? {
        guard !pending.isEmpty else { return nil }
        terminations += 1
        if terminations == 2 {
            isStopped = true
            staleBeforeStop = countStale()
        }
        return pending.removeFirst()
    }

    /// The balancer calls for a socket.
    mutating func noteCall() {
        if isStopped { callsAfterStop += 1 }
    }
}
