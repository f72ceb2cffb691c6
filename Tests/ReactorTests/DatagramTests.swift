import Glibc
import Testing

@testable import Reactor

@Suite struct DatagramTests {
    /// A socket that is bound to 127.0.0.1 and takes datagrams from anybody.
    private struct Peer: ~Copyable {
        let descriptor: FileDescriptor
        let address: SocketAddress

        init() throws {
            let number = LinuxKernel().datagramSocket(domain: AF_INET)
            let descriptor = FileDescriptor(owning: number)
            try #require(LinuxKernel().bind(number, to: .ipv4(INADDR_LOOPBACK, port: 0)) == 0)
            address = try #require(LinuxKernel().localAddress(number))
            self.descriptor = descriptor
        }
    }

    private static func send(_ text: String, _ socket: borrowing Datagram) -> Errno? {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe socket.send($0) }
    }

    private static func receive(_ socket: borrowing Datagram, capacity: Int = 100) -> (Datagram.Arrival, String) {
        var bytes = [UInt8](repeating: 0, count: capacity)
        let arrival = unsafe bytes.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
        guard case .datagram(let count) = arrival else { return (arrival, "") }
        return (arrival, String(decoding: bytes[..<count], as: UTF8.self))
    }

    @Test func datagramsGoBothWays() throws {
        let peer = try Peer()
        let socket = try Datagram(connectedTo: peer.address)
        let address = socket.localAddress
        let own = try #require(address)
        #expect(Self.receive(socket).0 == .none)
        #expect(!socket.waitReadable(.zero) as Bool)
        #expect(Self.send("question", socket) == nil)
        let back = try Datagram(connectedTo: own)
        #expect(Self.send("from a stranger", back) == nil)
        // What a stranger sends is not delivered: the answer is the first to come.
        try #require(LinuxKernel().connect(peer.descriptor.rawValue, to: own) == 0)
        let answer = Array("answer".utf8)
        try #require(unsafe answer.withUnsafeBytes { unsafe LinuxKernel().send(peer.descriptor.rawValue, $0) } == 6)
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        try #require(unsafe LinuxKernel().send(peer.descriptor.rawValue, nothing) == 0)
        #expect(socket.waitReadable(.seconds(20)) as Bool)
        #expect(Self.receive(socket) == (.datagram(bytes: 6), "answer"))
        #expect(Self.receive(socket) == (.datagram(bytes: 0), ""))
        #expect(Self.receive(socket).0 == .none)
    }

    @Test func aClosedPortIsAnError() throws {
        let address: SocketAddress
        do {
            address = try Peer().address
        }
        let socket = try Datagram(connectedTo: address)
        #expect(Self.send("question", socket) == nil)
        #expect(socket.waitReadable(.seconds(20)) as Bool)
        #expect(Self.receive(socket).0 == .failed(.connectionRefused))
    }

    @Test func anAddressWithoutItsLinkIsAnError() throws {
        let address = try #require(SocketAddress(host: "fe80::1", port: 53))
        #expect(throws: Errno.self) { _ = try Datagram(connectedTo: address) }
    }
}
