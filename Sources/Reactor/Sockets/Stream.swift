import CEpoll
import Glibc

/// The result of a read from a stream.
@frozen public enum ReceiveResult: Equatable, Sendable {
    /// So many bytes were read, at least one.
    case bytes(Int)
    /// The peer has ended its direction; there will be no more.
    case endOfStream
    /// Nothing to read now: EAGAIN.
    case wouldBlock
    /// The stream has failed.
    case failed(Errno)
}

/// The result of a write to a stream.
@frozen public enum SendResult: Equatable, Sendable {
    /// The kernel took so many bytes, possibly fewer than were offered.
    case bytes(Int)
    /// The kernel takes nothing now: EAGAIN.
    case wouldBlock
    /// The stream has failed.
    case failed(Errno)
}

/// The result of beginning to connect.
public enum ConnectResult: Equatable, Sendable {
    /// The connection is established (Unix sockets, at times loopback).
    case connected
    /// The socket will be writable when the connection is established, or report an error: EINPROGRESS.
    case inProgress
    /// It has failed at once.
    case failed(Errno)

    /// True unless it has failed at once.
    public var hasBegun: Bool {
        if case .failed = self { return false }
        return true
    }
}

/// A connected, or connecting, non-blocking stream socket: TCP or Unix.
public struct Stream: ~Copyable {
    private let descriptor: FileDescriptor

