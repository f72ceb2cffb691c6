import Glibc
import Reactor
import Synchronization

/// Servers that accept and say nothing, each at a port of its own of the loopback address, all on one thread. A connection ends
/// when its client ends it.
final class QuietServers: Sendable {
    private enum Kind: UInt8, TokenKind { case listener, connection, waker }

    /// Their ports, in the order of the servers.
    let ports: [UInt16]
    private let waker: Waker
    private let isOver = Atomic(false)

    /// More connections than these are closed at once.
    private static let connectionsMax = 4096

    /// Starts the thread.
    init(count: Int) throws(SystemCallError) {
        let poller = try Poller()
        let waker = try Waker()
        if let errno = waker.add(to: poller, Token(kind: Kind.waker.rawValue, index: 0)) {
            throw SystemCallError(call: "epoll_ctl", errno: errno)
        }
        var listeners: [Handed<Listener>] = []
        for place in 0..<count {
            let listener = Handed(try Self.listener())
            if let errno = listener.value.add(to: poller, Token(kind: Kind.listener.rawValue, index: place)) {
                throw SystemCallError(call: "epoll_ctl", errno: errno)
            }
            listeners.append(listener)
        }
        self.waker = waker
        ports = listeners.map { $0.value.address.port }
        let (all, handed) = (listeners, Handed(poller))
        try LoopThread.startWithoutSignals(name: "drill/servers") { self.run(all, handed.value) }
    }

    /// A listener at a port that nobody has.
    static func listener() throws(SystemCallError) -> Listener {
        try Listener(.ipv4(INADDR_LOOPBACK, port: 0))
    }

    /// Closes everything, and ends the thread.
    func stop() {
        isOver.store(true, ordering: .relaxed)
        waker.wake()
    }

    // MARK: the thread

    private final class Connection {
        let stream: Stream
        init(_ stream: consuming Stream) { self.stream = stream }
    }

    private func run(_ listeners: [Handed<Listener>], _ poller: borrowing Poller) {
        var connections: [Int: Connection] = [:]
        var number = 0
        var events = EventBuffer(capacity: 256)
        while !isOver.load(ordering: .relaxed), (try? poller.poll(into: &events, timeout: .never)) != nil {
            for index in 0..<events.count {
                let token = events[index].token
                switch Kind(of: token) {
                case .waker: waker.drain()
                case .listener: accept(listeners[token.index].value, &number, &connections, poller)
                // Events may be of connections that are gone.
                case .connection:
                    if let connection = connections[token.index], hasEnded(connection) {
                        connections[token.index] = nil
                    }
                }
            }
        }
    }

    private func accept(
        _ listener: borrowing Listener, _ number: inout Int, _ connections: inout [Int: Connection],
        _ poller: borrowing Poller
    ) {
        while true {
            switch listener.accept() {
            case .accepted(let stream, _):
                guard connections.count < Self.connectionsMax else { continue }
                number = (number + 1) % Token.indexLimit
                let connection = Connection(stream)
                guard connection.stream.add(to: poller, Token(kind: Kind.connection.rawValue, index: number)) == nil
                else {
                    continue
                }
                connections[number] = connection
            default: return
            }
        }
    }

    /// Reads and drops what has come; true at the end.
    private func hasEnded(_ connection: Connection) -> Bool {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while true {
                switch unsafe connection.stream.receive(into: buffer) {
                case .bytes: continue
                case .wouldBlock: return false
                case .endOfStream, .failed: return true
                }
            }
        }
    }
}
