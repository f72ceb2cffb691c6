import Chat
import Glibc
import Reactor
import Testing

/// A pipe that takes the lines of a server.
final class LinePipe {
    private let pipe: Pipe

    init() throws { pipe = try Pipe() }

    func log() -> LineLog { LineLog(OutputStream(number: pipe.inputNumber)) }

    /// What has been printed since the last call.
    func text() -> String { String(decoding: pipe.read(atMost: 65536), as: UTF8.self) }
}

/// A client of a server that listens on this machine; everything it does returns at once.
struct TestClient: ~Copyable {
    let stream: Reactor.Stream

    init(to server: borrowing ChatServer) throws {
        let address = SocketAddress.ipv4(0x7F00_0001, port: server.address.port)
        let stream = try Stream(for: address, from: nil)
        if case .failed(let errno) = stream.connect(to: address) { throw errno }
        self.stream = stream
    }

    /// Sends what the kernel takes; how many bytes that were.
    @discardableResult func send(_ bytes: [UInt8]) -> Int {
        guard case .bytes(let count) = unsafe bytes.withUnsafeBytes({ unsafe stream.send($0) }) else { return 0 }
        return count
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// What has arrived, and whether the end has.
    func receive() -> (bytes: [UInt8], hasEnded: Bool) {
        var all: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            switch unsafe block.withUnsafeMutableBytes({ unsafe stream.receive(into: $0) }) {
            case .bytes(let count): all += block[..<count]
            case .wouldBlock: return (all, false)
            case .endOfStream, .failed: return (all, true)
            }
        }
    }
}

/// Looks until the condition holds; fails the test when it does not within ten seconds.
///
/// For what a close leads to: a child that another test starts at that moment holds a copy of the descriptor until its
/// exec.
func eventually(_ condition: () throws -> Bool, at location: SourceLocation = #_sourceLocation) throws {
    let deadline = Clock.monotonic.now() + .seconds(10)
    while try !condition() {
        _ = poll(nil, 0, 1)
        try #require(Clock.monotonic.now() < deadline, "it never came to that", sourceLocation: location)
    }
}

extension ChatServer {
    /// Takes turns until `condition` holds; fails the test when it does not within ten seconds.
    mutating func serve(
        until condition: (borrowing ChatServer) -> Bool, at location: SourceLocation = #_sourceLocation
    ) throws {
        let deadline = Clock.monotonic.now() + .seconds(10)
        while !condition(self) {
            try turn(.milliseconds(1))
            try #require(Clock.monotonic.now() < deadline, "the server never came to that", sourceLocation: location)
        }
    }

    /// Takes turns until the client has received `count` bytes, and returns them.
    mutating func serve(
        _ client: borrowing TestClient, bytes count: Int, at location: SourceLocation = #_sourceLocation
    ) throws -> String {
        var received: [UInt8] = []
        let deadline = Clock.monotonic.now() + .seconds(10)
        while received.count < count {
            try turn(.milliseconds(1))
            received += client.receive().bytes
            try #require(Clock.monotonic.now() < deadline, "the bytes never came", sourceLocation: location)
        }
        return String(decoding: received, as: UTF8.self)
    }
}
