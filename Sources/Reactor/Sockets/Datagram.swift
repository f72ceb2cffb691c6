/// A UDP socket that is connected to one peer, for threads that wait (``waitReadable(_:)``).
///
/// The kernel delivers only what comes from the peer's address and port, and chooses the local port at random (udp(7),
/// RFC 6056). An ICMP message that nobody listens there is the error ECONNREFUSED of the next call.
public struct Datagram: ~Copyable {
    private let descriptor: FileDescriptor

    /// No datagram of UDP has more bytes, with the headers, whose length field has 16 bits: RFC 768.
    public static let bytesMax = 65_535

    /// Opens a socket and connects it, which sends nothing. ENETUNREACH when there is no route, EINVAL for a link-local
    /// address without a scope.
    public init(connectedTo peer: SocketAddress) throws(Errno) {
        let number = kernel.datagramSocket(domain: peer.family)
        if number < 0 { throw Errno(rawValue: -number) }
        let descriptor = FileDescriptor(owning: number)
        let result = kernel.connect(number, to: peer)
        if result < 0 { throw Errno(rawValue: -result) }
        self.descriptor = descriptor
    }

    /// The address and port of this end.
    public var localAddress: SocketAddress? { kernel.localAddress(descriptor.rawValue) }

    /// Sends one datagram, whole or not at all.
    public func send(_ bytes: UnsafeRawBufferPointer) -> Errno? {
        while true {
            let result = unsafe kernel.send(descriptor.rawValue, bytes)
            if result >= 0 { return nil }
            let errno = Errno(rawValue: CInt(-result))
            if !errno.isInterruption { return errno }
        }
    }

    /// The result of a look for the next datagram.
    public enum Arrival: Equatable, Sendable {
        /// One has come, of so many bytes; none is possible too.
        case datagram(bytes: Int)
        /// None has come: EAGAIN.
        case none
        /// The socket has failed.
        case failed(Errno)
    }

    /// Takes the next datagram. What does not fit into `buffer` is lost.
    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> Arrival {
        while true {
            let result = unsafe kernel.receive(descriptor.rawValue, buffer, peek: false)
            if result >= 0 { return .datagram(bytes: result) }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .none }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Waits until a datagram or an error is there. False when the time is over, or a signal interrupted the wait.
    public func waitReadable(_ limit: Duration) -> Bool {
        let milliseconds = limit.wholeNanoseconds / 1_000_000 + 1
        return kernel.isReadable(descriptor.rawValue, milliseconds: CInt(clamping: milliseconds))
    }
}
