import Testing

/// Item 19: probes add no lines to the servers' terminals, clients do.
@Suite("Servers' terminals", .ownThread)
struct ServerTerminalTests {
    @Test("the probes of ten idle minutes add no line; a client that leaves without sending adds two")
    func tenMinutesOfProbes() throws {
        let ports = try Ports.free(2)
        let servers = try ports.map { try startChatServer(on: $0) }
        // As many probes as in ten minutes with one every five seconds, in less time.
        let rounds = 125
        let balancer = try BalancerUnderTest.start(
            backends: ports.onLoopback, "--probe-interval", "30ms", "--probe-timeout", "29ms")
        for port in ports { try balancer.wait(for: .alive, of: port, times: rounds, within: .seconds(30)) }
        for server in servers { #expect(server.output.bytes == [] && server.errors.bytes == [], "\(server.summary)") }

        let client = try balancer.connect()
        client.close()
        try servers[0].wait("its two lines") { servers[0].output.lines.count == 2 }
        checkOneClient(servers[0])
        // Longer than the time after which a server announces a silent connection.
        try remains("no further line", for: .milliseconds(500)) {
            servers[0].output.lines.count == 2 && servers[1].output.lines.isEmpty
        }
    }

    @Test("a client that stays connected without sending is announced too")
    func silentClient() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
        try server.waitForLine(GuideLine.connected())
        #expect(server.output.lines.count == 1)
        client.close()
        try server.wait("its second line") { server.output.lines.count == 2 }
        checkOneClient(server)
    }

    @Test("a client that sends is announced at its first byte")
    func firstByte() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
        try client.send("x")
        try client.expect("x")
        try server.waitForLine(GuideLine.connected(), within: .seconds(3))
        client.close()
        try server.wait("its second line") { server.output.lines.count == 2 }
        checkOneClient(server)
    }

    @Test("a connection reset before its announcement adds no line; one reset afterwards adds both lines")
    func resets() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let address = SocketAddress("127.0.0.1", port)
        for _ in 1...50 { try TCPSocket.connect(to: address).reset() }
        let client = try TCPSocket.connect(to: address)
        try server.waitForLine(GuideLine.connected())
        client.reset()
        try server.wait("its second line") { server.output.lines.count == 2 }
        checkOneClient(server)
        try remains("no line for the others", for: .milliseconds(500)) { server.output.lines.count == 2 }
    }

    @Test("a client without the balancer that closes with a FIN before sending a byte adds both lines")
    func silentFinish() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        try TCPSocket.connect(to: SocketAddress("127.0.0.1", port)).close()
        try server.wait("its two lines") { server.output.lines.count == 2 }
        checkOneClient(server)
    }

    private func checkOneClient(_ server: RunningProgram, at location: SourceLocation = #_sourceLocation) {
        let texts = server.output.texts
        #expect(texts.count == 2, "\(server.summary)", sourceLocation: location)
        #expect(texts.first == GuideLine.connected(), sourceLocation: location)
        #expect(texts.last.map(GuideLine.isServerTermination) == true, "\(server.summary)", sourceLocation: location)
    }
}
