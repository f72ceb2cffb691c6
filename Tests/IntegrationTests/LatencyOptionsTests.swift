import Glibc
import Testing

/// `--busy-poll` and `--fast-open` do not change what sessions transfer.
@Suite("Busy polling and fast open", .ownThread)
struct LatencyOptionsTests {
    // MARK: Busy polling

    @Test(
        "a busy-polling loop serves clients, and stops on SIGTERM", arguments: [1, 2],
        [["--busy-poll"], ["--busy-poll", "50us"], ["--busy-poll=1ms"], ["--busy-poll", "off"]])
    func busyPoll(threads: Int, option: [String]) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: threads, backends: [backend.port].onLoopback, option, at: #_sourceLocation)
        try balancer.waitUntilAlive(backend.port)
        let clients = try (0..<8).map { _ in try balancer.connectAndGreet().client }
        for (number, client) in clients.enumerated() {
            try client.send("number \(number)")
            try client.expect("number \(number)")
            client.close()
        }
        try balancer.waitUntilEmpty(after: 8)
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
    }

    // MARK: Fast open

    // Whether bytes really go with the SYN depends on `net.ipv4.tcp_fastopen`; clients must see no difference.

    /// Bytes that a client has sent before it is accepted: none, fewer than fit into a SYN, just as many, and more.
    static let early = [0, 1, 1_000, 1_024, 1_025, 5_000, 100_000]

    @Test("bytes sent before the accept arrive once, in order, and are counted once", arguments: [1, 2])
    func fastOpen(threads: Int) throws {
        let backend = try FastOpenBackend()
        let balancer = try start(threads, [backend.port])
        try checkSessions(balancer, backend)
    }

    @Test("bytes sent before the accept arrive once even if the first backend refuses")
    func fastOpenRedispatch() throws {
        let backend = try FastOpenBackend()
        // Probed only once, so the refusing backend stays in rotation.
        let refusing = try Ports.free()
        let balancer = try start(1, [refusing, backend.port])
        try checkSessions(balancer, backend)
        let attempts = balancer.output.texts.filter { $0.hasPrefix("session ") && $0.contains(" attempts=2 ") }
        #expect(!attempts.isEmpty, "\(balancer.program.summary)")
    }

    @Test("a client that closes or resets before it is accepted does no harm")
    func fastOpenEndsEarly() throws {
        let backend = try FastOpenBackend()
        let balancer = try start(1, [backend.port])
        for _ in 1...3 {
            let clients = try whileStopped(balancer) {
                let finishing = try balancer.connect()
                try finishing.send("finished")
                finishing.finishSending()
                let resetting = try balancer.connect()
                try resetting.send("reset")
                resetting.reset()
                return [finishing]
            }
            let server = try backend.listener.acceptClient()
            if try server.receive(1) == Array("r".utf8) {
                // The client that reset reached the backend first.
                _ = try server.receiveToEnd()
            } else {
                #expect(try server.receiveToEnd() == (Array("inished".utf8), .finished))
                try server.send("answer")
                server.close()
                #expect(try clients[0].receiveToEnd() == (Array("answer".utf8), .finished))
                continue
            }
            let next = try backend.listener.acceptClient()
            #expect(try next.receiveToEnd() == (Array("finished".utf8), .finished))
            next.close()
            #expect(try clients[0].receiveToEnd() == ([], .finished))
        }
    }

    /// A server that accepts bytes with the SYN, even without a cookie, where the machine allows it.
    private struct FastOpenBackend {
        let listener: ListeningSocket

        var port: UInt16 { listener.port }

        init(at location: SourceLocation = #_sourceLocation) throws {
            listener = try ListeningSocket(at: location)
            listener.socket.setOption(Int32(IPPROTO_TCP), TCP_FASTOPEN, 128)
        }
    }

    private func start(
        _ threads: Int, _ ports: [UInt16], at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        let options = ["--fast-open", "--log", "sessions", "--probe-interval", "1h"]
        return try .start(threads: threads, backends: ports.onLoopback, options, at: location)
    }

    /// Runs `body` while the balancer is stopped, so that clients' bytes have arrived before it accepts them.
    private func whileStopped<Result>(_ balancer: BalancerUnderTest, _ body: () throws -> Result) rethrows -> Result {
        balancer.program.signal(SIGSTOP)
        defer { balancer.program.signal(SIGCONT) }
        return try body()
    }

    private func checkSessions(
        _ balancer: BalancerUnderTest, _ backend: FastOpenBackend, at location: SourceLocation = #_sourceLocation
    ) throws {
        var records: [String] = []
        // The first connection may only fetch the cookie for the next one.
        for round in 1...3 {
            for (number, count) in Self.early.enumerated() {
                let pattern = Pattern(seed: UInt64(round * 100 + number))
                let client = try whileStopped(balancer) {
                    let client = try balancer.connect(at: location)
                    try pattern.send(count, through: client, at: location)
                    return client
                }
                if count == 0 { try pattern.send(1, through: client, at: location) }
                let server = try backend.listener.acceptClient(at: location)
                let received = try pattern.receive(upTo: max(count, 1), from: server, at: location)
                #expect(received.isIntact, "\(count) bytes, round \(round)", sourceLocation: location)
                try client.send("after", at: location)
                try server.expect("after", at: location)
                try server.send("answer", at: location)
                try client.expect("answer", at: location)
                client.finishSending()
                #expect(try server.receiveToEnd(at: location) == ([], .finished), sourceLocation: location)
                server.close()
                let port = try client.localAddress(at: location).port
                let ends = "client=127.0.0.1:\(port) backend=127.0.0.1:\(backend.port)"
                records.append("session \(ends) up=\(max(count, 1) + 5) down=6 ")
                client.close()
            }
        }
        for record in records {
            try balancer.program.wait(record, at: location) { balancer.output.texts.contains { $0.hasPrefix(record) } }
        }
    }
}
