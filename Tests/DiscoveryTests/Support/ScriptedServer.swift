import CEpoll
import Glibc
import Reactor
import Synchronization

@testable import Discovery

/// A name server of a test, with UDP and TCP on one port of 127.0.0.1: it does what its script says.
///
/// Its thread ends with it.
final class ScriptedServer: Sendable {
    /// A question that has come.
    struct Asked: Sendable {
        let bytes: [UInt8]
        let isStream: Bool
        /// The client's port, of a question by UDP.
        let port: UInt16
        /// How many have come, this one counted.
        let count: Int

        /// The number of its type.
        var type: Int { Int(bytes[Answer.questionEnd(bytes) - 3]) }
        /// The labels, with dots between them.
        var name: String {
            var labels: [String] = []
            var place = 12
            while bytes[place] != 0 {
                let end = place + 1 + Int(bytes[place])
                labels.append(String(decoding: bytes[place + 1..<end], as: UTF8.self))
                place = end
            }
            return labels.joined(separator: ".")
        }
        var hasEDNS: Bool { bytes[11] == 1 }
        /// An answer to it, without records.
        var answer: Answer { Answer(to: bytes) }
    }

    /// What the server does about a question.
    enum Act: Sendable {
        /// Sends a datagram to whoever asked by UDP.
        case datagram([UInt8])
        /// By TCP: the pieces one after the other, the length of the message in front of them.
        case stream([[UInt8]])
        /// By TCP: these bytes as they are, and the end of the connection.
        case rawStream([UInt8])
    }

    typealias Script = @Sendable (Asked) -> [Act]

    let address: SocketAddress
    private let state: State

    /// What the thread shares with the test.
    private final class State: @unchecked Sendable {
        let isOver = Atomic(false)
        private let lock = Lock()
        private var list: [Asked] = []

        func note(_ bytes: [UInt8], isStream: Bool, port: UInt16 = 0) -> Asked {
            lock.lock()
            defer { lock.unlock() }
            let asked = Asked(bytes: bytes, isStream: isStream, port: port, count: list.count + 1)
            list.append(asked)
            return asked
        }

        var asked: [Asked] {
            lock.lock()
            defer { lock.unlock() }
            return list
        }
    }

    init(listens: Bool = true, _ script: @escaping Script) throws {
        let (datagrams, listener, port) = try Self.sockets(listens: listens)
        address = .ipv4(0x7F00_0001, port: port)
        let state = State()
        self.state = state
        _ = try LoopThread(name: "name server") {
            Self.serve(datagrams, listener, state, script)
        }
    }

    deinit { state.isOver.store(true, ordering: .releasing) }

    /// What has been asked so far.
    var asked: [Asked] { state.asked }

    /// Waits until so many questions have come; false when they never did.
    func hasBeenAsked(_ count: Int) -> Bool {
        for _ in 0..<20_000 {
            if asked.count >= count { return asked.count == count }
            // The shortest pause that lets others run: the condition is what is waited for.
            _ = poll(nil, 0, 1)
        }
        return false
    }

    /// Settings under which this server is asked, alone or before others. The usual timeout is for servers that answer, on
    /// the busiest machine.
    func settings(_ others: SocketAddress..., timeout: Duration = .seconds(10)) -> NameServerSettings {
        var settings = NameServerSettings(servers: [address] + others)
        settings.timeout = timeout
        return settings
    }

    // MARK: the thread

    private static func serve(_ datagrams: CInt, _ listener: CInt, _ state: State, _ script: Script) {
        // Connections stay open until the client or the test ends.
        var connections: [CInt] = []
        while !state.isOver.load(ordering: .acquiring) {
            var requests = [
                pollfd(fd: datagrams, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&requests, nfds_t(requests.count), 20) > 0 else { continue }
            if requests[0].revents != 0 { answerDatagram(datagrams, state, script) }
            if requests[1].revents != 0, let connection = answerStream(listener, state, script) {
                connections.append(connection)
            }
        }
        for number in connections + [datagrams, listener] where number >= 0 { close(number) }
    }

    private static func answerDatagram(_ socket: CInt, _ state: State, _ script: Script) {
        var bytes = [UInt8](repeating: 0, count: 2048)
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe recvfrom(socket, &bytes, bytes.count, 0, $0, &length)
            }
        }
        guard count > 12 else { return }
        let port = unsafe withUnsafeBytes(of: peer) { unsafe $0.loadUnaligned(as: sockaddr_in.self).sin_port }
        let asked = state.note(Array(bytes[..<count]), isStream: false, port: UInt16(bigEndian: port))
        for case .datagram(let answer) in script(asked) {
            _ = unsafe withUnsafePointer(to: &peer) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe sendto(socket, answer, answer.count, 0, $0, length)
                }
            }
        }
    }

    /// The connection, unless it has been closed.
    private static func answerStream(_ listener: CInt, _ state: State, _ script: Script) -> CInt? {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < 2 || bytes.count < 2 + (Int(bytes[0]) << 8 | Int(bytes[1])) {
            var byte: UInt8 = 0
            guard unsafe recv(connection, &byte, 1, 0) == 1 else {
                close(connection)
                return nil
            }
            bytes.append(byte)
        }
        for act in script(state.note(Array(bytes.dropFirst(2)), isStream: true)) {
            switch act {
            case .datagram: break
            case .stream(let pieces):
                send(connection, word(pieces.reduce(0) { $0 + $1.count }))
                for piece in pieces { send(connection, piece) }
            case .rawStream(let bytes):
                send(connection, bytes)
                close(connection)
                return nil
            }
        }
        return connection
    }

    /// Sends, and leaves the reader time to read that much and no more.
    private static func send(_ connection: CInt, _ bytes: [UInt8]) {
        _ = unsafe Glibc.send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        _ = poll(nil, 0, 2)
    }

    // MARK: sockets

    /// UDP and TCP on one port, which is looked for until it is free for both; without TCP -1 stands for the listener.
    private static func sockets(listens: Bool) throws -> (datagrams: CInt, listener: CInt, port: UInt16) {
        for _ in 0..<50 {
            let datagrams = socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard let port = bound(datagrams, port: 0) else { throw Errno(rawValue: errno) }
            guard listens else { return (datagrams, -1, port) }
            let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            var one: CInt = 1
            unsafe setsockopt(listener, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
            if bound(listener, port: port) != nil, listen(listener, 16) == 0 { return (datagrams, listener, port) }
            close(datagrams)
            close(listener)
        }
        throw Errno(rawValue: EADDRINUSE)
    }

    /// Binds to a port of 127.0.0.1, and returns it.
    static func bound(_ socket: CInt, port: UInt16) -> UInt16? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        return result ? UInt16(bigEndian: address.sin_port) : nil
    }

    /// An address of loopback at which nobody is.
    static func nobody() throws -> SocketAddress {
        let number = socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        guard let port = bound(number, port: 0) else { throw Errno(rawValue: errno) }
        return .ipv4(0x7F00_0001, port: port)
    }
}
