import CEpoll
import Glibc
import Reactor
import Testing

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)
private let loopback6 = SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 0)
private let token = Token(kind: 7, index: 7)

private func option(_ socket: CInt, _ level: CInt, _ name: CInt) -> CInt {
    var value: CInt = -1
    return unsafe cepoll_get_option(socket, level, name, &value) == 0 ? value : -1
}

/// Answers receives, sends and connects from a list, then says EAGAIN.
private final class ListedKernel: ForwardingKernel {
    var results: [Int] = []

    private func next() -> Int { results.isEmpty ? -Int(EAGAIN) : results.removeFirst() }

    override func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int { next() }
    override func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { next() }
    override func connect(_ socket: CInt, to address: SocketAddress) -> CInt { CInt(next()) }
}

/// Refuses to bind, or to make sockets.
private final class RefusingKernel: ForwardingKernel {
    var refusesSocket = false

    override func socket(domain: CInt) -> CInt { refusesSocket ? -EMFILE : super.socket(domain: domain) }
    override func bind(_ socket: CInt, to address: SocketAddress) -> CInt { -EADDRNOTAVAIL }
}

@Suite struct StreamTests {
    // MARK: connecting

    @Test func connectsAndBecomesWritable() throws {
        let listener = try Listener(loopback)
        let poller = try Poller()
        let client = try Stream(for: listener.address, from: nil)
        let result = client.connect(to: listener.address)
        #expect(result == .inProgress || result == .connected)
        #expect(client.add(to: poller, token) == nil)
        #expect(try poller.wait(for: .writable, of: token) as Bool)
        #expect(client.takeError() == nil)
    }

