import Glibc
import Synchronization
import Testing

/// A connected or listening TCP socket; every operation has a deadline. A socket of another kind can be used for
/// reading and writing: see ``UnixSocket``.
///
/// The socket stays open until it is closed explicitly or its ``TestScope`` ends, not until the last reference is gone.
final class TCPSocket: Sendable {
    /// How the other side ended the connection.
    enum Ending: Equatable, Sendable {
        /// A FIN, after everything that the other side had sent.
        case finished
        /// A RST or another error.
        case failed(errno: Int32)
    }

    enum Read: Equatable, Sendable {
        case bytes(Int)
        case ended(Ending)
        case nothingYet
    }

    enum Written: Equatable, Sendable {
        case bytes(Int)
        case noRoom
        case broken(errno: Int32)
    }

    let descriptor: Int32
    private let isClosed = Mutex(false)

    /// Takes over `descriptor`, which must be non-blocking.
    init(owning descriptor: Int32) {
        self.descriptor = descriptor
        TestScope.keep(self)
    }

    static func make(family: Int32, at location: SourceLocation) throws -> TCPSocket {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { throw TestFailure("socket: errno \(errno)", at: location) }
        return TCPSocket(owning: descriptor)
    }

    /// Connects to `address`; `nil` if the connect was refused or not answered in time.
    ///
    /// - Parameter receiveBuffer: The receive buffer in bytes, which limits what the kernel holds for a client that does not
    ///   read.
    /// - Parameter source: The address that the connection comes from.
    static func connectIfPossible(
        to address: SocketAddress, from source: SocketAddress? = nil, receiveBuffer: Int32? = nil,
        within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws -> TCPSocket? {
        let socket = try make(family: address.family, at: location)
        if let receiveBuffer { socket.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        if let source {
            let code = unsafe try source.withPointer(at: location) { unsafe Glibc.bind(socket.descriptor, $0, $1) }
            guard code == 0 else { throw TestFailure("cannot bind to \(source.host): errno \(errno)", at: location) }
        }
        let code = unsafe try address.withPointer(at: location) { unsafe Glibc.connect(socket.descriptor, $0, $1) }
        if code != 0 && errno != EINPROGRESS {
            socket.close()
            return nil
        }
        guard socket.wait(for: POLLOUT, Deadline(within: limit)), socket.pendingError == 0 else {
            socket.close()
            return nil
        }
        return socket
    }

    static func connect(
        to address: SocketAddress, from source: SocketAddress? = nil, receiveBuffer: Int32? = nil,
        within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws -> TCPSocket {
        guard
            let socket = try connectIfPossible(
                to: address, from: source, receiveBuffer: receiveBuffer, within: limit, at: location)
        else { throw TestFailure("no connection to \(address.host) \(address.port)", at: location) }
        return socket
    }

    // MARK: Facts

    /// The socket's own address, which the balancer logs for a client.
    func localAddress(at location: SourceLocation = #_sourceLocation) throws -> SocketAddress {
        unsafe try address("getsockname", at: location) { unsafe getsockname(descriptor, $0, $1) }
    }

    /// The address of the other end.
    func peerAddress(at location: SourceLocation = #_sourceLocation) throws -> SocketAddress {
        unsafe try address("getpeername", at: location) { unsafe getpeername(descriptor, $0, $1) }
    }

    private func address(
        _ call: String, at location: SourceLocation,
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) throws -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe ask($0, &length) }
        }
        guard code == 0, let address = SocketAddress(storage) else {
            throw TestFailure("\(call): errno \(errno)", at: location)
        }
        return address
    }

