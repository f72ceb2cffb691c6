import CEpoll
import Glibc
import Reactor
import Testing

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)
private let loopback6 = SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 0)

private func option(_ socket: CInt, _ level: CInt, _ name: CInt) -> CInt {
    var value: CInt = -1
    return unsafe cepoll_get_option(socket, level, name, &value) == 0 ? value : -1
}

/// Lets one call of the set-up fail.
private final class RefusingKernel: ForwardingKernel {
    var refusesOption = false
    var refusesBind = false
    var refusesListen = false

    override func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        refusesOption ? -EINVAL : super.setOption(socket, level: level, option: option, value: value)
    }

    override func bind(_ socket: CInt, to address: SocketAddress) -> CInt {
        refusesBind ? -EADDRINUSE : super.bind(socket, to: address)
    }

    private(set) var backlogs: [CInt] = []

    override func listen(_ socket: CInt, backlog: CInt) -> CInt {
        backlogs.append(backlog)
        return refusesListen ? -EADDRINUSE : super.listen(socket, backlog: backlog)
    }
}

/// Answers accept(2) with one error.
private final class FailingAcceptKernel: ForwardingKernel {
    var errno: CInt = 0

    override func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) { (-errno, nil) }
}

private enum Outcome: Equatable {
    case accepted
    case wouldBlock
    case aborted(Errno)
    case exhausted(Errno)

    init(_ result: consuming AcceptResult) {
        switch result {
        case .accepted: self = .accepted
        case .wouldBlock: self = .wouldBlock
        case .aborted(let errno): self = .aborted(errno)
        case .exhausted(let errno): self = .exhausted(errno)
        }
    }
}

@Suite struct ListenerTests {
    @Test(arguments: [loopback, loopback6]) func acceptsAndReportsThePeer(address: SocketAddress) throws {
        let listener = try Listener(address)
        #expect(Outcome(listener.accept()) == .wouldBlock)
        let connection = try Connection(through: listener)
        #expect(connection.peer.with(port: 0) == address)
        #expect(connection.peer.port != 0)
        #expect(connection.peer.port != listener.address.port)
        #expect(connection.server.isOpen as Bool)
        #expect(Outcome(listener.accept()) == .wouldBlock)
    }

    @Test func anArrivalIsAnEvent() throws {
        let poller = try Poller()
        let listener = try Listener(loopback)
        let token = Token(kind: 6, index: 1)
        #expect(listener.add(to: poller, token) == nil)
        let client = try Stream(for: listener.address, from: nil)
        _ = client.connect(to: listener.address)
        #expect(try poller.wait(for: .readable, of: token) as Bool)
        #expect(Outcome(listener.accept()) == .accepted)
    }

    @Test(arguments: [loopback, loopback6])
    func acceptedSocketsInheritTheListenersOptions(address: SocketAddress) throws {
        let kernel = ForwardingKernel()
        try withScriptedKernel(kernel) {
            let keepalive = Keepalive(idleSeconds: 77, intervalSeconds: 11, count: 5)
            let listener = try Listener(address, keepalive: keepalive, userTimeout: 12_345)
            let connection = try Connection(through: listener)
            let accepted = try #require(kernel.opened.last)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            #expect(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT) == 12_345)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_KEEPIDLE) == 77)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_KEEPINTVL) == 11)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_KEEPCNT) == 5)
            #expect(fcntl(accepted, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(accepted, F_GETFD) & FD_CLOEXEC != 0)
            #expect(connection.server.isOpen as Bool)
        }
    }

