/// A listener with what accepting from it has to remember: its readiness, its place in the loop's queue, and whether it
/// stands still.
///
/// ```
///              markReadable                     wouldBlock
///    quiet ------------------> has arrivals ------------------> quiet
///                                 |    ^
///                           pause |    | resume: the caller queues it again, for the listener is edge-triggered
///                                 v    |               and does not report again those that wait already
///                                paused
/// ```
///
/// A loop accepts a bounded share in each turn and puts the acceptor into its queue while ``mayAccept`` holds.
public struct Acceptor: ~Copyable {
    /// The listener.
    public let listener: Listener
    /// It stands in the loop's ready queue.
    public var isQueued = false
    /// The kernel reported arrivals, and no accept has found its queue empty since.
    public private(set) var hasArrivals = false
    /// Nothing is accepted until ``resume()``.
    public private(set) var isPaused = false

    /// How long a listener stands still when descriptors or memory have run out, unless something is given back
    /// earlier.
    public static let pauseAfterShortage: Duration = .milliseconds(100)
    /// How many waiting connections are closed at a time when there are no descriptors for them.
    public static let turnedAwayMax = 64

    /// An acceptor that nothing is known of.
    public init(_ listener: consuming Listener) {
        self.listener = listener
    }

    /// True while an accept may find a connection.
    public var mayAccept: Bool { hasArrivals && !isPaused }

    /// To be called when the poller reports the listener.
    public mutating func markReadable() {
        hasArrivals = true
    }

    /// Accepts one connection.
    public mutating func accept() -> AcceptResult {
        switch listener.accept() {
        case .accepted(let stream, let address): return .accepted(stream, address)
        case .aborted(let errno): return .aborted(errno)
        case .exhausted(let errno): return .exhausted(errno)
        case .wouldBlock:
            hasArrivals = false
            return .wouldBlock
        }
    }

    /// Stops accepting; false when it had stopped already.
    public mutating func pause() -> Bool {
        defer { isPaused = true }
        return !isPaused
    }

    /// Lets it accept again; false when it was not paused.
    public mutating func resume() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    /// Without descriptors: closes waiting connections by means of the reserve, so that their peers need not wait.
    /// Returns how many.
    public mutating func turnAway(with reserve: inout ReserveDescriptor) -> Int {
        var count = 0
        while count < Self.turnedAwayMax, reserve.turnAway(at: listener) { count += 1 }
        return count
    }
}
