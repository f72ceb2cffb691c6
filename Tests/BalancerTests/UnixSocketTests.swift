import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// A loop between real Unix sockets, turned by hand, and one session through it.
private struct UnixSession: ~Copyable {
    enum Sender { case client, backend }

    private var loop: BalancerLoop
    private let client: Stream
    private let backend: Stream
    /// Read so far by the backend, or by the client.
    private(set) var received = ""

    init(_ name: String) throws {
        // Names of the abstract namespace leave no file behind.
        let front = SocketAddress.unix(path: "@balancer-tests-\(getpid())-\(name)-front")
        let back = SocketAddress.unix(path: "@balancer-tests-\(getpid())-\(name)-back")
        let listener = try Listener(back)
        let configuration = try Configuration(
            listeners: [.init(address: front)], pools: [.init(backends: [.init(address: back)])], log: .none)
        var loop = try BalancerLoop(
            configuration, output: EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2)))
        let client = try Stream(for: front, from: nil)
        _ = client.connect(to: front)
        _ = client.sendText("?")
        // The first probe comes as well; it sends nothing.
        var arrivals = Slab<Stream>(capacity: 8)
        var served = -1
        let deadline = Clock.monotonic.now() + .seconds(20)
        while served < 0, Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            while case .accepted(let stream, _) = listener.accept() { _ = arrivals.insert(stream) }
            var index = -1
            while let next = arrivals.index(after: index) {
                if arrivals[next].receiveText() == "?" { served = next }
                index = next
            }
        }
        backend = served < 0 ? .empty : arrivals.remove(at: served)
        self.client = client
        self.loop = loop
    }

    /// Sends from one end, with a descriptor beside the bytes where one is given; how many bytes the kernel took.
    func send(_ text: String, from sender: Sender, passing descriptor: CInt? = nil) -> Int {
        let number = sender == .client ? client.number : backend.number
        guard let descriptor else {
            return sender == .client ? client.sendText(text) : backend.sendText(text)
        }
        return sendMessage(number, text, descriptor)
    }

    /// Turns until the end opposite to `sender` has read so many bytes; false when it never does.
    mutating func turns(from sender: Sender, until count: Int) throws -> Bool {
        received = ""
        let deadline = Clock.monotonic.now() + .seconds(20)
        while received.utf8.count < count, Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            received += sender == .client ? backend.receiveText() : client.receiveText()
        }
        return received.utf8.count == count
    }
}

extension Stream {
    fileprivate func sendText(_ text: String) -> Int {
        let result = unsafe Array(text.utf8).withUnsafeBytes { unsafe send($0) }
        if case .bytes(let count) = result { return count }
        return 0
    }

    /// What there is now.
    fileprivate func receiveText() -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe receive(into: $0) }
        guard case .bytes(let count) = result else { return "" }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// sendmsg(2) with one descriptor in an SCM_RIGHTS message. Source of the layout: cmsg(3).
private func sendMessage(_ socket: CInt, _ text: String, _ descriptor: CInt) -> Int {
    // Length (without padding), level, type, descriptor, padding.
    var control = [UInt8](repeating: 0, count: 24)
    unsafe control.withUnsafeMutableBytes {
        unsafe $0.storeBytes(of: 20, as: Int.self)
        unsafe $0.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: CInt.self)
        unsafe $0.storeBytes(of: 1, toByteOffset: 12, as: CInt.self)  // SCM_RIGHTS
        unsafe $0.storeBytes(of: descriptor, toByteOffset: 16, as: CInt.self)
    }
    var bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe control.withUnsafeMutableBytes { control in
            var piece = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return unsafe withUnsafeMutablePointer(to: &piece) { piece in
                var message = unsafe msghdr()
                unsafe message.msg_iov = piece
                unsafe message.msg_iovlen = 1
                unsafe message.msg_control = control.baseAddress
                unsafe message.msg_controllen = control.count
                return unsafe sendmsg(socket, &message, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
        }
    }
}

@Suite struct UnixSocketTests {
    /// A read of a Unix socket ends behind the piece that a descriptor came with, whatever follows. Both pieces are in
    /// the socket before the loop looks, so no further event tells of the second.
    ///
    /// `afterBulk`: a large read came before, so that the pieces go through a pipe.
    @Test(arguments: [false, true], [true, false])
    func whatFollowsADescriptorIsDeliveredAtOnce(fromClient: Bool, afterBulk: Bool) throws {
        Signals.ignoreFailedWrites()
        let sender = fromClient ? UnixSession.Sender.client : .backend
        var session = try UnixSession("pieces-\(sender)-\(afterBulk)")
        if afterBulk {
            let bulk = String(repeating: "b", count: 100_000)
            let sent = session.send(bulk, from: sender)
            #expect(sent == bulk.utf8.count)
            let isMoved = try session.turns(from: sender, until: sent)
            #expect(isMoved)
        }
        var ends: InlineArray<2, CInt> = [-1, -1]
        var span = ends.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { unsafe cepoll_pipe($0.baseAddress) }
        try #require(result == 0)
        let reader = FileDescriptor(owning: ends[0])
        let first = session.send("one", from: sender, passing: ends[1])
        close(ends[1])
        let second = session.send("two", from: sender)
        #expect(first == 3 && second == 3)
        let areDelivered = try session.turns(from: sender, until: 6)
        #expect(areDelivered)
        let received = session.received
        #expect(received == "onetwo")

        // What was passed was closed with the read: recv(2) and splice(2) leave no room for it. A child that another
        // test starts has a copy until its exec.
        let deadline = Clock.monotonic.now() + .seconds(20)
        var request = pollfd(fd: reader.rawValue, events: 0, revents: 0)
        while unsafe poll(&request, 1, 1) == 0, Clock.monotonic.now() < deadline {}
        #expect(CInt(request.revents) & POLLHUP != 0)
    }
}