    @Test func keepaliveCanBeLeftOut() throws {
        let kernel = ForwardingKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback, keepalive: nil)
            let connection = try Connection(through: listener)
            let accepted = try #require(kernel.opened.last)
            #expect(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 0)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT) == 0)
            #expect(option(accepted, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            #expect(connection.server.isOpen as Bool)
        }
    }

    @Test func theIPv6WildcardTakesIPv4AndCallsItSo() throws {
        let listener = try Listener(.ipv6(high: 0, low: 0, scope: 0, port: 0))
        let port = listener.address.port
        let old = try Connection(through: listener, to: .ipv4(0x7F00_0001, port: port))
        #expect(old.peer.host == "127.0.0.1")
        let new = try Connection(through: listener, to: loopback6.with(port: port))
        #expect(new.peer.host == "::1")
    }

    @Test func aPortInUseIsNamed() throws {
        let listener = try Listener(loopback)
        let error = #expect(throws: SystemCallError.self) { _ = try Listener(listener.address) }
        #expect(error?.description == "bind \(listener.address): Address already in use")
    }

    @Test func aPortIsFreeAgainWhileOldConnectionsLinger() throws {
        let address: SocketAddress
        do {
            let listener = try Listener(loopback)
            address = listener.address
            let connection = try Connection(through: listener)
            // The end that closes first keeps the port, in TIME_WAIT.
            connection.server.shutdownWrite()
            #expect(connection.client.receive().result == .endOfStream)
            connection.client.shutdownWrite()
            #expect(connection.server.receive().result == .endOfStream)
        }
        #expect(eventually { (try? Listener(address).address) == address } as Bool)
    }

    @Test func aUnixListener() throws {
        let directory = try TemporaryDirectory()
        let address = try #require(SocketAddress(unixPath: "\(directory.path)/chat.sock"))
        let listener = try Listener(address)
        #expect(listener.address == address)
        let client = try Stream(for: address, from: nil)
        #expect(client.connect(to: address) == .connected)
        guard let arrival = listener.nextArrival() else {
            Issue.record("nobody came")
            return
        }
        #expect(arrival.peer == .unix(path: ""))
        #expect(client.send("over") == .bytes(4))
        #expect(arrival.stream.receive().text == "over")
        #expect(arrival.stream.send("back") == .bytes(4))
        #expect(client.receive().text == "back")
    }

    @Test func aSetUpThatFailsLeavesNoDescriptorBehind() {
        for step in 0..<3 {
            let kernel = RefusingKernel()
            kernel.refusesOption = step == 0
            kernel.refusesBind = step == 1
            kernel.refusesListen = step == 2
            withScriptedKernel(kernel) {
                let error = #expect(throws: SystemCallError.self) { _ = try Listener(loopback) }
                #expect(error?.call.description == ["setsockopt", "bind", "listen"][step])
                #expect(error?.subject == "127.0.0.1:0")
            }
            #expect(kernel.opened.count == 1)
            #expect(kernel.closed == kernel.opened)
        }
    }

    @Test func noErrorEndsTheListener() throws {
        let kernel = FailingAcceptKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback)
            for number in [EMFILE, ENFILE, ENOBUFS, ENOMEM] {
                kernel.errno = number
                #expect(Outcome(listener.accept()) == .exhausted(Errno(rawValue: number)))
            }
            for number in [ECONNABORTED, EPROTO, ENETDOWN, EPERM, EHOSTUNREACH] {
                kernel.errno = number
                #expect(Outcome(listener.accept()) == .aborted(Errno(rawValue: number)))
            }
            kernel.errno = EAGAIN
            #expect(Outcome(listener.accept()) == .wouldBlock)
        }
    }

    /// The kernel lowers the number to `net.core.somaxconn`.
    @Test func theBacklogIsTheGivenOneOrTheLargest() throws {
        let kernel = RefusingKernel()
        try withScriptedKernel(kernel) {
            for backlog in [nil, 1, 100_000, Int.max] { _ = try Listener(loopback, backlog: backlog) }
        }
        #expect(kernel.backlogs == [.max, 1, 100_000, .max])
        #expect(Listener.backlogMax() >= 1)
    }

    /// In a process of its own: the umask is everybody's.
    @Test(arguments: [0, 0o022, 0o777] as [mode_t]) func theModeOfAUnixSocketIsNotTheUmasks(umask mask: mode_t) async {
        await #expect(processExitsWith: .success) { [mask] in
            let path = "/tmp/balancer-tests-\(getpid())-mode"
            umask(mask)
            guard let address = SocketAddress(unixPath: path) else { exit(2) }
            let listener = try Listener(address, keepalive: nil, mode: 0o640)
            guard listener.address == address else { exit(3) }
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { exit(4) }
            unsafe unlink(path)
            guard status.st_mode & 0o777 == 0o640 else { exit(1) }
        }
    }
}
