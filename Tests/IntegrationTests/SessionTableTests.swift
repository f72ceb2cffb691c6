import Glibc
import Testing

/// Items 9 and 10: every session has a row, which is deleted when the session ends.
@Suite("Session table", .ownThread)
struct SessionTableTests {
    @Test("six clients leave one by one: lengths 5 to 0, and one line each with the client's address and port")
    func sixLeave() throws {
        let backends = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let balancer = try BalancerUnderTest.start(
            backends: backends.map(\.port).onLoopback, "--probe-interval", "1h")
        for backend in backends { try balancer.waitUntilAlive(backend.port) }
        let opening = balancer.output.texts
        let clients = try (0..<6).map { _ in try balancer.connectAndGreet().client }
        var expected = opening
        // Neither in the order of their connecting nor in its reverse.
        for (index, left) in zip([2, 0, 5, 1, 4, 3], (0..<6).reversed()) {
            let address = try clients[index].localAddress()
            clients[index].close()
            expected += GuideLine.terminated(address, left: left)
            try balancer.program.wait("the row of \(address.port) is deleted") { balancer.output.texts == expected }
        }
    }

    @Test("kill -9 of a client leaves no row, and the server sees the connection end")
    func killedClient() throws {
        let system = try ChatSystem.start(servers: 1)
        let killed = try system.join("test1")
        let staying = try system.join("test2")
        killed.signal(SIGKILL)
        try system.balancer.waitUntilTableLength(1)
        try eventually("the server saw the connection end") { system.terminated == [1] }
        try staying.send("still here")
        try staying.waitForLine("[test2] still here")
        #expect(system.balancer.terminations == 1)
    }

    @Test("killing a server ends its own sessions and no others")
    func killedServer() throws {
        let system = try ChatSystem.start(servers: 2)
        let losing = try system.join("test1")
        let staying = try system.join("test2")
        system.servers[0].signal(SIGKILL)
        #expect(try losing.waitForExit() == .exited(1))
        try system.balancer.waitUntilTableLength(1)
        try staying.send("still here")
        try staying.waitForLine("[test2] still here")
    }

    @Test("a RST from the client leaves no row, and the server's connection ends")
    func clientResets() throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        let (client, server) = try session(through: balancer, to: backend)
        let address = try client.localAddress()
        client.reset()
        try balancer.program.waitForLine("client <127.0.0.1,\(address.port)> terminated")
        try balancer.waitUntilEmpty(after: 1)
        _ = try server.receiveToEnd()
        try checkServes(balancer, backend, sessionsBefore: 1)
    }

    @Test("a RST from the server leaves no row, and the client's connection ends")
    func serverResets() throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        let (client, server) = try session(through: balancer, to: backend)
        server.reset()
        _ = try client.receiveToEnd()
        try balancer.waitUntilEmpty(after: 1)
        try checkServes(balancer, backend, sessionsBefore: 1)
    }

    @Test("many clients that reset before they have a server leave no row")
    func resetsAtOnce() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        for _ in 1...200 { try balancer.connect().reset() }
        // Whether such a client ever gets a row is unspecified, but none may be left.
        let (client, _) = try balancer.connectAndGreet()
        let port = try client.localAddress().port
        client.close()
        try balancer.program.waitForLine("client <127.0.0.1,\(port)> terminated")
        try balancer.waitUntilTableLength(0)
    }

    @Test("after the client's half-close the other direction continues, and no row is left at the end")
    func halfClosedByClient() throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        let (client, server) = try session(through: balancer, to: backend)
        client.finishSending()
        #expect(try server.receiveToEnd() == ([], .finished))
        try server.send("answer after the end")
        try client.expect("answer after the end")
        // The session was half-closed all the time; its row still exists.
        #expect(balancer.terminations == 0)
        server.close()
        #expect(try client.receiveToEnd() == ([], .finished))
        try balancer.waitUntilEmpty(after: 1)
        #expect(balancer.terminations == 1)
    }

    @Test("after the server's half-close the other direction continues, and no row is left at the end")
    func halfClosedByServer() throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        let (client, server) = try session(through: balancer, to: backend)
        server.finishSending()
        #expect(try client.receiveToEnd() == ([], .finished))
        try client.send("one more thing")
        try server.expect("one more thing")
        #expect(balancer.terminations == 0)
        client.close()
        #expect(try server.receiveToEnd() == ([], .finished))
        try balancer.waitUntilEmpty(after: 1)
    }

    @Test("an idle session ends after the idle timeout, a session in use does not")
    func idleTimeout() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--idle-timeout", "2s")
        let (idle, _) = try balancer.connectAndGreet()
        let (busy, _) = try balancer.connectAndGreet()
        let port = try idle.localAddress().port
        try eventually("the idle client is disconnected", details: { balancer.program.summary }) {
            try busy.send(".")
            try busy.expect(".")
            return idle.hasEnded
        }
        try balancer.program.waitForLine("client <127.0.0.1,\(port)> terminated")
        #expect(balancer.tableLength == 1)
        try busy.send("still here")
        try busy.expect("still here")
    }

    @Test("--sessions-max is enforced, and a client that leaves makes room for another")
    func sessionsMax() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--sessions-max", "2")
        let first = try balancer.connectAndGreet().client
        let second = try balancer.connectAndGreet().client
        // The third client may be refused or kept waiting, but not served.
        let third = try balancer.connect()
        try remains("the third is not served", for: .milliseconds(300)) {
            !third.wait(for: POLLIN, Deadline(within: .zero)) || third.hasEnded
        }
        third.close()
        first.close()
        try eventually("a new client is served", details: { balancer.program.summary }) {
            let newcomer = try balancer.connect()
            return (try? newcomer.receiveLine(within: .seconds(1))) == "A"
        }
        try second.send("still here")
        try second.expect("still here")
    }

    // MARK: Steps

    /// Opens a session and returns both ends of it, after a first byte has arrived.
    private func session(
        through balancer: BalancerUnderTest, to backend: ListeningSocket,
        at location: SourceLocation = #_sourceLocation
    ) throws -> (client: TCPSocket, server: TCPSocket) {
        let client = try balancer.connect(at: location)
        try client.send("!", at: location)
        let server = try backend.acceptClient(at: location)
        try server.expect("!", at: location)
        return (client, server)
    }

    private func checkServes(
        _ balancer: BalancerUnderTest, _ backend: ListeningSocket, sessionsBefore: Int,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let (client, server) = try session(through: balancer, to: backend, at: location)
        try client.send("ping", at: location)
        try server.expect("ping", at: location)
        try server.send("pong", at: location)
        try client.expect("pong", at: location)
        client.close()
        server.close()
        try balancer.waitUntilEmpty(after: sessionsBefore + 1, at: location)
        #expect(balancer.terminations == sessionsBefore + 1, sourceLocation: location)
    }
}
