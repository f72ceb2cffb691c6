import Testing

/// A running balancer, with the operations that tests use.
struct BalancerUnderTest {
    /// A health line of the guide, which is the result of one probe.
    enum Health: Equatable {
        case alive, bad, dead
    }

    let program: RunningProgram
    let host: String
    let port: UInt16

    /// Starts `balancer host backends... --port P options...` and waits until it listens.
    static func start(
        on host: String = "127.0.0.1", backends: [SocketAddress], _ options: String...,
        streams: RunningProgram.Streams = .separate, openFilesMax: Int? = nil, environment: [String: String] = [:],
        at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        try start(
            on: host, backends, options, streams: streams, openFilesMax: openFilesMax, environment: environment,
            at: location)
    }

    /// Starts a balancer with `--threads` on the loopback address.
    static func start(
        threads: Int, backends: [SocketAddress], _ options: [String], at location: SourceLocation
    ) throws -> BalancerUnderTest {
        try start(on: "127.0.0.1", backends, ["--threads", "\(threads)"] + options, at: location)
    }

    /// Starts a balancer with `--threads` and servers on the loopback address.
    static func start(
        threads: Int, _ ports: [UInt16], _ options: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        try start(threads: threads, backends: ports.onLoopback, options, at: location)
    }

    /// The number of lines on standard error that contain `text`.
    func countErrors(with text: String) -> Int {
        errors.count { $0.contains(text) }
    }

    /// Starts a balancer with a list of options.
    static func start(
        on host: String = "127.0.0.1", backends: [SocketAddress], _ options: [String], openFilesMax: Int? = nil,
        environment: [String: String] = [:], at location: SourceLocation
    ) throws -> BalancerUnderTest {
        try start(
            on: host, backends, options, openFilesMax: openFilesMax, environment: environment, at: location)
    }

    private static func start(
        on host: String, _ backends: [SocketAddress], _ options: [String],
        streams: RunningProgram.Streams = .separate, openFilesMax: Int? = nil, environment: [String: String] = [:],
        at location: SourceLocation
    ) throws -> BalancerUnderTest {
        let port = try Ports.free(at: location)
        let targets = backends.flatMap { [$0.host, "\($0.port)"] }
        let program = try RunningProgram.start(
            .balancer, [host] + targets + ["--port", "\(port)"] + options, streams: streams,
            openFilesMax: openFilesMax, environment: environment, at: location)
        try Ports.waitForListener(on: port, of: program, at: location)
        return BalancerUnderTest(program: program, host: host, port: port)
    }

    var output: Transcript { program.output }
    var errors: Transcript { program.errors }
    var address: SocketAddress { SocketAddress(host, port) }

    /// `source`: the address that the client has.
    func connect(
        from source: String? = nil, receiveBuffer: Int32? = nil, at location: SourceLocation = #_sourceLocation
    ) throws -> TCPSocket {
        let source = source.map { SocketAddress($0, 0) }
        return try TCPSocket.connect(to: address, from: source, receiveBuffer: receiveBuffer, at: location)
    }

    /// Connects and reads the greeting, which is the name of the ``EchoBackend`` that serves the client.
    func connectAndGreet(
        from source: String? = nil, within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws -> (client: TCPSocket, backend: String) {
        let client = try connect(from: source, at: location)
        do {
            return (client, try client.receiveLine(within: limit, at: location))
        } catch {
            throw TestFailure("no greeting: \(error)\n\(program.summary)", at: location)
        }
    }

    /// The names of the backends that serve the next `count` clients, which all stay connected until the last is
    /// served.
    func backendsOfNextClients(_ count: Int, at location: SourceLocation = #_sourceLocation) throws -> [String] {
        let served = try (0..<count).map { _ in try connectAndGreet(at: location) }
        for (client, _) in served { client.close() }
        return served.map(\.backend)
    }

    // MARK: Health

    func healthLines(of port: UInt16) -> [(health: Health, arrival: ContinuousClock.Instant)] {
        let meanings = [
            GuideLine.alive(port): Health.alive, GuideLine.bad(port): .bad, GuideLine.dead(port): .dead,
        ]
        return output.lines.compactMap { line in meanings[line.text].map { ($0, line.arrival) } }
    }

    func health(of port: UInt16) -> [Health] {
        healthLines(of: port).map(\.health)
    }

    /// Checks that each bad or dead line comes right after its cause, and that no cause comes without such a line.
    ///
    /// The balancer's streams must be merged.
    func expectCauses(_ causes: [UInt16: String], at location: SourceLocation = #_sourceLocation) {
        let texts = output.texts
        var explained = 0
        for (port, cause) in causes {
            for (index, text) in texts.enumerated() where [GuideLine.bad(port), GuideLine.dead(port)].contains(text) {
                explained += 1
                let line = index > 0 ? texts[index - 1] : ""
                #expect(line == cause, "before line \(index), \(text)", sourceLocation: location)
            }
        }
        let stated = texts.count { $0.hasPrefix("connection ") }
        // The stream may have been read between a cause and its line.
        #expect((explained...explained + 1).contains(stated), "\(program.summary)", sourceLocation: location)
    }

    func wait(
        for health: Health, of port: UInt16, times: Int = 1, within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try program.wait("\(port) is \(health) \(times) times", within: limit, at: location) {
            self.health(of: port).count { $0 == health } >= times
        }
    }

    /// Waits until a probe of each of `ports` has succeeded, so that the first round of probes is over.
    func waitUntilAlive(_ ports: UInt16..., at location: SourceLocation = #_sourceLocation) throws {
        for port in ports { try wait(for: .alive, of: port, at: location) }
    }

    // MARK: Sessions

    /// The number of `client <...> terminated` lines, for any client.
    var terminations: Int {
        output.count { $0.hasPrefix("client <") && $0.hasSuffix("> terminated") }
    }

    /// The table length that was printed last, if any.
    var tableLength: Int? {
        let prefix = " Current NAT table length : "
        return output.texts.last { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) }
    }

    func waitUntilTableLength(
        _ length: Int, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws {
        try program.wait("table length \(length)", within: limit, at: location) { tableLength == length }
    }

    /// Waits until `count` sessions have ended and none is left.
    func waitUntilEmpty(
        after count: Int, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws {
        try program.wait("\(count) terminated, table empty", within: limit, at: location) {
            terminations >= count && tableLength == 0
        }
    }
}

extension [UInt16] {
    /// These ports on the loopback address.
    var onLoopback: [SocketAddress] { map { SocketAddress("127.0.0.1", $0) } }
}

extension String {
    /// The option for frequent probes, for tests that wait for their lines.
    static let probingOften = "--probe-interval=250ms"
}