    @Test func aRefusedConnectIsReported() throws {
        // Bound, so that nobody else takes the port, and not listening.
        let holder = FileDescriptor(owning: cepoll_socket(AF_INET))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                #expect(unsafe bind(holder.rawValue, $0, length) == 0)
                #expect(unsafe getsockname(holder.rawValue, $0, &length) == 0)
            }
        }
        let target = loopback.with(port: UInt16(bigEndian: address.sin_port))

        let poller = try Poller()
        let client = try Stream(for: target, from: nil)
        switch client.connect(to: target) {
        case .connected: Issue.record("connected to a port where nobody listens")
        case .failed(let errno): #expect(errno == Errno(rawValue: ECONNREFUSED))
        case .inProgress:
            #expect(client.add(to: poller, token) == nil)
            #expect(try poller.wait(for: .error, of: token) as Bool)
            #expect(client.takeError() == Errno(rawValue: ECONNREFUSED))
            // Asking takes it.
            #expect(client.takeError() == nil)
        }
    }

    @Test func aUnixPathWithoutListenerIsRefusedAtOnce() throws {
        let directory = try TemporaryDirectory()
        let address = try #require(SocketAddress(unixPath: "\(directory.path)/nobody"))
        let client = try Stream(for: address, from: nil)
        #expect(client.connect(to: address) == .failed(Errno(rawValue: ENOENT)))
    }

    @Test func resultsOfConnect() throws {
        let kernel = ListedKernel()
        try withScriptedKernel(kernel) {
            let stream = try Stream(for: loopback, from: nil)
            kernel.results = [0, -Int(EINPROGRESS), -Int(EADDRNOTAVAIL)]
            #expect(stream.connect(to: loopback) == .connected)
            #expect(stream.connect(to: loopback) == .inProgress)
            #expect(stream.connect(to: loopback) == .failed(Errno(rawValue: EADDRNOTAVAIL)))
        }
    }

    @Test func theReadinessOfAConnectionShowsItsEndBehindUnreadBytes() throws {
        let listener = try Listener(loopback)
        var connection = try Connection(through: listener)
        #expect(connection.client.readiness == .writable)
        #expect(connection.server.send("bye") == .bytes(3))
        connection.server = .empty
        #expect(eventually { connection.client.readiness.contains(.readHangup) })
        #expect(connection.client.readiness.contains(.readable))
    }

    /// The queue of the listener is full, so the kernel drops the SYN.
    @Test func aStreamThatConnectsHasNoReadiness() throws {
        let kernel = ForwardingKernel()
        let listener = kernel.socket(domain: AF_INET)
        defer { kernel.close(listener) }
        #expect(kernel.bind(listener, to: loopback) == 0 && kernel.listen(listener, backlog: 0) == 0)
        let address = try #require(kernel.localAddress(listener))
        var connecting = 0
        var streams = Slab<Stream>(capacity: 8)
        for _ in 0..<8 {
            let stream = try Stream(for: address, from: nil)
            #expect(stream.connect(to: address) == .inProgress)
            if stream.readiness.isEmpty { connecting += 1 }
            _ = streams.insert(stream)
        }
        #expect(connecting > 0)
    }

    @Test func theSourceAddressIsTheOneAskedFor() throws {
        let listener = try Listener(loopback)
        let source = SocketAddress.ipv4(0x7F00_0002, port: 4711)
        let connection = try Connection(through: listener, from: source)
        #expect(connection.peer.host == "127.0.0.2")
        // The port of the source is not taken over.
        #expect(connection.peer.port != 4711)
    }

    @Test(arguments: [loopback, loopback6]) func thePortIsChosenByConnect(address: SocketAddress) throws {
        let kernel = ForwardingKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(address)
            let client = try Stream(for: listener.address, from: address)
            let number = try #require(kernel.opened.last)
            #expect(kernel.localAddress(number) == address)
            _ = client.connect(to: listener.address)
            #expect(kernel.localAddress(number)?.port != 0)
        }
    }

    @Test func anErrorOfTheSetUpIsThrownAndNothingStaysOpen() {
        let kernel = RefusingKernel()
        withScriptedKernel(kernel) {
            var error = #expect(throws: Errno.self) { _ = try Stream(for: loopback, from: loopback) }
            #expect(error == Errno(rawValue: EADDRNOTAVAIL))
            #expect(kernel.opened.count == 1)
            #expect(kernel.closed == kernel.opened)
            kernel.refusesSocket = true
            error = #expect(throws: Errno.self) { _ = try Stream(for: loopback, from: nil) }
            #expect(error == Errno(rawValue: EMFILE))
        }
    }

    @Test func theEmptyStreamIsNotOpen() {
        let stream = Stream.empty
        #expect(!stream.isOpen as Bool)
        #expect(stream.receiveNow().result == .failed(Errno(rawValue: EBADF)))
    }

    // MARK: bytes

    @Test(arguments: [loopback, loopback6]) func bytesGoBothWays(address: SocketAddress) throws {
        let listener = try Listener(address)
        let connection = try Connection(through: listener)
        #expect(connection.client.receiveNow().result == .wouldBlock)
        #expect(connection.client.send("question") == .bytes(8))
        #expect(connection.server.receive(capacity: 5).text == "quest")
        #expect(connection.server.receive().text == "ion")
        #expect(connection.server.send("answer") == .bytes(6))
        #expect(connection.client.receive().text == "answer")
    }

    @Test func peekingLeavesTheBytes() throws {
        let listener = try Listener(loopback)
        let connection = try Connection(through: listener)
        #expect(connection.client.send("abc") == .bytes(3))
        #expect(connection.server.receive(peek: true).text == "abc")
        #expect(connection.server.receive().text == "abc")
        #expect(connection.server.receiveNow().result == .wouldBlock)
    }

    @Test func aFullStreamTakesNothingMore() throws {
        let pair = try StreamPair()
        let block = [UInt8](repeating: 1, count: 65_536)
        var sent = 0
        while case .bytes(let count) = unsafe block.withUnsafeBytes({ unsafe pair.near.send($0) }) { sent += count }
        #expect(sent > 0)
        #expect(pair.near.send("x") == .wouldBlock)
        var received = 0
        while case .bytes(let count) = pair.far.receiveNow(capacity: 65_536).result { received += count }
        #expect(received == sent)
        #expect(pair.near.send("x") == .bytes(1))
    }

    @Test func halfCloseEndsOneDirection() throws {
        let listener = try Listener(loopback)
        var connection = try Connection(through: listener)
        #expect(connection.client.send("last words") == .bytes(10))
        connection.client.shutdownWrite()
        #expect(connection.server.receive().text == "last words")
        #expect(connection.server.receive().result == .endOfStream)
        #expect(connection.server.receive().result == .endOfStream)
        #expect(connection.server.send("the answer") == .bytes(10))
        #expect(connection.client.receive().text == "the answer")
        #expect(connection.client.receiveNow().result == .wouldBlock)
        connection.server = .empty
        #expect(connection.client.receive().result == .endOfStream)
    }

    @Test func sendingAfterTheEndIsAnErrorAndNoSignal() throws {
        let listener = try Listener(loopback)
        let connection = try Connection(through: listener)
        connection.client.shutdownWrite()
        #expect(connection.client.send("x") == .failed(Errno(rawValue: EPIPE)))
    }

    @Test func aPlainCloseIsAnEndOfStream() throws {
        let listener = try Listener(loopback)
        var connection = try Connection(through: listener)
        connection.server = .empty
        #expect(connection.client.receive().result == .endOfStream)
    }

    @Test func aCloseCanBeAReset() throws {
        let listener = try Listener(loopback)
        var connection = try Connection(through: listener)
        connection.server.resetOnClose()
        connection.server = .empty
        #expect(connection.client.receive().result == .failed(Errno(rawValue: ECONNRESET)))
    }

    @Test func whatArrivedBeforeAResetIsReadFirst() throws {
        let listener = try Listener(loopback)
        let poller = try Poller()
        var connection = try Connection(through: listener)
        #expect(connection.client.add(to: poller, token) == nil)
        #expect(connection.server.send("before") == .bytes(6))
        connection.server.resetOnClose()
        connection.server = .empty
        #expect(try poller.wait(for: [.error, .hangup], of: token) as Bool)
        #expect(connection.client.receiveNow(capacity: 4).text == "befo")
        #expect(connection.client.receiveNow().text == "re")
        #expect(connection.client.receiveNow().result == .failed(Errno(rawValue: ECONNRESET)))
    }

    @Test func interruptedCallsAreRepeated() throws {
        let kernel = ListedKernel()
        try withScriptedKernel(kernel) {
            let stream = try Stream(for: loopback, from: nil)
            kernel.results = [-Int(EINTR), -Int(EINTR), 3]
            #expect(stream.receiveNow().result == .bytes(3))
            kernel.results = [-Int(EINTR), 2]
            #expect(stream.send("abc") == .bytes(2))
            kernel.results = [0]
            #expect(stream.receiveNow().result == .endOfStream)
            #expect(stream.receiveNow().result == .wouldBlock)
            #expect(stream.send("abc") == .wouldBlock)
            kernel.results = [-Int(ETIMEDOUT), -Int(ECONNRESET)]
            #expect(stream.receiveNow().result == .failed(Errno(rawValue: ETIMEDOUT)))
            #expect(stream.send("abc") == .failed(Errno(rawValue: ECONNRESET)))
        }
    }

    // MARK: settings

    @Test func settingsReachTheSocket() throws {
        let kernel = ForwardingKernel()
        try withScriptedKernel(kernel) {
            let stream = try Stream(for: loopback, from: nil)
            let number = try #require(kernel.opened.last)
            #expect(option(number, CInt(IPPROTO_TCP), TCP_NODELAY) == 0)
            #expect(option(number, SOL_SOCKET, SO_KEEPALIVE) == 0)
            stream.setNoDelay()
            stream.setKeepalive(.standard)
            stream.limitRate(bytesPerSecond: 150_000_000)
            #expect(option(number, SOL_SOCKET, SO_MAX_PACING_RATE) == 150_000_000)
            #expect(option(number, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            #expect(option(number, SOL_SOCKET, SO_KEEPALIVE) == 1)
            #expect(option(number, CInt(IPPROTO_TCP), TCP_KEEPIDLE) == 120)
            #expect(option(number, CInt(IPPROTO_TCP), TCP_KEEPINTVL) == 30)
            #expect(option(number, CInt(IPPROTO_TCP), TCP_KEEPCNT) == 4)
            #expect(fcntl(number, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        }
    }
}
