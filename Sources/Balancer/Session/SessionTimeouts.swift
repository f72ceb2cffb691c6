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
    /// How long a side may acknowledge nothing after the other has gone.
    let linger: UInt64

    /// The first check of a lingering session comes after so long, each further one after twice the time of the last,
    /// up to ``lingerCheckMax``. A round trip is usually shorter than the first, so that most sessions need one check.
    private static let lingerCheckMin: UInt64 = 10_000_000
    private static let lingerCheckMax: UInt64 = 1_000_000_000

    /// From check number `count` of a lingering session, which 0 begins, to the next.
    func lingerCheck(_ count: UInt8) -> UInt64 {
        min(Self.lingerCheckMin << UInt64(min(count, 10)), Self.lingerCheckMax, max(linger / 4, Self.lingerCheckMin))
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
