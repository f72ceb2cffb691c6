import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// `balancer demo`: the whole system in one process, shown in a few seconds.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show three chat servers, the balancer and six clients, all in this process.",
        discussion: "Needs nothing else on the machine, and sends nothing beyond loopback.")

    @Option(help: "The balancer's port; a free one is taken when it is in use.")
    var port = Port(20000)

    @Flag(help: "Keep servers and balancer running afterwards, for a chat-client of your own.")
    var stay = false

    func run() throws {
        Startup.prepare()
        do {
            var demo = DemoPlay(stage: try DemoStage(port: port.rawValue), port: port.rawValue)
            try demo.play()
            if stay { try demo.stay() }
        } catch let error as SystemCallError {
            throw failure("balancer demo", error)
        } catch {
            complain("balancer demo", "\(error)")
            throw ExitCode.failure
        }
    }
}

/// Tells the lines of probes that say something new from those that repeat what is known of a server.
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

/// The acts of the demo, in their order. Every act checks what it shows.
private struct DemoPlay: ~Copyable {
    private var stage: DemoStage
    private let console = DemoConsole()
    private let wantedPort: UInt16
    private var clients: [(place: Int, server: Int)] = []
    private var served = 0

    init(stage: consuming DemoStage, port: UInt16) {
        self.stage = stage
        wantedPort = port
    }

    mutating func play() throws {
        try begin()
        try talk()
        showTable("The session table: six rows, one per client")
        try shutDownAndReturn()
        try leave()
        summarise()
    }

    // MARK: acts

    private mutating func begin() throws {
        console.line(
            console.styled("balancer demo", .strong) + ": servers, balancer and clients in this process, on loopback.")
        console.line("Probes come every 300 ms here, so that it takes seconds; the default is 5 s.")
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
        console.line()
        console.line("   Clients of one server share their talk. The line before an echo was typed.")
        console.line()
        for server in 0..<DemoStage.serverCount {
            let pair = clients.filter { $0.server == server }
            guard pair.count == 2 else { throw DemoError("two clients at server\(server + 1)") }
            console.terminals(terminal(pair[0].place), terminal(pair[1].place))
        }
        _ = stage.takeLines()
    }

    private mutating func shutDownAndReturn() throws {
        let port = stage.serverAddresses[1].port
        func isItsLine(_ line: String) -> Bool {
            line.contains("Port : <\(port)>") || line.hasPrefix("connection ") || Self.isAboutTheTable(line)
        }
        console.heading(3, "server2 is shut down")
        stage.shutDown(server: 1)
        try disconnect(server: 1)
        console.line("   Its two clients are disconnected. Three failed probes are bad, four are dead.")
        console.line("   (The lines of the other servers are left out here.)")
        try stage.wait(for: "server2 to be dead") { $0.hasPrinted { $0.hasSuffix("<\(port)> Server is dead") } }
        quote(stage.takeLines(where: isItsLine))
        showTable("The table has shrunk; new clients go to the other servers:")
        for number in 7...8 { try connect(number) }

        console.heading(4, "server2 comes back on its port")
        try stage.restart(server: 1)
        try stage.wait(for: "server2 to be alive") { $0.hasPrinted { $0.hasSuffix("<\(port)> Server is alive") } }
        quote(stage.takeLines(where: isItsLine).suffix(1))
        console.line("   The next probe found it, and it takes its turn again:")
        for number in 9...11 { try connect(number) }
        guard clients.suffix(3).contains(where: { $0.server == 1 }) else { throw DemoError("a client at server2") }
    }

    /// The clients of a server that is gone read the end of their connection, and leave.
    private mutating func disconnect(server: Int) throws {
        let places = clients.filter { $0.server == server }.map(\.place)
        try stage.wait(for: "the clients to be disconnected") { stage in places.allSatisfy { stage.hasEnded($0) } }
        for place in places { stage.leave(place) }
        clients.removeAll { $0.server == server }
        let rows = clients.count
        try stage.wait(for: "\(rows) rows") { $0.table.count == rows }
    }

    private mutating func leave() throws {
        console.heading(5, "The clients leave, and their rows go (the last three of \(clients.count))")
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
        console.field("messages", "each was read by exactly the clients of its server")
        console.field("shutdown", "bad three times, then dead; back after one good probe")
        console.field("table", "\(stage.table.count) rows left")
        console.line()
        console.line("   Your turn: balancer 127.0.0.1 HOST PORT [HOST PORT ...]     (balancer --help)")
    }

    mutating func stay() throws {
        console.line()
        console.line("   Still running. In another terminal:  chat-client 127.0.0.1 \(stage.address.port) YOURNAME")
        console.line("   Ctrl-C ends it. Probes are shown when they tell something new.")
        let console = console
        var probes = ProbeLines()
        // Servers and balancer go on when the terminal is stopped (Ctrl-S): these lines wait for nobody.
        var log = LineLog(OutputStream(number: 1))
        try stage.stay { line in
            guard probes.isNews(line) else { return }
            log.record { $0.append(console.quotation(line) + "\n") }
            log.flush()
        }
    }

    // MARK: parts

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

    /// The guide's two lines on a row that was deleted.
    private static func isAboutTheTable(_ line: String) -> Bool {
        line.hasPrefix("client <") || line.hasPrefix(" Current NAT table")
    }

    private func showTable(_ title: String) {
        console.line("   \(title)")
        for row in stage.table {
            let server = stage.serverAddresses.firstIndex { $0 == row.backend }.map { "server\($0 + 1)" } ?? "-"
            let bytes = "\(row.bytesUp) B up, \(row.bytesDown) B down"
            console.line("     \(console.padded("\(row.client)", 18))-> \(server)   \(console.styled(bytes, .faint))")
        }
    }

    private func quote(_ lines: some Sequence<String>) {
        for line in lines { console.quote(line) }
    }
}
