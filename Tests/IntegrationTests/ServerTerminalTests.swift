import Testing

/// Item 19: probes leave nothing on the servers' terminals, clients do.
@Suite("Servers' terminals", .ownThread)
struct ServerTerminalTests {
    @Test("ten idle minutes of probes add no line; a client that leaves without a word adds its two")
    func tenMinutesOfProbes() throws {
        let ports = try Ports.free(2)
        let servers = try ports.map { try startChatServer(on: $0) }
        // Ten minutes at one probe every five seconds, compressed.
        let rounds = 125
        let balancer = try BalancerUnderTest.start(
            backends: ports.onLoopback, "--probe-interval", "30ms", "--probe-timeout", "29ms")
        for port in ports { try balancer.wait(for: .alive, of: port, times: rounds, within: .seconds(30)) }
        for server in servers { #expect(server.output.bytes == [] && server.errors.bytes == [], "\(server.summary)") }

        let client = try balancer.connect()
        client.close()
        try servers[0].wait("its two lines") { servers[0].output.lines.count == 2 }
        checkOneClient(servers[0])
        // Longer than the time in which a server makes up its mind about a silent connection.
        try remains("nothing else", for: .milliseconds(500)) {
            servers[0].output.lines.count == 2 && servers[1].output.lines.isEmpty
        }
    }

    @Test("a client that stays without a word is announced, too")
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

    @Test("a client that speaks is announced at its first byte")
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

    @Test("a connection that is reset before it was announced leaves nothing; one reset afterwards leaves both lines")
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
        try remains("nothing of the others", for: .milliseconds(500)) { server.output.lines.count == 2 }
    }

    @Test("a client that connects straight to the server and leaves by FIN without a byte leaves both lines")
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
