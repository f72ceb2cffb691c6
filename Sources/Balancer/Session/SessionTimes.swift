import Reactor

/// The times of a session, in 16 bytes.
struct SessionTimes {
    /// When the client was accepted.
    let accepted: Instant
    /// The tick of the last activity, modulo 2^32 ticks (two years).
    private var activeTick: UInt32
    /// From the accept to the backend's connection, or before that to when the session began to wait for a place, in
    /// microseconds; at most 71 minutes.
    private var connectMicroseconds: UInt32 = 0

    /// A tick is 2^24 ns, 17 ms: an idle timeout may be late by that much.
    private static let tickBits: UInt64 = 24
    /// The length of a tick.
    static let tickNanoseconds: UInt64 = 1 << tickBits

    init(accepted: Instant) {
        self.accepted = accepted
        activeTick = UInt32(truncatingIfNeeded: accepted.nanoseconds >> Self.tickBits)
    }

    /// Records activity at `now`.
    @inline(__always) mutating func recordActivity(_ now: Instant) {
        activeTick = UInt32(truncatingIfNeeded: now.nanoseconds >> Self.tickBits)
    }

    /// When the session was last active: the end of that tick, or `now` if that is earlier.
    func lastActive(now: Instant) -> Instant {
        let tick = now.nanoseconds >> Self.tickBits
        let age = UInt64(UInt32(truncatingIfNeeded: tick) &- activeTick)
        return Instant(nanoseconds: min(now.nanoseconds, (tick - age + 1) << Self.tickBits))
    }

    /// Records that the backend was connected at `now`.
    mutating func recordConnected(_ now: Instant) {
        connectMicroseconds = UInt32(clamping: (now.nanoseconds - accepted.nanoseconds) / 1000)
    }

    /// Records that the session, which is not connected, begins to wait for a place at `now`.
    mutating func recordWaiting(_ now: Instant) { recordConnected(now) }

    /// When it began to wait; without meaning for one that has not waited, or is connected.
    var waiting: Instant { connected }

    /// When the backend was connected; without meaning before.
    var connected: Instant { accepted.advanced(nanoseconds: UInt64(connectMicroseconds) * 1000) }
}
