import Balancer
import Chat
import Glibc
import Reactor

/// The system that the demo shows, in one process and on one thread: three chat servers, the balancer and clients. The
/// balancer and each server have a poller of their own; a parent poller waits for all of these.
struct DemoStage: ~Copyable {
    private let parent: Poller
    private var events: EventBuffer
    private var balancer: BalancerLoop
    private var servers: Slab<ChatServer>
    private var clients: Slab<DemoClient>
    /// The pipe to which the balancer writes its log.
    private let pipe: Pipe
    /// Lines that the balancer has printed and the demo has not taken yet.
    private var unread: [String] = []
    /// The servers' addresses in round-robin order; a server keeps its port when it is restarted.
    let serverAddresses: [SocketAddress]
    /// The balancer's address.
    let address: SocketAddress

    static let serverCount = 3
    /// Short, so that the demo takes seconds; with the default of 5 s a server is dead 15 to 20 s after its shutdown.
    static let probeInterval: Duration = .milliseconds(300)
    /// How long the demo waits for each event that it is about to show.
    static let eventTimeout: Duration = .seconds(15)
    private static let clientsMax = 16
    private static let pipeBytes = 64 * 1024
    /// A descriptor of /dev/null, open for the life of the process.
    private static let devNull: CInt = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)

    /// Starts servers and balancer; if `port` is in use, the balancer gets a free one.
    init(port: UInt16) throws {
        let parent = try Poller()
        var servers = Slab<ChatServer>(capacity: Self.serverCount)
        var addresses: [SocketAddress] = []
        for _ in 0..<Self.serverCount {
            let server = try Self.makeServer(port: 0, parent)
            addresses.append(server.address)
            _ = servers.insert(server)
        }
        let pipe = try Pipe()
        let balancer = try Self.makeBalancer(port: port, addresses, pipe)
        if let errno = balancer.add(to: parent, Token(kind: 0, index: 0)) { throw errno }
        address = balancer.listenerAddresses[0]
        self.parent = parent
        self.servers = servers
        self.pipe = pipe
        self.balancer = balancer
        serverAddresses = addresses
        clients = Slab(capacity: Self.clientsMax)
        events = EventBuffer(capacity: 16)
    }

    private static func makeServer(port: UInt16, _ parent: borrowing Poller) throws -> ChatServer {
        // The servers' own lines are not part of the demo.
        let server = try ChatServer(
            port: port, bind: .ipv4(INADDR_LOOPBACK, port: 0), output: LineLog(OutputStream(number: devNull)),
            errors: LineLog(OutputStream(number: devNull)))
        if let errno = server.add(to: parent, Token(kind: 1, index: 0)) { throw errno }
        return server
    }

    private static func makeBalancer(
        port: UInt16, _ backends: [SocketAddress], _ pipe: borrowing Pipe
    ) throws -> BalancerLoop {
        var health = Configuration.HealthCheck()
        health.interval = probeInterval
        health.timeout = probeInterval
        let source = SocketAddress.ipv4(INADDR_LOOPBACK, port: 0)
        func configuration(_ port: UInt16) throws -> Configuration {
            try Configuration(
                listeners: [.init(address: source.with(port: port))],
                pools: [.init(backends: backends.map { .init(address: $0) }, health: health, source: source)])
        }
        func log() -> EventLog {
            EventLog(
                .guide, output: OutputStream(number: pipe.inputNumber), errors: OutputStream(number: pipe.inputNumber))
        }
        do {
            return try BalancerLoop(configuration(port), output: log())
        } catch let error as SystemCallError where error.errno.rawValue == EADDRINUSE {
            return try BalancerLoop(configuration(0), output: log())
        }
    }

    // MARK: turns

    /// Waits for events, at most 20 ms, then runs one turn of servers, balancer and clients.
    mutating func step() throws {
        try parent.poll(into: &events, timeout: balancer.hasMoreToDo ? .immediately : .milliseconds(20))
        var index = -1
        while let next = servers.index(after: index) {
            try servers[next].turn(.immediately)
            index = next
        }
        try balancer.turn(.immediately)
        index = -1
        while let next = clients.index(after: index) {
            clients[next].read()
            index = next
        }
        // The log writes whole lines, and the pipe is emptied long before it is full.
        let printed = pipe.read(atMost: Self.pipeBytes).split(separator: UInt8(ascii: "\n"))
        unread += printed.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Runs turns until `condition` holds; throws after ``eventTimeout``.
    mutating func wait(for what: String, until condition: (borrowing DemoStage) -> Bool) throws {
        let deadline = Clock.monotonic.now() + Self.eventTimeout
        while !condition(self) {
            guard Clock.monotonic.now() < deadline else { throw DemoError(what) }
            try step()
        }
    }

    /// Runs turns for a while. What the balancer prints meanwhile is dropped: it is not part of what is shown next.
    mutating func rest(_ time: Duration) throws {
        guard time > .zero else { return }
        let deadline = Clock.monotonic.now() + time
        while Clock.monotonic.now() < deadline { try step() }
        unread = []
    }

    // MARK: state

    /// The session table.
    var table: [SessionRow] { balancer.sessionTable() }

    /// How many clients the servers have.
    func clientCount(of server: Int) -> Int { servers.isTaken(server) ? servers[server].clientCount : 0 }

    /// Takes the lines that the balancer has printed since the last call and returns those that are `wanted`.
    mutating func takeLines(where wanted: (String) -> Bool = { _ in true }) -> [String] {
        defer { unread = [] }
        return unread.filter(wanted)
    }

    /// True when at least `count` of the lines not yet taken are `wanted`.
    func hasPrinted(_ count: Int = 1, _ wanted: (String) -> Bool) -> Bool {
        unread.count(where: wanted) >= count
    }

    // MARK: clients and servers

    /// Connects a client and waits for its row; returns the client's index and its server's.
    mutating func connect(_ name: String) throws -> (place: Int, server: Int) {
        let before = Set(table.map(\.client))
        let client = try DemoClient(name: name, to: address)
        guard let key = clients.insert(client) else { throw DemoError("room for one more client") }
        try wait(for: "\(name) to be connected") { stage in
            stage.table.contains { !before.contains($0.client) && $0.isConnected }
        }
        guard let row = table.first(where: { !before.contains($0.client) }),
            let server = serverAddresses.firstIndex(where: { $0 == row.backend })
        else { throw DemoError("\(name) in the session table") }
        clients[Int(key.index)].address = row.client
        clients[Int(key.index)].server = server
        return (Int(key.index), server)
    }

    /// Types a line at a client, and waits until all clients of its server have received it.
    mutating func say(_ place: Int, _ text: String) throws {
        let line = clients[place].type(text)
        let server = clients[place].server
        try wait(for: "'\(line)' on the terminals") { stage in
            stage.allClients(of: server) { $0.received.contains(line) }
        }
    }

    private func allClients(of server: Int, _ holds: (borrowing DemoClient) -> Bool) -> Bool {
        var index = -1
        while let next = clients.index(after: index) {
            if clients[next].server == server, !holds(clients[next]) { return false }
            index = next
        }
        return true
    }

    /// The lines on a client's terminal.
    func terminal(of place: Int) -> [DemoLine] { clients[place].lines }
    /// A client's name.
    func name(of place: Int) -> String { clients[place].name }
    /// A client's own address, from the session table.
    func address(of place: Int) -> SocketAddress { clients[place].address }
    /// True when a client's connection has ended.
    func hasEnded(_ place: Int) -> Bool { !clients.isTaken(place) || clients[place].hasEnded }

    /// Closes a client's connection and removes the client.
    mutating func leave(_ place: Int) { _ = clients.remove(at: place) }

    /// Shuts a server down: its port refuses connections, and its clients are disconnected.
    mutating func shutDown(server: Int) { _ = servers.remove(at: server) }

    /// Starts the server that was shut down, on its old port.
    mutating func restart(server: Int) throws {
        _ = servers.insert(try Self.makeServer(port: serverAddresses[server].port, parent))
    }

    /// Runs until SIGINT or SIGTERM. Passes the balancer's lines to `show`, and each new client with the index of its
    /// server to `welcome`.
    mutating func stay(_ show: (String) -> Void, welcome: (SocketAddress, Int) -> Void) throws {
        let signals = try Signals([.interrupt, .terminate])
        if let errno = signals.add(to: parent, Token(kind: 2, index: 0)) { throw errno }
        var present: Set<SocketAddress> = []
        while signals.next() == nil {
            try step()
            let rows = table.filter(\.isConnected)
            for row in rows where !present.contains(row.client) {
                if let server = serverAddresses.firstIndex(where: { $0 == row.backend }) { welcome(row.client, server) }
            }
            present = Set(rows.map(\.client))
            for line in takeLines() { show(line) }
        }
    }
}

/// An event that the demo waited for did not happen.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description = "timed out waiting for \(what)"
    }
}
