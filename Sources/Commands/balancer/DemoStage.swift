import Balancer
import Chat
import Glibc
import Reactor

/// Everything that the demo shows, in one process and on one thread: three chat servers, the balancer and clients. Each
/// server and the balancer is a loop of its own; a parent poller watches theirs.
struct DemoStage: ~Copyable {
    private let parent: Poller
    private var events: EventBuffer
    private var balancer: BalancerLoop
    private var servers: Slab<ChatServer>
    private var clients: Slab<DemoClient>
    /// Where the balancer's lines come out.
    private let pipe: Pipe
    /// What the balancer has printed and the demo has not shown yet.
    private var unread: [String] = []
    /// Where the servers listen, in the order of their turns; they keep their ports when they come back.
    let serverAddresses: [SocketAddress]
    /// Where the balancer listens.
    let address: SocketAddress

    static let serverCount = 3
    /// So short that the demo takes seconds; with the default of 5 s a shutdown is noticed after 15 to 20 s.
    static let probeInterval: Duration = .milliseconds(300)
    /// How long the demo waits for anything that it is about to show.
    static let patience: Duration = .seconds(15)
    private static let clientsMax = 16
    private static let pipeBytes = 64 * 1024
    /// A descriptor that swallows what is written to it, open for the life of the process.
    private static let nowhere: CInt = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)

    /// Starts servers and balancer; when `port` is taken the balancer gets a free one.
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
        // What servers print belongs on their own terminals.
        let server = try ChatServer(
            port: port, bind: .ipv4(INADDR_LOOPBACK, port: 0), output: LineLog(OutputStream(number: nowhere)),
            errors: LineLog(OutputStream(number: nowhere)))
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

    // MARK: time

    /// Lets everybody do what there is to do, after a wait of at most 20 ms.
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
        // The log writes whole lines, and the pipe is emptied far more often than it could fill.
        let printed = pipe.read(atMost: Self.pipeBytes).split(separator: UInt8(ascii: "\n"))
        unread += printed.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Goes on until `condition` holds; throws when it takes too long.
    mutating func wait(for what: String, until condition: (borrowing DemoStage) -> Bool) throws {
        let deadline = Clock.monotonic.now() + Self.patience
        while !condition(self) {
            guard Clock.monotonic.now() < deadline else { throw DemoError(what) }
            try step()
        }
    }

    // MARK: what it shows

    /// The session table.
    var table: [SessionRow] { balancer.sessionTable() }

    /// How many clients the servers have.
    func clientCount(of server: Int) -> Int { servers.isTaken(server) ? servers[server].clientCount : 0 }

    /// The lines that the balancer has printed since the last time and that `wanted` takes; the others are dropped.
    mutating func takeLines(where wanted: (String) -> Bool = { _ in true }) -> [String] {
        defer { unread = [] }
        return unread.filter(wanted)
    }

    /// True when a line like that is among those not shown yet.
    func hasPrinted(_ count: Int = 1, _ wanted: (String) -> Bool) -> Bool {
        unread.count(where: wanted) >= count
    }

    // MARK: clients and servers

    /// Connects a client and waits for its row; returns its place and the number of its server.
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

    /// Types a line at a client, and waits until everybody at its server has it on the terminal.
    mutating func say(_ place: Int, _ text: String) throws {
        let line = clients[place].type(text)
        let server = clients[place].server
        try wait(for: "'\(line)' on the terminals") { stage in
            stage.everybody(at: server) { $0.received.contains(line) }
        }
    }

    private func everybody(at server: Int, _ holds: (borrowing DemoClient) -> Bool) -> Bool {
        var index = -1
        while let next = clients.index(after: index) {
            if clients[next].server == server, !holds(clients[next]) { return false }
            index = next
        }
        return true
    }

    /// What stands on a client's terminal.
    func terminal(of place: Int) -> [DemoLine] { clients[place].lines }
    /// Its name.
    func name(of place: Int) -> String { clients[place].name }
    /// Its own address, as the session table has it.
    func address(of place: Int) -> SocketAddress { clients[place].address }
    /// True when its connection has ended.
    func hasEnded(_ place: Int) -> Bool { !clients.isTaken(place) || clients[place].hasEnded }

    /// Closes a client.
    mutating func leave(_ place: Int) { _ = clients.remove(at: place) }

    /// Shuts a server down: its port refuses, its clients are disconnected.
    mutating func shutDown(server: Int) { _ = servers.remove(at: server) }

    /// Starts the server that was shut down, on its old port.
    mutating func restart(server: Int) throws {
        _ = servers.insert(try Self.makeServer(port: serverAddresses[server].port, parent))
    }

    /// Goes on until SIGINT or SIGTERM, and shows what the balancer prints.
    mutating func stay(_ show: (String) -> Void) throws {
        let signals = try Signals([.interrupt, .terminate])
        if let errno = signals.add(to: parent, Token(kind: 2, index: 0)) { throw errno }
        while signals.next() == nil {
            try step()
            for line in takeLines() { show(line) }
        }
    }
}

/// Something that the demo waited for, and that did not come.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description = "waited in vain for \(what)"
    }
}
