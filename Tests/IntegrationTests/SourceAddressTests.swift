import Glibc
import Testing

/// Backends see connections from SOURCE_IP, whether or not the kernel would choose that address.
@Suite("Source address", .ownThread)
struct SourceAddressTests {
    @Test(
        "connections to backends come from SOURCE_IP, from the first client on",
        arguments: ["127.0.0.1", "127.0.0.2"], [1, 2])
    func source(host: String, threads: Int) throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(
            on: host, backends: [backend.port].onLoopback, "--threads", "\(threads)", "--probe-interval", "500ms")
        // The first clients connect at the time of the first probe or before it.
        try checkSources(balancer, backend, host)
        try balancer.wait(for: .alive, of: backend.port, times: 1)
        try checkSources(balancer, backend, host)
        try balancer.wait(for: .alive, of: backend.port, times: 3)
        try checkSources(balancer, backend, host)
    }

    @Test("warm connections come from SOURCE_IP", arguments: ["127.0.0.1", "127.0.0.2"], [1, 2])
    func warm(host: String, threads: Int) throws {
        let backend = try ListeningSocket()
        let balancer = try BalancerUnderTest.start(
            on: host, backends: [backend.port].onLoopback, "--threads", "\(threads)", "--probe-interval", "1h",
            "--warm-connections", "2")
        try checkSources(balancer, backend, host)
        try balancer.waitUntilAlive(backend.port)
        try checkSources(balancer, backend, host)
    }

    @Test("connections with --fast-open come from SOURCE_IP", arguments: ["127.0.0.1", "127.0.0.2"])
    func fastOpen(host: String) throws {
        let backend = try ListeningSocket()
        backend.socket.setOption(Int32(IPPROTO_TCP), TCP_FASTOPEN, 128)
        let balancer = try BalancerUnderTest.start(
            on: host, backends: [backend.port].onLoopback, "--probe-interval", "1h", "--fast-open")
        try balancer.waitUntilAlive(backend.port)
        try checkSources(balancer, backend, host)
    }

    /// So many clients that each of two loops gets one, except with a probability of 1 in 30,000.
    private func checkSources(
        _ balancer: BalancerUnderTest, _ backend: ListeningSocket, _ host: String,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        var hosts: Set<String> = []
        for _ in 1...16 {
            let client = try balancer.connect(at: location)
            try client.send("!", at: location)
            let server = try backend.acceptClient(at: location)
            try server.expect("!", at: location)
            hosts.insert(try server.peerAddress(at: location).host)
            try server.send("?", at: location)
            try client.expect("?", at: location)
            client.close()
            server.close()
        }
        #expect(hosts == [host], sourceLocation: location)
    }
}
