import Balancer
import Reactor

/// Filters probe lines: passes those that change what is known of a server, and drops repetitions.
private struct ProbeLines {
    private var last: [Substring: Substring] = [:]

    mutating func isNews(_ line: String) -> Bool {
        guard let port = line.firstRange(of: "Port : <"), let server = line.firstRange(of: "> Server is ") else {
            return !line.hasPrefix("connection ")
        }
        let name = line[port.upperBound..<server.lowerBound]
        let verdict = line[server.upperBound...]
        defer { last[name] = verdict }
        return last[name, default: "alive"] != verdict
    }
}

/// The steps of the demo in order. Each step checks what it shows.
struct DemoPlay: ~Copyable {
    private var stage: DemoStage
    private var console = DemoConsole()
    private let pace: DemoPace
    private let wantedPort: UInt16
    private var clients: [(place: Int, server: Int)] = []
    private var served = 0

    init(stage: consuming DemoStage, port: UInt16, _ pace: DemoPace) {
        self.stage = stage
        self.pace = pace
        wantedPort = port
    }

    mutating func play() throws {
        try begin()
        try pause()
        try talk()
        try pause()
        showTable("The session table: six rows, one per client")
        try pause()
        try shutDown()
        try pause()
        try comeBack()
        try pause()
        try leave()
        try pause()
        summarise()
        try console.check()
    }

    // MARK: steps

    private mutating func begin() throws {
        console.line(
            console.styled("balancer demo", .strong) + ": servers, balancer and clients in this process, on loopback.")
        console.line("Servers are probed every 300 ms here, so that the demo takes seconds; the default is 5 s.")
        console.heading(1, "Three servers and the balancer")
        for (number, address) in stage.serverAddresses.enumerated() {
            console.field("server\(number + 1)", "\(address)")
        }
        let isOther = stage.address.port != wantedPort
        console.field("balancer", "\(stage.address)" + (isOther ? " (port \(wantedPort) is in use)" : ""))
        try stage.wait(for: "three servers alive") { $0.hasPrinted(3) { $0.hasSuffix("Server is alive") } }
        quote(stage.takeLines())
    }

    private mutating func talk() throws {
        console.heading(2, "Six clients, one after the other, and the guide's dialogue")
        for number in 1...3 { try connect(number) }
        for (client, text) in [(0, "hello"), (1, "hi"), (2, "hi")] { try stage.say(clients[client].place, text) }
        for number in 4...6 { try connect(number) }
        let dialogue = [
            (3, "hi test4"), (0, "hello test4"), (4, "hi test2"), (1, "oh test5 good to see you"), (5, "hello tes3"),
            (2, "hi test6"),
        ]
        for (client, text) in dialogue { try stage.say(clients[client].place, text) }
        try pause()
        console.line()
        console.line("   Clients of one server see each other's lines. The line before an echo was typed.")
        console.line()
        for server in 0..<DemoStage.serverCount {
            let pair = clients.filter { $0.server == server }
            guard pair.count == 2 else { throw DemoError("two clients at server\(server + 1)") }
            console.terminals(terminal(pair[0].place), terminal(pair[1].place))
        }
        _ = stage.takeLines()
    }

    private mutating func shutDown() throws {
        let port = stage.serverAddresses[1].port
        console.heading(3, "server2 is shut down")
        stage.shutDown(server: 1)
        try disconnect(server: 1)
        console.line("   Its two clients are disconnected. After three failed probes it is bad, after four dead.")
        console.line("   (The lines of the other servers are left out here.)")
        try stage.wait(for: "server2 to be dead") { $0.hasPrinted { $0.hasSuffix("<\(port)> Server is dead") } }
        quote(
            stage.takeLines {
                $0.contains("Port : <\(port)>") || $0.hasPrefix("connection ") || Self.isAboutTheTable($0)
            })
        showTable("The table is shorter; new clients go to the other servers:")
        for number in 7...8 { try connect(number) }
    }

