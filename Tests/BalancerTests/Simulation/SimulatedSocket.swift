import CEpoll
import Glibc
import Reactor

/// What the host at the other end of a simulated connection means to do, and what it saw.
struct Host {
    /// Tells its stream apart from all others.
    var id: UInt32
    /// How many bytes it will send.
    var planned: Int
    /// How many of them the balancer's kernel has received.
    var sent = 0
    /// What it has read.
    var received: [UInt8] = []
    /// How it leaves once all is sent.
    var farewell = Farewell.finish
    /// It ends its direction only after the balancer has ended the other.
    var waitsForEnd = false
    /// It reads nothing until it has been asked so many times.
    var stalls = 0

    /// It never ends its direction of its own.
    var neverEnds = false
    /// It never reads, though it stays.
    var neverReads = false

    var hasFinished = false
    /// It has reset the connection, or closed it altogether: it reads no more.
    var isGone = false
    /// What it sends first, as `leadBytes`; nil for its own stream at once.
    var lead: ClientLead?
    var leadBytes: [UInt8] = []

    /// The balancer's FIN has come.
    var sawEnd = false
    /// The balancer's RST has come, and took what was not read yet.
    var sawReset = false

    /// Bytes for it were lost on this side.
    var isDenied = false

    /// Bytes for it may remain unread.
    var leavesBytes: Bool { isGone || neverReads || isDenied }

    enum Farewell: CaseIterable {
        /// A FIN, and reading goes on.
        case finish
        /// A RST.
        case reset
        /// close(2): a FIN, and nobody reads any longer; what still comes is answered with a RST.
        case close
    }

    /// The byte at `place` of the stream of host `id`: four bytes of identity, then noise that depends on both.
    static func byte(_ id: UInt32, _ place: Int) -> UInt8 {
        if place < 4 { return UInt8(truncatingIfNeeded: id >> UInt32(8 * place)) }
        return UInt8(truncatingIfNeeded: (UInt64(id) &* 31 &+ UInt64(place)) &* 0x9E37_79B9_7F4A_7C15 >> 56)
    }
}

/// A TCP socket of the balancer, as the simulated kernel has it, and the host at its other end.
final class SimulatedSocket {
    enum State { case fresh, connecting, refused, connected, dead }

    var state = State.fresh
    var host: Host
    /// The peer's address.
    var address: SocketAddress?
    /// Of a client: the pool of the listener that it came to, or was led to by its name; nil where that is not known.
    var pool: Int? = 0
    /// Of a client: the number of the listener that it came to.
    var listener = 0
    /// Of a client: it was accepted.
    var wasAccepted = false
    /// Received and not read yet.
    var inbox: [UInt8] = []
    var inboxRoom: Int
    var inboxEnded = false
    /// Written and not taken by the host yet.
    var outbox: [UInt8] = []
    var outboxRoom: Int
    var outboxEnded = false
    /// What the next call is told, once.
    var error: CInt = 0
    /// A write found no room: room is worth an event.
    var wantsRoom = false
    var resetsOnClose = false
    /// The balancer has closed it: what still comes from the host is answered with a RST.
    var isClosed = false
    /// In an epoll set.
    var data: UInt64?
    var isSignalled = false
    /// An event would be reported that has not been.
    var isUnheard: Bool { isSignalled && data != nil && readiness != 0 }
    /// When the connect began, and when an event was last reported, if one was: see ``Pace``.
    var began: UInt64 = 0
    var lastHeard: UInt64?

    init(host: Host, room: Int) {
        self.host = host
        inboxRoom = room
        outboxRoom = room
    }

    /// What epoll_wait(2) would report now.
    var readiness: UInt32 {
        var mask: UInt32 = 0
        switch state {
        case .fresh: mask = CEPOLL_OUT | CEPOLL_HUP
        case .connecting: mask = 0
        case .refused: mask = CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP
        case .connected:
            if !inbox.isEmpty || inboxEnded { mask |= CEPOLL_IN }
            if inboxEnded { mask |= CEPOLL_RDHUP }
            if inboxEnded && outboxEnded { mask |= CEPOLL_HUP }
            if outbox.count < outboxRoom { mask |= CEPOLL_OUT }
        case .dead: mask = CEPOLL_IN | CEPOLL_OUT | CEPOLL_HUP | CEPOLL_RDHUP
        }
        if error != 0 { mask |= CEPOLL_ERR }
        return mask
    }

    /// The host's RST arrives: what it sent before can still be read.
    func resetByHost() {
        guard state == .connected else { return }
        state = .dead
        error = ECONNRESET
        inboxEnded = true
        outbox.removeAll()
        host.isGone = true
        isSignalled = true
    }
}

/// A listener of the balancer, with the clients that wait for an accept.
final class SimulatedListener {
    /// The number of the pool that it serves, which follows from its port.
    let pool: Int
    var arrivals: [SimulatedSocket] = []
    var data: UInt64 = 0
    var isSignalled = false

    init(pool: Int) {
        self.pool = pool
    }
}

/// A socket as it was when the balancer closed it.
struct ClosedSocket {
    let socket: SimulatedSocket
    let state: SimulatedSocket.State
    /// There was an event that had not been reported.
    let wasUnheard: Bool
    /// No event was ever reported.
    let wasNeverHeard: Bool
    /// It was in the poller.
    let wasWatched: Bool
    /// How long ago its connect began, in nanoseconds: see ``Pace``.
    let age: UInt64

    init(_ socket: SimulatedSocket, age: UInt64) {
        self.socket = socket
        self.age = age
        state = socket.state
        wasUnheard = socket.isUnheard
        wasNeverHeard = socket.lastHeard == nil
        wasWatched = socket.data != nil
    }

    /// Probes reset what they close.
    var isProbe: Bool { socket.resetsOnClose && wasWatched }
}

/// An eventfd, by which another thread wakes the loop.
final class SimulatedEvent {
    var data: UInt64 = 0
    var isSignalled = false
}
