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
    /// How long a side may take nothing after the other has gone.
    let linger: UInt64

    init(_ timeouts: Configuration.Timeouts) {
        connect = timeouts.connect.wholeNanoseconds
        firstIdleCheck = min(timeouts.idle, Self.keepaliveAfter).wholeNanoseconds
        idle = timeouts.idle.wholeNanoseconds
        linger = timeouts.linger.wholeNanoseconds
    }
}