    private mutating func comeBack() throws {
        let port = stage.serverAddresses[1].port
        console.heading(4, "server2 comes back on its port")
        try stage.restart(server: 1)
        try stage.wait(for: "server2 to be alive") { $0.hasPrinted { $0.hasSuffix("<\(port)> Server is alive") } }
        quote(stage.takeLines { $0.hasSuffix("<\(port)> Server is alive") }.suffix(1))
        console.line("   The next probe succeeded, and server2 gets clients again:")
        for number in 9...11 { try connect(number) }
        guard clients.suffix(3).contains(where: { $0.server == 1 }) else { throw DemoError("a client at server2") }
    }

    /// Waits until the clients of a stopped server have read the end of their connections, and removes them.
    private mutating func disconnect(server: Int) throws {
        let places = clients.filter { $0.server == server }.map(\.place)
        try stage.wait(for: "the clients to be disconnected") { stage in places.allSatisfy { stage.hasEnded($0) } }
        for place in places { stage.leave(place) }
        clients.removeAll { $0.server == server }
        let rows = clients.count
        try stage.wait(for: "\(rows) rows") { $0.table.count == rows }
    }

    private mutating func leave() throws {
        console.heading(5, "The clients leave, and their rows are deleted (the last three of \(clients.count))")
        _ = stage.takeLines()
        for client in clients {
            stage.leave(client.place)
            let rows = stage.table.count - 1
            try stage.wait(for: "\(rows) rows left") { $0.table.count == rows }
        }
        try stage.wait(for: "the last line") { $0.hasPrinted { $0.hasSuffix("table length : 0") } }
        quote(stage.takeLines(where: Self.isAboutTheTable).suffix(6))
    }

    private mutating func summarise() {
        console.heading(6, "Summary")
        console.field("clients", "\(served) served by 3 servers in turn, none lost, none refused")
        console.field("messages", "each was received by exactly the clients of its server")
        console.field("shutdown", "bad three times, then dead; back after one successful probe")
        console.field("table", "\(stage.table.count) rows left")
        console.line()
        console.line("   Your turn: balancer 127.0.0.1 HOST PORT [HOST PORT ...]     (balancer --help)")
    }

    mutating func stay() throws {
        console.line()
        console.line("   Still running. In another terminal:  chat-client 127.0.0.1 \(stage.address.port) YOURNAME")
        console.line(
            "   Ctrl-C ends it. Each client is shown with its server, probes when the state of a server changes.")
        let console = console
        var probes = ProbeLines()
        // LineLog never waits for its reader, so servers and balancer continue when the terminal is stopped (Ctrl-S).
        var log = LineLog(OutputStream(number: 1))
        func show(_ text: String) {
            log.record { $0.append(text + "\n") }
            log.flush()
        }
        try stage.stay(
            { if probes.isNews($0) { show(console.quotation($0)) } },
            welcome: { client, server in show("   client      \(client) -> server\(server + 1)") })
    }

    // MARK: helpers

    /// Gives the reader time for what was printed since the last pause.
    private mutating func pause() throws {
        try console.check()
        try stage.rest(pace.pause(after: console.unreadLines))
        console.markRead()
    }

    private mutating func connect(_ number: Int) throws {
        let client = try stage.connect("test\(number)")
        clients.append(client)
        served += 1
        console.field(
            "test\(number)",
            console.padded("\(stage.address(of: client.place))", 18)
                + console.padded("-> server\(client.server + 1)", 14)
                + console.styled("rows in the table: \(stage.table.count)", .faint))
    }

    private func terminal(_ place: Int) -> (title: String, lines: [DemoLine]) {
        (stage.name(of: place), stage.terminal(of: place))
    }

    /// True for the two lines that the balancer prints when a row is deleted.
    private static func isAboutTheTable(_ line: String) -> Bool {
        line.hasPrefix("client <") || line.hasPrefix(" Current NAT table")
    }

    private mutating func showTable(_ title: String) {
        console.line("   \(title)")
        for row in stage.table {
            let server = stage.serverAddresses.firstIndex { $0 == row.backend }.map { "server\($0 + 1)" } ?? "-"
            let bytes = "\(row.bytesUp) B up, \(row.bytesDown) B down"
            console.line("     \(console.padded("\(row.client)", 18))-> \(server)   \(console.styled(bytes, .faint))")
        }
    }

    private mutating func quote(_ lines: some Sequence<String>) {
        for line in lines { console.quote(line) }
    }
}
