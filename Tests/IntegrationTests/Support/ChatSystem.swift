import Testing

/// The guide's whole set-up: chat servers, the balancer in front of them, and clients with names.
struct ChatSystem {
    let servers: [RunningProgram]
    let ports: [UInt16]
    let balancer: BalancerUnderTest

    static func start(
        servers count: Int = 3, at location: SourceLocation = #_sourceLocation
    ) throws -> ChatSystem {
        let ports = try Ports.free(count, at: location)
        let servers = try ports.map { try startChatServer(on: $0, at: location) }
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, at: location)
        for port in ports { try balancer.wait(for: .alive, of: port, at: location) }
        return ChatSystem(servers: servers, ports: ports, balancer: balancer)
    }

    /// The number of clients that each server has announced.
    var announced: [Int] { servers.map { $0.output.count(of: GuideLine.connected()) } }

    /// The number of clients that each server has reported as terminated.
    var terminated: [Int] { servers.map { $0.output.count(where: GuideLine.isServerTermination) } }

    /// Starts a client and waits until a server has announced it, so that the next client connects after it.
    func join(_ name: String, at location: SourceLocation = #_sourceLocation) throws -> RunningProgram {
        let before = announced.reduce(0, +)
        let client = try startChatClient(to: balancer.address, as: name, at: location)
        try client.wait("is announced by a server", at: location) { announced.reduce(0, +) == before + 1 }
        return client
    }

    /// Waits until each of `terminals` shows exactly its lines.
    func expect(
        _ terminals: [(client: RunningProgram, lines: [String])], at location: SourceLocation = #_sourceLocation
    ) throws {
        for (client, lines) in terminals {
            try client.wait("shows \(lines)", at: location) { client.output.texts.count >= lines.count }
        }
        for (client, lines) in terminals {
            #expect(client.output.texts == lines, "\(client.name)", sourceLocation: location)
            #expect(client.errors.texts == [], "\(client.name)", sourceLocation: location)
        }
    }
}

/// Starts a chat server and waits until it listens.
func startChatServer(on port: UInt16, at location: SourceLocation = #_sourceLocation) throws -> RunningProgram {
    let server = try RunningProgram.start(.chatServer, ["\(port)"], named: "chat-server \(port)", at: location)
    try Ports.waitForListener(on: port, of: server, at: location)
    return server
}

func startChatClient(
    to address: SocketAddress, as name: String, at location: SourceLocation = #_sourceLocation
) throws -> RunningProgram {
    try RunningProgram.start(.chatClient, [address.host, "\(address.port)", name], named: name, at: location)
}
