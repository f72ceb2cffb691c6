import Reactor

/// The two sockets of a session, and both directions between them: what a relay works on.
struct Link: ~Copyable {
    var client: Side
    /// Empty between two attempts to connect.
    var backend: Side
    /// From the client to the backend.
    var upstream = HalfRelay()
    /// From the backend to the client.
    var downstream = HalfRelay()

    init(client: consuming Side) {
        self.client = client
        backend = Side(stream: .empty, hasNoDelay: false, isUnix: false)
    }

    /// A reset or failure of either side is known.
    @inline(__always) var isReset: Bool { client.isReset || backend.isReset || isBroken }

    /// Reading from or writing to one of the two has failed.
    @inline(__always) var isBroken: Bool { client.isBroken || backend.isBroken }

    /// Both directions are over.
    @inline(__always) var isOver: Bool { upstream.isOver && downstream.isOver }

    /// One direction is over and the other only throws bytes away.
    @inline(__always) var isOnlyDiscarding: Bool {
        upstream.isOver && downstream.stage == .discarding || downstream.isOver && upstream.stage == .discarding
    }

    /// One of its directions has moved much lately.
    @inline(__always) var isBulk: Bool { upstream.isBulk || downstream.isBulk }

    /// Bytes may still reach the client. (A reset that was reported is found by a read or write only later.)
    var mayDeliverToClient: Bool { downstream.isDelivering && !client.isReset && !client.isBroken }

    /// Bytes that were delivered and that the hosts have not acknowledged. Two system calls.
    var unacknowledged: UInt64 {
        UInt64(client.stream.unacknowledgedBytes + backend.stream.unacknowledgedBytes)
    }

    /// Neither direction can move anything before the next event.
    @inline(__always) var isQuiet: Bool {
        !client.isReadable && !backend.isReadable && upstream.stage == .open && upstream.waiting.isEmpty && !isReset
    }

    /// Nothing is on its way in either direction, and neither has ended. Up to four system calls.
    var isAtRest: Bool {
        upstream.stage == .open && downstream.stage == .open && undelivered == 0 && unacknowledged == 0
            && client.stream.readiness.isSubset(of: .writable) && backend.stream.readiness.isSubset(of: .writable)
    }

    /// Bytes that were read and not delivered.
    @inline(__always) var undelivered: UInt64 {
        UInt64(upstream.discarded) + UInt64(downstream.discarded)
            + UInt64(upstream.waiting.count + downstream.waiting.count)
    }

    /// Bytes taken out of the two sockets, once the backend is connected.
    var received: UInt64 { upstream.received + downstream.received }
}