    private var pendingError: Int32 {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    /// The number of sent bytes that the other side's kernel has not acknowledged yet.
    var unacknowledged: Int {
        var count: Int32 = 0
        // SIOCOUTQ, which has no Swift name: it is the terminal's TIOCOUTQ.
        _ = unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count)
        return Int(count)
    }

    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Waits until the socket is ready for one of `events` (or has failed); `false` when the deadline passes first.
    func wait(for events: Int32, _ deadline: Deadline) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if unsafe poll(&entry, 1, deadline.millisecondsLeft) > 0 { return true }
            if deadline.hasPassed { return false }
        }
    }

    // MARK: Sending

    func send(
        _ text: String, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws {
        try send(Array(text.utf8), within: limit, at: location)
    }

    func send(
        _ bytes: [UInt8], within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws {
        let deadline = Deadline(within: limit)
        var sent = 0
        while sent < bytes.count {
            switch unsafe bytes[sent...].withUnsafeBytes({ unsafe sendNow($0) }) {
            case .bytes(let count):
                sent += count
            case .noRoom:
                guard wait(for: POLLOUT, deadline) else {
                    throw TestFailure("only \(sent) of \(bytes.count) bytes sent within \(limit)", at: location)
                }
            case .broken(let errno):
                throw TestFailure("broken (errno \(errno)) after \(sent) of \(bytes.count) bytes", at: location)
            }
        }
    }

    /// Sends as much as fits now, without waiting.
    func sendNow(_ bytes: UnsafeRawBufferPointer) -> Written {
        let count = unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if count >= 0 { return .bytes(count) }
        return errno == EAGAIN || errno == EINTR ? .noRoom : .broken(errno: errno)
    }

    /// Sends a text as TCP urgent data.
    func sendUrgent(_ text: String, at location: SourceLocation = #_sourceLocation) throws {
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_OOB))
        }
        if count != bytes.count { throw TestFailure("urgent data: errno \(errno)", at: location) }
    }

    /// Sends a FIN; reading is still possible.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    // MARK: Receiving

    /// Reads once without waiting.
    func readNow(_ buffer: UnsafeMutableRawBufferPointer, peeking: Bool = false) -> Read {
        let flags = peeking ? Int32(MSG_PEEK) : 0
        let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, flags)
        if count > 0 { return .bytes(count) }
        if count == 0 { return .ended(.finished) }
        return errno == EAGAIN || errno == EINTR ? .nothingYet : .ended(.failed(errno: errno))
    }

    /// Reads exactly `count` bytes.
    func receive(
        _ count: Int, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> [UInt8] {
        let (bytes, ending) = receive(upTo: count, Deadline(within: limit))
        guard bytes.count == count else {
            let got = String(decoding: bytes.prefix(200), as: UTF8.self)
            let how = ending.map { "ended (\($0))" } ?? "nothing more within \(limit)"
            throw TestFailure("\(bytes.count) of \(count) bytes, then \(how): \"\(got)\"", at: location)
        }
        return bytes
    }

    /// Reads as many bytes as `text` has, and checks that they are equal to it.
    func expect(
        _ text: String, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws {
        let got = String(decoding: try receive(text.utf8.count, within: limit, at: location), as: UTF8.self)
        if got != text { throw TestFailure("expected \"\(text)\", got \"\(got)\"", at: location) }
    }

    /// Reads a line including its end, and returns the line without it.
    func receiveLine(
        within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> String {
        var line: [UInt8] = []
        while true {
            let byte = try receive(1, within: limit, at: location)[0]
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }

    /// Reads until the other side ends the connection.
    func receiveToEnd(
        within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> (bytes: [UInt8], ending: Ending) {
        let (bytes, ending) = receive(upTo: .max, Deadline(within: limit))
        guard let ending else {
            throw TestFailure("not ended within \(limit), \(bytes.count) bytes read", at: location)
        }
        return (bytes, ending)
    }

    /// True when a byte can be read.
    var hasBytes: Bool {
        var byte: UInt8 = 0
        let read = unsafe withUnsafeMutableBytes(of: &byte) { unsafe readNow($0, peeking: true) }
        if case .bytes = read { return true }
        return false
    }

    /// True when the other side has ended the connection and nothing is left to read.
    var hasEnded: Bool {
        var byte: UInt8 = 0
        let read = unsafe withUnsafeMutableBytes(of: &byte) { unsafe readNow($0, peeking: true) }
        if case .ended = read { return true }
        return false
    }

    private func receive(upTo count: Int, _ deadline: Deadline) -> (bytes: [UInt8], ending: Ending?) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(count, 65_536))
        while bytes.count < count {
            let room = min(buffer.count, count - bytes.count)
            let read = unsafe buffer.withUnsafeMutableBytes {
                unsafe readNow(UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
            }
            switch read {
            case .bytes(let count): bytes += buffer[..<count]
            case .ended(let ending): return (bytes, ending)
            case .nothingYet: if !wait(for: POLLIN, deadline) { return (bytes, nil) }
            }
        }
        return (bytes, nil)
    }

    // MARK: Ending

    func close() {
        isClosed.withLock { isClosed in
            if !isClosed { Glibc.close(descriptor) }
            isClosed = true
        }
    }

    /// Sends a RST and discards unsent data.
    func reset() {
        isClosed.withLock { isClosed in
            if isClosed { return }
            var linger = linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            Glibc.close(descriptor)
            isClosed = true
        }
    }

    /// Ends both directions but keeps the descriptor open, so that a thread that waits on it wakes up.
    func shutDown() {
        isClosed.withLock { isClosed in
            if !isClosed { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }
}
