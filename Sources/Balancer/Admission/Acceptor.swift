import Reactor

/// A listener as a loop sees it: what it serves, and whether anybody may be waiting.
struct Acceptor: ~Copyable {
    let listener: Listener
    /// The place of the pool that it serves.
    let pool: Int
    /// The kernel reported arrivals, and no accept has found the queue empty since.
    var hasArrivals = false
    /// In the ready queue.
    var isQueued = false
    /// Stands still until a session ends or, after a shortage, a moment has passed.
    var isPaused = false

    init(listener: consuming Listener, pool: Int) {
        self.listener = listener
        self.pool = pool
    }

    /// Lets those who are waiting be told by a close that they will not be served; how many they were.
    mutating func turnAway(with reserve: inout ReserveDescriptor) -> Int {
        var count = 0
        while count < Limits.turnedAwayPerTurn, reserve.turnAway(at: listener) { count += 1 }
        return count
    }
}

/// What keeps clients from being admitted, over all listeners.
struct Admission: ~Copyable {
    /// How long a listener stands still after a shortage of descriptors or memory. A session that ends wakes it at
    /// once.
    static let pauseAfterShortage: Duration = .milliseconds(100)

    /// Lets a client be told by a close when there is no descriptor for it.
    var reserve = ReserveDescriptor()
    /// Wakes the listeners after a shortage.
    let timer: TimerID
    /// No descriptor or memory for a client: those turned away.
    var shortage = Episode()
    /// All sessions taken.
    var full = Episode()
    /// How many acceptors are paused.
    var paused = 0

    init(timer: TimerID) {
        self.timer = timer
    }
}