    /// Takes over a socket, which must be non-blocking.
    public init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }

    /// The empty stream, where there is no connection yet, or no longer.
    public static var empty: Stream { Stream(.empty) }

    /// False of the empty stream.
    public var isOpen: Bool { descriptor.isOpen }

    /// The number of its descriptor, which log lines name it by; -1 of the empty stream.
    public var number: CInt { descriptor.rawValue }

    /// Adds the stream to a poller, which reports all of its readiness until it is closed.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .stream)
    }

    // MARK: connecting

    /// A socket for `address`, bound to `source` when one is given; not connected yet.
    ///
    /// IP_BIND_ADDRESS_NO_PORT leaves the port to connect(2), which can then use one port towards several destinations.
    /// Without it a source address allows 28,000 connections in all. Source: ip(7).
    public init(for address: SocketAddress, from source: SocketAddress?) throws(Errno) {
        let number = kernel.socket(domain: address.family)
        if number < 0 { throw Errno(rawValue: -number) }
        let descriptor = FileDescriptor(owning: number)
        if let source {
            _ = kernel.setOption(number, level: CInt(IPPROTO_IP), option: IP_BIND_ADDRESS_NO_PORT, value: 1)
            let result = kernel.bind(number, to: source.with(port: 0))
            if result < 0 { throw Errno(rawValue: -result) }
        }
        self.descriptor = descriptor
    }

    /// Begins to connect.
    public func connect(to address: SocketAddress) -> ConnectResult {
        let result = kernel.connect(descriptor.rawValue, to: address)
        switch -result {
        case 0: return .connected
        case EINPROGRESS: return .inProgress
        default: return .failed(Errno(rawValue: -result))
        }
    }

    /// Begins to connect and sends the first of `bytes` with the SYN, if the peer has given this machine a cookie for
    /// that before (TCP Fast Open, RFC 7413). `sent` is how many of them the kernel took. It repeats them if the peer
    /// did not accept them with the SYN; they are lost with the connection when that fails.
    public func connect(
        to address: SocketAddress, sending bytes: UnsafeRawBufferPointer
    ) -> (result: ConnectResult, sent: Int) {
        let result = unsafe kernel.sendConnecting(descriptor.rawValue, bytes, to: address)
        if result >= 0 { return (.inProgress, result) }
        switch CInt(-result) {
        case EINPROGRESS: return (.inProgress, 0)
        // This kind of socket has no Fast Open, or it is switched off (`net.ipv4.tcp_fastopen`).
        case EOPNOTSUPP, EINVAL, ENOPROTOOPT: return (connect(to: address), 0)
        case let number: return (.failed(Errno(rawValue: number)), 0)
        }
    }

    /// True when the peer has closed both directions, or has reset the connection, and nothing is left to read.
    public var hasLeft: Bool { !readiness.isDisjoint(with: [.hangup, .error]) && isExhausted }

    /// True when the peer has ended its direction or the connection has failed, and nothing is left to read.
    public var isExhausted: Bool {
        var byte: UInt8 = 0
        return unsafe withUnsafeMutableBytes(of: &byte) {
            switch unsafe receive(into: $0, peek: true) {
            case .bytes, .wouldBlock: false
            case .endOfStream, .failed: true
            }
        }
    }

    /// The address and port of this end.
    public var localAddress: SocketAddress? { kernel.localAddress(descriptor.rawValue) }

    /// What a poller would report now, for a stream that is in none. Nothing while it connects.
    public var readiness: Readiness { Readiness(rawValue: kernel.readiness(descriptor.rawValue)) }

    /// True when the socket is connected to itself: towards a local port without a listener, the kernel may choose that
    /// very port as the source, and TCP's simultaneous open then connects the two (RFC 9293, 3.5). Compares both ends
    /// as the kernel reports them: what was connected to may have been another spelling.
    public var isConnectedToItself: Bool {
        guard let local = localAddress else { return false }
        return local == kernel.peerAddress(descriptor.rawValue)
    }

    /// The error that is pending on the socket, which this call clears.
    public func takeError() -> Errno? {
        let number = kernel.takeError(descriptor.rawValue)
        return number == 0 ? nil : Errno(rawValue: number)
    }

    // MARK: bytes

    /// Reads what there is, up to the size of `buffer`, which must not be empty. `peek` leaves the bytes where they
    /// are.
    ///
    /// Linux delivers what arrived before a RST first, then the error; tcp_recvmsg(9) looks at its queue before the
    /// error. So reading to the end loses nothing.
    public func receive(into buffer: UnsafeMutableRawBufferPointer, peek: Bool = false) -> ReceiveResult {
        while true {
            let result = unsafe kernel.receive(descriptor.rawValue, buffer, peek: peek)
            if result > 0 { return .bytes(result) }
            if result == 0 { return .endOfStream }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Writes as much of `bytes` as the kernel takes.
    public func send(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        while true {
            let result = unsafe kernel.send(descriptor.rawValue, bytes)
            if result >= 0 { return .bytes(result) }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Waits until there is something to read, or the end. False when the time is over. For programs that have no loop.
    public func waitReadable(_ limit: Duration) -> Bool {
        let milliseconds = limit.wholeNanoseconds / 1_000_000 + 1
        return kernel.isReadable(descriptor.rawValue, milliseconds: CInt(clamping: milliseconds))
    }

    /// Waits until a write would not wait, which is also when the connection is established or has failed. False when the
    /// time is over. For threads that have no loop.
    public func waitWritable(_ limit: Duration) -> Bool {
        let milliseconds = limit.wholeNanoseconds / 1_000_000 + 1
        return kernel.waitWritable(descriptor.rawValue, milliseconds: CInt(clamping: milliseconds))
    }

    /// The smoothed round trip to the peer, in microseconds; nil when there is none, as of a Unix socket.
    public var roundTripMicroseconds: Int? {
        let result = kernel.roundTrip(descriptor.rawValue)
        return result > 0 ? Int(result) : nil
    }

    /// How many bytes were written that the peer's kernel has not acknowledged; the FIN counts as one. Of a Unix socket:
    /// above 0 while the peer has not read everything. Without meaning once the connection has failed.
    public var unacknowledgedBytes: Int { max(0, Int(kernel.unacknowledged(descriptor.rawValue))) }

    /// Ends the direction towards the peer with a FIN after all that was written; the other direction goes on.
    public func shutdownWrite() {
        // ENOTCONN: the connection has failed meanwhile, which a read reports.
        _ = kernel.shutdownWrite(descriptor.rawValue)
    }

    // MARK: settings

    /// TCP_NODELAY: small writes are sent at once. No effect on a Unix socket.
    public func setNoDelay() {
        _ = kernel.setOption(descriptor.rawValue, level: CInt(IPPROTO_TCP), option: TCP_NODELAY, value: 1)
    }

    /// SO_OOBINLINE: TCP urgent data stays in its place in the stream instead of being left out. Inherited from a
    /// ``Listener``.
    public func keepUrgentInline() {
        _ = kernel.setOption(descriptor.rawValue, level: SOL_SOCKET, option: SO_OOBINLINE, value: 1)
    }

    /// TCP_NOTSENT_LOWAT: the kernel takes no more bytes while so many have not been sent yet. Bytes that are under way
    /// do not count, so this does not limit the throughput (tcp(7)). No effect on a Unix socket.
    public func limitUnsent(bytes: Int) {
        _ = kernel.setOption(
            descriptor.rawValue, level: CInt(IPPROTO_TCP), option: TCP_NOTSENT_LOWAT, value: CInt(clamping: bytes))
    }

    /// SO_MAX_PACING_RATE: the kernel sends at most so many bytes per second, in small portions by a timer of TCP's own,
    /// also over loopback (socket(7), tcp_internal_pacing() in net/ipv4/tcp_output.c). At most 2^31 - 1.
    public func limitRate(bytesPerSecond: Int) {
        _ = kernel.setOption(
            descriptor.rawValue, level: SOL_SOCKET, option: SO_MAX_PACING_RATE, value: CInt(clamping: bytesPerSecond))
    }

    /// SO_RCVBUF: the kernel keeps at most twice so many bytes of memory for received bytes, and no longer adapts the
    /// buffer to the speed at which they are read (socket(7), tcp(7)).
    public func limitReceiveBuffer(bytes: Int) {
        _ = kernel.setOption(
            descriptor.rawValue, level: SOL_SOCKET, option: SO_RCVBUF, value: CInt(clamping: bytes))
    }

    /// SO_BUF_LOCK: the kernel adapts the receive buffer again, up to `tcp_rmem`. False before Linux 5.14, which cannot.
    public func adaptReceiveBuffer() -> Bool {
        kernel.setOption(descriptor.rawValue, level: SOL_SOCKET, option: CInt(CEPOLL_SO_BUF_LOCK), value: 0) == 0
    }

    /// Sets TCP keepalive, which notices a peer that has vanished while the stream is silent.
    public func setKeepalive(_ keepalive: Keepalive) {
        keepalive.apply(to: descriptor)
    }

    /// TCP_USER_TIMEOUT: the kernel ends the connection when sent bytes stay unacknowledged for so many milliseconds, with
    /// ETIMEDOUT (tcp(7), RFC 5482). Set before connect(2), it also limits the handshake. No effect on a Unix socket.
    public func setUserTimeout(milliseconds: CInt) { UserTimeout.apply(milliseconds, to: descriptor) }

    /// Makes the close that follows send a RST. For probes: their connections leave no TIME_WAIT behind, and a server
    /// that reads sees a reset instead of a client that left in order.
    public func resetOnClose() {
        _ = kernel.setResetOnClose(descriptor.rawValue)
    }
}

/// TCP_USER_TIMEOUT of a stream, or of a listener, from which accepted sockets inherit it (tcp(7)).
enum UserTimeout {
    static func apply(_ milliseconds: CInt, to descriptor: borrowing FileDescriptor) {
        _ = kernel.setOption(
            descriptor.rawValue, level: CInt(IPPROTO_TCP), option: TCP_USER_TIMEOUT, value: milliseconds)
    }
}

/// TCP keepalive: a peer that has vanished without a FIN or RST is noticed after `idle + interval * count` seconds.
public struct Keepalive: Hashable, Sendable {
    /// Seconds of silence before the first keepalive segment: TCP_KEEPIDLE.
    public var idleSeconds: CInt
    /// Seconds between keepalive segments: TCP_KEEPINTVL.
    public var intervalSeconds: CInt
    /// Unanswered keepalive segments that end the connection: TCP_KEEPCNT.
    public var count: CInt

    /// Two minutes, then four segments half a minute apart: below the 350 s after which the NAT gateways and network
    /// load balancers of the large clouds forget a silent connection. The kernel's own default is two hours.
    public static let standard = Keepalive(idleSeconds: 120, intervalSeconds: 30, count: 4)

    /// Keepalive from its three settings.
    public init(idleSeconds: CInt, intervalSeconds: CInt, count: CInt) {
        self.idleSeconds = idleSeconds
        self.intervalSeconds = intervalSeconds
        self.count = count
    }

    func apply(to descriptor: borrowing FileDescriptor) {
        let number = descriptor.rawValue
        _ = kernel.setOption(number, level: SOL_SOCKET, option: SO_KEEPALIVE, value: 1)
        _ = kernel.setOption(number, level: CInt(IPPROTO_TCP), option: TCP_KEEPIDLE, value: idleSeconds)
        _ = kernel.setOption(number, level: CInt(IPPROTO_TCP), option: TCP_KEEPINTVL, value: intervalSeconds)
        _ = kernel.setOption(number, level: CInt(IPPROTO_TCP), option: TCP_KEEPCNT, value: count)
    }
}
