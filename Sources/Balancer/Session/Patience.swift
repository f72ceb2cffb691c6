import Reactor

/// How long a session waits for what, in nanoseconds: worked out once, since `Duration` counts in 128 bits.
struct Patience {
    /// A session younger than this has no keepalive towards its backend: most end before, and are spared four calls.
    static let keepaliveAfter: Duration = .seconds(30)

    /// For one attempt to connect.
    let connect: UInt64
    /// Until the session is first looked at, whether it is idle.
    let firstLook: UInt64
    /// With nothing moving.
    let idle: UInt64
    /// For a side that takes nothing, after the other has gone.
    let linger: UInt64

    init(_ timeouts: Configuration.Timeouts) {
        connect = timeouts.connect.wholeNanoseconds
        firstLook = min(timeouts.idle, Self.keepaliveAfter).wholeNanoseconds
        idle = timeouts.idle.wholeNanoseconds
        linger = timeouts.linger.wholeNanoseconds
    }
}
