import Glibc
import Synchronization
import Testing

/// A listening socket whose connections the test itself accepts and uses.
final class ListeningSocket: Sendable {
    let port: UInt16
    let socket: TCPSocket
    private let silent = Mutex<[TCPSocket]>([])

    init(
        host: String = "127.0.0.1", port: UInt16? = nil, backlog: Int32 = 128,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        var number = port
        // Until its exec, a child that another test has just started may hold the socket with which the port was
        // tested: then another port is used.
        for attempt in 1...Self.attemptsMax {
            let candidate = try port ?? Ports.free(at: location)
            if let socket = try Self.listening(host, candidate, backlog, at: location) {
                self.port = candidate
                self.socket = socket
                return
            }
            number = candidate
            if port != nil || attempt == Self.attemptsMax { break }
        }
        throw TestFailure("cannot listen on \(host) \(number ?? 0): errno \(errno)", at: location)
    }

    private static let attemptsMax = 8

    private static func listening(
        _ host: String, _ port: UInt16, _ backlog: Int32, at location: SourceLocation
    ) throws -> TCPSocket? {
        let address = SocketAddress(host, port)
        let socket = try TCPSocket.make(family: address.family, at: location)
        socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        let code = unsafe try address.withPointer(at: location) { unsafe bind(socket.descriptor, $0, $1) }
        return code == 0 && listen(socket.descriptor, backlog) == 0 ? socket : nil
    }

    /// Accepts the next connection, a client's or a probe's; `nil` if none comes in time or the socket is closed.
    func accept(_ deadline: Deadline) -> TCPSocket? {
        repeat {
            let descriptor = withoutSpawning {
                let descriptor = Glibc.accept(socket.descriptor, nil, nil)
                if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
                return descriptor
            }
            if descriptor >= 0 {
                _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
                return TCPSocket(owning: descriptor)
            }
            guard [EAGAIN, EINTR, ECONNABORTED].contains(errno) else { return nil }
        } while socket.wait(for: POLLIN, deadline)
        return nil
    }

    /// Accepts the next connection on which data arrives, which is a client's: probes send nothing.
    func acceptClient(
        within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> TCPSocket {
        try eventually("a client connects to \(port) and sends", within: limit, at: location) {
            while let connection = accept(Deadline(within: .zero)) { silent.withLock { $0.append(connection) } }
            for connection in silent.withLock({ $0 }) {
                var byte: UInt8 = 0
                let read = unsafe withUnsafeMutableBytes(of: &byte) { unsafe connection.readNow($0, peeking: true) }
                if read == .nothingYet { continue }
                silent.withLock { $0.removeAll { $0 === connection } }
                if case .bytes = read { return connection }
                connection.close()
            }
            return nil
        }
    }

    /// Stops listening and frees the port, even while a child that another test starts holds a copy of the descriptor
    /// until its exec.
    func close() {
        socket.shutDown()
        socket.close()
    }
}

/// A server that never answers a connect: its accept queue is full, so the kernel drops every new SYN.
final class SilentBackend: Sendable {
    let listener: ListeningSocket

    var port: UInt16 { listener.port }

    init(port: UInt16? = nil, at location: SourceLocation = #_sourceLocation) throws {
        listener = try ListeningSocket(port: port, backlog: 1, at: location)
        let address = SocketAddress("127.0.0.1", listener.port)
        var refusals = 0
        for _ in 0..<16 {
            // On loopback a connect succeeds at once if it succeeds at all, unless the machine is too busy.
            let filler = try TCPSocket.connectIfPossible(to: address, within: .milliseconds(150), at: location)
            refusals = filler == nil ? refusals + 1 : 0
            if refusals == 2 { return }
        }
        throw TestFailure("the queue of port \(listener.port) does not fill", at: location)
    }

    func close() {
        listener.close()
    }
}
