import Reactor

/// The timeouts of a pool's sessions in nanoseconds: converted once, since `Duration` counts in 128 bits.
struct SessionTimeouts: Hashable {
    /// A session younger than this has no keepalive towards its backend: most end earlier, and are spared four calls.
    static let keepaliveAfter: Duration = .seconds(30)

    /// One attempt to connect.
    let connect: UInt64
    /// From the connection until the session is first checked for idleness.
    let firstIdleCheck: UInt64
    /// How long a session may make no progress.
    let idle: UInt64
    /// The same once one side has ended its direction: at most ``idle``.
    let halfClosed: UInt64
    /// The longest age of a session, before its jitter; `.max` for none.
    private let ageMax: UInt64

    /// The first check of a lingering session comes after so long, each further one after twice the time of the last. A
    /// round trip is usually shorter, so that most sessions need one check.
    private static let lingerCheckMin: UInt64 = 10_000_000

    /// How long a lingering session may go without an acknowledgement, where others have `linger`. While bytes for the
    /// client still wait here, the time is that of any other session: the window of 64 KiB of a slow reader may open
    /// again only after minutes. A backend reads fast, or not at all.
    func lingerLimit(_ linger: UInt64, hasBytesForClient: Bool) -> UInt64 {
        hasBytesForClient ? max(linger, idle) : linger
    }

    /// From check number `count` of a lingering session, which 0 begins, to the next: at most 10 s, and a quarter of
    /// `limit`.
    static func lingerCheck(_ count: UInt8, limit: UInt64) -> UInt64 {
        min(lingerCheckMin << UInt64(min(count, 10)), max(limit / 4, lingerCheckMin))
    }

    /// How often a session is checked that has waited for acknowledgements at its last check, and may wait for `limit`.
    static func idleCheck(limit: UInt64) -> UInt64 { max(limit / 4, 1_000_000) }

    /// When a session that was accepted at `accepted` is too old; nil for never. The limit is shorter or longer by up to
    /// a tenth. By how much follows from what the session has anyway, so that it need not be remembered: its timer's
    /// place, which no other session has, and the time. Multiples of the golden ratio spread places that follow each
    /// other evenly (see ``ProbeRhythm``).
    @inline(__always) func ageEnd(accepted: Instant, _ timer: TimerID) -> Instant? {
        ageMax == .max ? nil : jitteredEnd(accepted, UInt64(truncatingIfNeeded: timer.index))
    }

    @inline(never) private func jitteredEnd(_ accepted: Instant, _ place: UInt64) -> Instant {
        let spread = (place &+ accepted.nanoseconds) &* 0x9E37_79B9_7F4A_7C15
        let jitter = (ageMax / 5).multipliedFullWidth(by: spread).high
        return accepted.advanced(nanoseconds: ageMax - ageMax / 10 + jitter)
    }

    init(_ timeouts: Configuration.PoolTimeouts, _ keepalive: Configuration.Keepalive? = nil) {
        connect = timeouts.connect.wholeNanoseconds
        // The kernel counts its keepalive from the last byte, so it is late for nothing.
        firstIdleCheck =
            min(timeouts.idle, Self.keepaliveAfter, keepalive?.idle ?? Self.keepaliveAfter).wholeNanoseconds
        idle = timeouts.idle.wholeNanoseconds
        halfClosed = min(timeouts.idle, timeouts.halfClosed ?? timeouts.idle).wholeNanoseconds
        ageMax = timeouts.sessionAgeMax?.wholeNanoseconds ?? .max
    }
}
