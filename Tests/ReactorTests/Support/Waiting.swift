import CEpoll
import Glibc
import Reactor

/// Long enough for the busiest machine; reached only by a test that fails.
private let patience = Duration.seconds(20)

// `as Bool` and the like in the expectations of these tests keep #expect from taking a call apart: it would copy the
// receiver to show it, which a ~Copyable one does not allow.

/// Asks until the answer is yes; false when it never came.
///
/// It is asked for also where one call would do, were it not for the children that other tests start: each holds a copy
/// of every descriptor until its exec, so that what a test has closed stays open for that long.
func eventually(looks: Int = 20_000, _ condition: () throws -> Bool) rethrows -> Bool {
    // Counted in pauses, not read from the clock, which may be what is being tested.
    for _ in 0..<looks {
        if try condition() { return true }
        // The shortest pause that lets others run: the condition is what is waited for.
        _ = poll(nil, 0, 1)
    }
    return false
}

extension Poller {
    /// Polls until at least one event is there. The batch is empty when none ever came.
    func wait(into events: inout EventBuffer) throws {
        let deadline = Clock.monotonic.now() + patience
        repeat {
            try poll(into: &events, timeout: .milliseconds(100))
        } while events.count == 0 && Clock.monotonic.now() < deadline
    }

    /// Polls until an event of `token` shows all of `readiness`, over several events if need be.
    func wait(for readiness: Readiness, of token: Token) throws -> Bool {
        let deadline = Clock.monotonic.now() + patience
        var events = EventBuffer(capacity: 8)
        var seen: Readiness = []
        while !seen.isSuperset(of: readiness) {
            if Clock.monotonic.now() > deadline { return false }
            try poll(into: &events, timeout: .milliseconds(100))
            for index in 0..<events.count where events[index].token == token {
                seen.formUnion(events[index].readiness)
            }
        }
        return true
    }
}

extension Stream {
    /// Sends all of a short text.
    func send(_ text: String) -> SendResult {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe send($0) }
    }

    /// Reads once.
    func receiveNow(capacity: Int = 4096, peek: Bool = false) -> (result: ReceiveResult, text: String) {
        var bytes = [UInt8](repeating: 0, count: capacity)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe receive(into: $0, peek: peek) }
        guard case .bytes(let count) = result else { return (result, "") }
        return (result, String(decoding: bytes[..<count], as: UTF8.self))
    }

    /// Reads once there is anything to report.
    func receive(capacity: Int = 4096, peek: Bool = false) -> (result: ReceiveResult, text: String) {
        var last = receiveNow(capacity: capacity, peek: peek)
        _ = eventually {
            if last.result == .wouldBlock { last = receiveNow(capacity: capacity, peek: peek) }
            return last.result != .wouldBlock
        }
        return last
    }
}

/// A listener's next connection.
struct Arrival: ~Copyable {
    var stream: Stream
    var peer: SocketAddress
}

extension Listener {
    /// Accepts once somebody is there.
    func nextArrival() -> Arrival? {
        var arrival: Arrival?
        _ = eventually {
            if case .accepted(let stream, let peer) = accept() { arrival = Arrival(stream: stream, peer: peer) }
            return arrival != nil
        }
        return arrival
    }
}

/// Both ends of a connection.
struct Connection: ~Copyable {
    var client: Stream
    var server: Stream
    /// The client's address as the listener reported it.
    var peer: SocketAddress

    /// Connects through a listener and waits for both ends.
    init(
        through listener: borrowing Listener, to target: SocketAddress? = nil, from source: SocketAddress? = nil
    ) throws {
        let address = target ?? listener.address
        let client = try Stream(for: address, from: source)
        if case .failed(let errno) = client.connect(to: address) { throw errno }
        guard let arrival = listener.nextArrival() else { throw Errno(rawValue: ETIMEDOUT) }
        self.client = client
        peer = arrival.peer
        server = arrival.stream
    }

    /// The same connection, seen from the other side.
    consuming func reversed() -> Connection {
        Connection(client: server, server: client, peer: peer)
    }

    private init(client: consuming Stream, server: consuming Stream, peer: SocketAddress) {
        self.client = client
        self.server = server
        self.peer = peer
    }
}

/// Two descriptors that belong together.
struct Pair: ~Copyable {
    var near: FileDescriptor
    var far: FileDescriptor
}

/// socketpair(2): both ends of a Unix stream without a name.
func socketPair(blocking: Bool = false) throws -> Pair {
    var numbers: [CInt] = [-1, -1]
    let flags = SOCK_CLOEXEC.rawValue | (blocking ? 0 : SOCK_NONBLOCK.rawValue)
    guard unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | flags), 0, &numbers) == 0 else {
        throw Errno(rawValue: errno)
    }
    return Pair(near: FileDescriptor(owning: numbers[0]), far: FileDescriptor(owning: numbers[1]))
}

/// A pipe with both ends blocking: what a shell gives a program.
struct Pipe: ~Copyable {
    var reader: FileDescriptor
    var writer: FileDescriptor

    init() throws {
        var numbers: [CInt] = [-1, -1]
        let result = unsafe cepoll_pipe(&numbers)
        guard result == 0 else { throw Errno(rawValue: -result) }
        for number in numbers { _ = fcntl(number, F_SETFL, 0) }
        reader = FileDescriptor(owning: numbers[0])
        writer = FileDescriptor(owning: numbers[1])
    }
}

/// Both ends of a connection within the machine, without an address.
struct StreamPair: ~Copyable {
    var near: Stream
    var far: Stream

    init() throws {
        let pair = try socketPair()
        near = Stream(pair.near)
        far = Stream(pair.far)
    }
}

/// A directory of its own for one test, removed with what is in it.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        var template = Array("/tmp/reactor-tests-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                if name != ".", name != ".." { _ = unsafe unlink("\(path)/\(name)") }
            }
            unsafe closedir(directory)
        }
        _ = unsafe rmdir(path)
    }
}
