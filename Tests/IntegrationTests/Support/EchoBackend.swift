import Glibc
import Synchronization
import Testing

/// A server that greets each connection with its name and a line end, and then echoes what it reads.
///
/// Without a name it only echoes. One thread serves all connections, so it is suitable for small messages only.
final class EchoBackend: Sendable {
    let port: UInt16
    private let listener: ListeningSocket
    private let greeting: [UInt8]
    private let connections = Progress()
    private let isStopping = Mutex(false)
    private let hasStopped = Mutex(false)

    init(
        named name: String? = nil, host: String = "127.0.0.1", port: UInt16? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        listener = try ListeningSocket(host: host, port: port, at: location)
        greeting = name.map { Array("\($0)\n".utf8) } ?? []
        self.port = listener.port
        startThread(name: "echo \(listener.port)") { [self] in
            serve()
            hasStopped.withLock { $0 = true }
        }
        TestScope.atEnd { [self] in try? stop() }
    }

    /// The number of accepted connections, including probes.
    var accepted: Int { connections.value }

    /// Stops the server: the port refuses connections, and open ones are closed.
    func stop(at location: SourceLocation = #_sourceLocation) throws {
        isStopping.withLock { $0 = true }
        try eventually("the echo server stops", at: location) { hasStopped.withLock { $0 } }
    }

    private func serve() {
        var connections: [TCPSocket] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isStopping.withLock({ $0 }) {
            var entries = [pollfd(fd: listener.socket.descriptor, events: Int16(POLLIN), revents: 0)]
            entries += connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            // Wakes up every 20 ms to check whether it must stop.
            guard unsafe poll(&entries, nfds_t(entries.count), 20) > 0 else { continue }
            connections = zip(connections, entries.dropFirst()).filter { connection, entry in
                entry.revents == 0 || echo(connection, &buffer)
            }.map(\.0)
            if entries[0].revents != 0, let connection = listener.accept(Deadline(within: .zero)) {
                self.connections.add(1)
                try? connection.send(greeting)
                connections.append(connection)
            }
        }
        listener.close()
        for connection in connections { connection.close() }
    }

    /// Echoes what has arrived; false when the connection has ended.
    private func echo(_ connection: TCPSocket, _ buffer: inout [UInt8]) -> Bool {
        switch unsafe buffer.withUnsafeMutableBytes({ unsafe connection.readNow($0) }) {
        case .nothingYet: return true
        case .bytes(let count):
            if (try? connection.send(Array(buffer[..<count]))) != nil { return true }
        case .ended: break
        }
        connection.close()
        return false
    }
}
