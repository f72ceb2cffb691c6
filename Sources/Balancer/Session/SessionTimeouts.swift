import Reactor

/// The timeouts of a session in nanoseconds: converted once, since `Duration` counts in 128 bits.
struct SessionTimeouts {
    /// A session younger than this has no keepalive towards its backend: most end earlier, and are spared four calls.
    static let keepaliveAfter: Duration = .seconds(30)

    /// One attempt to connect.
    let connect: UInt64
    /// From the connection until the session is first checked for idleness.
    let firstIdleCheck: UInt64
    /// How long a session may make no progress.
    let idle: UInt64
    /// How long a side may acknowledge nothing after the other has gone: see ``lingerLimit(hasBytesForClient:)``.
    let linger: UInt64

    /// The first check of a lingering session comes after so long, each further one after twice the time of the last. A
    /// round trip is usually shorter, so that most sessions need one check.
    private static let lingerCheckMin: UInt64 = 10_000_000

    /// How long a lingering session may go without an acknowledgement. While bytes for the client still wait here, the
    /// time is that of any other session: the window of 64 KiB of a slow reader may open again only after minutes. A
    /// backend reads fast, or not at all.
    func lingerLimit(hasBytesForClient: Bool) -> UInt64 { hasBytesForClient ? max(linger, idle) : linger }

    /// From check number `count` of a lingering session, which 0 begins, to the next: at most 10 s, and a quarter of
    /// `limit`.
    func lingerCheck(_ count: UInt8, limit: UInt64) -> UInt64 {
        min(Self.lingerCheckMin << UInt64(min(count, 10)), max(limit / 4, Self.lingerCheckMin))
    }

    /// How often a session is checked that has waited for acknowledgements at its last check.
    var idleCheck: UInt64 { max(idle / 4, 1_000_000) }

    init(_ timeouts: Configuration.Timeouts) {
        connect = timeouts.connect.wholeNanoseconds
        firstIdleCheck = min(timeouts.idle, Self.keepaliveAfter).wholeNanoseconds
        idle = timeouts.idle.wholeNanoseconds
        linger = timeouts.linger.wholeNanoseconds
    }
}
