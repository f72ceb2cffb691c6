import Reactor

/// When things happened to a session, in 16 bytes.
struct SessionTimes {
    /// When the client was accepted.
    let accepted: Instant
    /// When something last happened: the number of its tick, modulo 2^32 (two years).
    private var activeTick: UInt32
    /// From the accept to the backend's connection, in microseconds; at most 71 minutes.
    private var connectMicroseconds: UInt32 = 0

    /// A tick is 2^24 ns, 17 ms: what an idle timeout may be late by.
    private static let tickBits: UInt64 = 24

    init(accepted: Instant) {
        self.accepted = accepted
        activeTick = UInt32(truncatingIfNeeded: accepted.nanoseconds >> Self.tickBits)
    }

    /// Notes that something happened.
    @inline(__always) mutating func noteActivity(_ now: Instant) {
        activeTick = UInt32(truncatingIfNeeded: now.nanoseconds >> Self.tickBits)
    }

    /// When something last happened: the end of that tick, or now if that has not come yet.
    func lastActive(now: Instant) -> Instant {
        let tick = now.nanoseconds >> Self.tickBits
        let age = UInt64(UInt32(truncatingIfNeeded: tick) &- activeTick)
        return Instant(nanoseconds: min(now.nanoseconds, (tick - age + 1) << Self.tickBits))
    }

    /// Notes that the backend's connection stands.
    mutating func noteConnected(_ now: Instant) {
        connectMicroseconds = UInt32(clamping: (now.nanoseconds - accepted.nanoseconds) / 1000)
    }

    /// When the backend's connection stood; of no meaning before.
    var connected: Instant { accepted.advanced(nanoseconds: UInt64(connectMicroseconds) * 1000) }
}
