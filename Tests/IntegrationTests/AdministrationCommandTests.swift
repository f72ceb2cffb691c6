import AdministrationAPI
import Foundation
import Glibc
import Testing

/// The commands of administration, run as an operator runs them: what they print, what they end with, and what the balancer
/// does.
@Suite("Commands of administration", .ownThread)
struct AdministrationCommandTests {
    /// A balancer with two echo servers `A` and `B`, which are its backends `b0` and `b1`, and are known to be up.
    private static func start(at location: SourceLocation = #_sourceLocation) throws -> ConfiguredBalancer {
        let backends = try ["A", "B"].map { try EchoBackend(named: $0, at: location) }
        return try .startAdministered(backends.map(\.port), threads: 2, at: location)
    }

    /// Starts a command that asks the balancer.
    private static func begin(
        _ words: [String], _ balancer: ConfiguredBalancer, at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        // A busy machine may take longer than the two seconds that a command waits for an answer.
        try RunningProgram.start(
            .balancer, words + ["--admin", balancer.adminPath, "--timeout", "20s"],
            named: "balancer \(words.joined(separator: " "))", at: location)
    }

    /// Runs a command, which must end with this exit code.
    private static func run(
        _ words: String..., of balancer: ConfiguredBalancer, exitCode: Int32 = 0,
        at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        let program = try begin(words, balancer, at: location)
        let end = try program.waitForExit(within: .seconds(30), at: location)
        #expect(end == .exited(exitCode), "\(program.summary)", sourceLocation: location)
        // What is wrong stands on standard error and nowhere else.
        #expect(program.errors.bytes.isEmpty == (exitCode == 0), "\(program.summary)", sourceLocation: location)
        return program
    }

    /// Greeted clients until a backend has so many of them.
    private static func clients(
        _ count: Int, at backend: String, of balancer: ConfiguredBalancer,
        at location: SourceLocation = #_sourceLocation
    ) throws -> [TCPSocket] {
        var clients: [TCPSocket] = []
        while clients.count < count {
            let (client, name) = try balancer.balancer.connectAndGreet(at: location)
            if name == backend { clients.append(client) } else { client.close() }
        }
        return clients
    }

    private static func expectServed(
        _ client: TCPSocket, at location: SourceLocation = #_sourceLocation
    ) throws {
        try client.send("still here", at: location)
        try client.expect("still here", at: location)
    }

    private static func wait(
        _ what: String, _ balancer: ConfiguredBalancer, at location: SourceLocation = #_sourceLocation,
        _ condition: () throws -> Bool
    ) throws {
        try eventually(
            what, within: .seconds(20), details: { balancer.program.summary }, at: location, condition)
    }

    // MARK: drain

    @Test("a dry run of a drain says what would change, and nothing changes")
    func dryRun() throws {
        let balancer = try Self.start()
        let clients = try Self.clients(2, at: "A", of: balancer)
        let program = try Self.run("drain", "b0", "--dry-run", of: balancer)
        #expect(program.output.texts == ["dry run: backend web/b0: up -> drain, 2 sessions would go on"])
        let backend = try balancer.administration.backend("b0")
        #expect(backend.state == "up" && backend.override == nil)
        #expect(try !balancer.administration.events().contains { $0.event == "backend-steered" })
        for client in clients { try Self.expectServed(client) }
        #expect(try Set(balancer.balancer.backendsOfNextClients(4)) == ["A", "B"])
    }

    @Test("a drain that waits for a session that stays ends with 1, says what is left, and cuts nobody off")
    func drainInVain() throws {
        let balancer = try Self.start()
        let clients = try Self.clients(1, at: "A", of: balancer)
        let program = try Self.run("drain", "b0", "--wait", "300ms", of: balancer, exitCode: 1)
        #expect(program.output.texts == ["backend web/b0: up -> drain, 1 session goes on"])
        #expect(program.errors.texts.count == 1, "\(program.summary)")
        #expect(program.errors.text.contains("backend web/b0: 1 session is left after 300"), "\(program.summary)")
        #expect(program.errors.text.contains("`balancer kill --backend web/b0` ends them"), "\(program.summary)")
        #expect(try balancer.administration.backend("b0").state == "drain")
        try Self.expectServed(clients[0])
        #expect(try Set(balancer.balancer.backendsOfNextClients(4)) == ["B"])
    }

    @Test("a drain that waits ends with 0 when the last session has left")
    func drainWaits() throws {
        let balancer = try Self.start()
        let clients = try Self.clients(1, at: "A", of: balancer)
        let program = try Self.begin(["drain", "b0", "--wait", "5m"], balancer)
        // It is printed before the wait.
        try program.waitForLine("backend web/b0: up -> drain, 1 session goes on")
        try Self.expectServed(clients[0])
        #expect(program.isRunning)
        clients[0].close()
        #expect(try program.waitForExit(within: .seconds(30)) == .exited(0), "\(program.summary)")
        #expect(program.output.texts.last == "backend web/b0: no sessions are left", "\(program.summary)")
        #expect(try balancer.administration.backend("b0").state == "drain")
    }

    @Test("a drain with --then-kill ends the sessions that are left when its time is over, and ends with 0")
    func drainKills() throws {
        let balancer = try Self.start()
        let clients = try Self.clients(2, at: "A", of: balancer)
        let others = try Self.clients(1, at: "B", of: balancer)
        let program = try Self.run("drain", "b0", "--wait", "1s", "--then-kill", of: balancer)
        #expect(
            program.output.texts == [
                "backend web/b0: up -> drain, 2 sessions go on",
                "sessions of backend web/b0: live -> gone, 2 sessions end",
            ])
        for client in clients {
            let (bytes, ending) = try client.receiveToEnd()
            #expect(bytes == [] && ending == .finished)
        }
        try Self.expectServed(others[0])
        #expect(try balancer.administration.status().endsTotal["killed"] == 2)
    }

    // MARK: states and figures

    @Test("a backend is taken out for maintenance, without checks, and let in again")
    func maintainAndReady() throws {
        let balancer = try Self.start()
        let out = try Self.run("maintain", "web/b0", of: balancer)
        #expect(out.output.texts.first == "backend web/b0: up -> maintain", "\(out.summary)")
        #expect(try balancer.administration.backend("b0").state == "maintain")
        #expect(try Set(balancer.balancer.backendsOfNextClients(4)) == ["B"])
        let ready = try Self.run("ready", "b0", of: balancer)
        #expect(ready.output.texts.first == "backend web/b0: maintain -> up", "\(ready.summary)")
        #expect(try balancer.administration.backend("b0").override == nil)
        try Self.wait("the backend gets clients", balancer) {
            try balancer.balancer.backendsOfNextClients(2).contains("A")
        }
    }

    @Test("a weight is set, for a while and to what is configured; a wrong one is a usage error, and asks nobody")
    func setWeight() throws {
        let balancer = try Self.start()
        let set = try Self.run("set", "weight", "b1", "3", "--for", "1h", of: balancer)
        #expect(set.output.texts == ["backend web/b1: weight 1 -> weight 3, goes back in 1h"])
        let backend = try balancer.administration.backend("b1")
        #expect(backend.weight == 3 && backend.configuredWeight == 1)
        let wrong = try Self.run("set", "weight", "b1", "heavy", of: balancer, exitCode: 64)
        #expect(wrong.errors.text.contains("weight 'heavy'"), "\(wrong.summary)")
        let back = try Self.run("set", "weight", "b1", "configured", of: balancer)
        #expect(back.output.texts == ["backend web/b1: weight 3 -> weight 1"])
        #expect(try balancer.administration.events().filter { $0.event == "backend-steered" }.count == 2)
    }

    @Test("a backend is added, serves clients, and is removed when its sessions have ended")
    func addAndRemove() throws {
        let balancer = try Self.start()
        let third = try EchoBackend(named: "C")
        let added = try Self.run("add", "web", "127.0.0.1:\(third.port)", "--name", "b2", "--weight", "2", of: balancer)
        #expect(added.output.texts.first == "backend web/b2: new, weight 2", "\(added.summary)")
        let again = try Self.run("add", "web", "127.0.0.1:\(third.port)", "--name", "b2", of: balancer, exitCode: 1)
        #expect(again.errors.text.contains("b2 is in the pool already"), "\(again.summary)")
        try Self.wait("the new backend is up", balancer) { try balancer.administration.backend("b2").state == "up" }
        let clients = try Self.clients(1, at: "C", of: balancer)
        let stays = try Self.run("remove", "b2", "--wait", "200ms", of: balancer, exitCode: 1)
        #expect(stays.errors.text.contains("it is drained and not removed"), "\(stays.summary)")
        let removal = try Self.begin(["remove", "b2", "--wait"], balancer)
        try removal.waitForLine("the drain, which was there before") { $0.hasPrefix("backend web/b2: ") }
        clients[0].close()
        #expect(try removal.waitForExit(within: .seconds(30)) == .exited(0), "\(removal.summary)")
        #expect(removal.output.texts.contains("backend web/b2: drain -> gone"), "\(removal.summary)")
        #expect(try balancer.administration.status().pools.first?.backends.map(\.name) == ["b0", "b1"])
    }

    @Test("a listener is paused and resumed: a client waits meanwhile")
    func pauseAndResume() throws {
        let balancer = try Self.start()
        let paused = try Self.run("pause", "web", of: balancer)
        #expect(paused.output.texts.first == "listener web: open -> paused", "\(paused.summary)")
        let waiting = try balancer.balancer.connect()
        #expect(try balancer.administration.status().acceptedTotal == 0)
        let resumed = try Self.run("resume", "web", of: balancer)
        #expect(resumed.output.texts == ["listener web: paused -> open"])
        #expect(["A", "B"].contains(try waiting.receiveLine()))
    }

    @Test("a session is ended by its id, and all of a backend by its name")
    func kill() throws {
        let balancer = try Self.start()
        let client = try Self.clients(1, at: "A", of: balancer)[0]
        let id = try #require(try balancer.administration.sessions(("backend", "b0")).sessions.first).id
        let one = try Self.run("kill", id.uppercased(), of: balancer)
        #expect(one.output.texts.first?.hasPrefix("session \(id): ") == true, "\(one.summary)")
        #expect(try client.receiveToEnd() == ([], .finished))
        let again = try Self.run("kill", id, of: balancer, exitCode: 1)
        #expect(again.errors.text.contains("no session '\(id)' lives"), "\(again.summary)")

        let clients = try Self.clients(2, at: "A", of: balancer)
        let dry = try Self.run("kill", "--backend", "b0", "--dry-run", of: balancer)
        #expect(dry.output.texts == ["dry run: sessions of backend web/b0: live -> gone, 2 sessions would end"])
        for client in clients { try Self.expectServed(client) }
        let all = try Self.run("kill", "--backend", "b0", of: balancer)
        #expect(all.output.texts == ["sessions of backend web/b0: live -> gone, 2 sessions end"])
        for client in clients { #expect(try client.receiveToEnd() == ([], .finished)) }
    }

    // MARK: questions

    @Test("events are followed: those that there are, then each as it comes, until Ctrl-C, which is no error")
    func followEvents() throws {
        let balancer = try Self.start()
        try balancer.administration.set("b1", "drain")
        let program = try Self.begin(["events", "-f"], balancer)
        func isSteered(_ backend: String, _ words: String) -> (String) -> Bool {
            { $0.contains(" backend-steered ") && $0.contains(" backend=\(backend) ") && $0.contains(words) }
        }
        try program.waitForLine("the drain before it", within: .seconds(20), where: isSteered("b1", " up -> drain"))
        _ = try Self.run("ready", "b1", of: balancer)
        try program.waitForLine("the return", within: .seconds(20), where: isSteered("b1", " drain -> up, by "))
        program.signal(SIGINT)
        #expect(try program.waitForExit() == .exited(0), "\(program.summary)")
        #expect(program.output.count(where: isSteered("b1", " up -> drain")) == 1)
        // No line is torn.
        #expect(program.output.text.hasSuffix("\n"))
        let listed = try Self.run("events", of: balancer)
        #expect(listed.output.count(where: isSteered("b1", " by user ")) == 2, "\(listed.summary)")
    }

    @Test("why a session is where it is; of an id that nobody has had it says so")
    func why() throws {
        let balancer = try Self.start()
        let client = try Self.clients(1, at: "A", of: balancer)[0]
        let session = try #require(try balancer.administration.sessions(("backend", "b0")).sessions.first)
        let program = try Self.run("why", session.id, of: balancer)
        let title = program.output.texts.first ?? ""
        #expect(title.hasPrefix("session \(session.id)  client \(session.client)"), "\(program.summary)")
        #expect(title.contains("backend web/b0"), "\(program.summary)")
        #expect(program.output.texts.contains { $0.hasPrefix("- ") }, "\(program.summary)")
        let unknown = try Self.run("why", "0000000000000000", of: balancer, exitCode: 1)
        #expect(unknown.errors.text.contains("no session '0000000000000000'"), "\(unknown.summary)")
        client.close()
    }

    @Test("sessions are listed as a table, and as JSON that another parser reads")
    func sessions() throws {
        let balancer = try Self.start()
        let clients = try Self.clients(2, at: "A", of: balancer)
        let table = try Self.run("sessions", "--backend", "b0", of: balancer)
        // The titles, two rows, the sum.
        #expect(table.output.texts.count == 4 && table.output.texts.last == "2 sessions", "\(table.summary)")
        #expect(table.output.count { $0.contains(" web/b0 ") } == 2, "\(table.summary)")
        let program = try Self.run("sessions", "--backend", "web/b0", "--json", of: balancer)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(program.output.bytes)) as? [String: Any], "\(program.summary)")
        let rows = try #require(object["sessions"] as? [[String: Any]], "\(program.summary)")
        #expect(object["matched"] as? Int == 2 && rows.count == 2)
        #expect(rows.allSatisfy { $0["backend"] as? String == "b0" && $0["phase"] as? String == "relaying" })
        let ids = Set(try balancer.administration.sessions(("backend", "b0")).sessions.map(\.id))
        #expect(Set(rows.compactMap { $0["id"] as? String }) == ids)
        for client in clients { client.close() }
    }

    @Test("a name that there is not is refused, with those that there are and what was probably meant")
    func wrongName() throws {
        let balancer = try Self.start()
        for command in ["drain", "maintain", "ready", "remove"] {
            let program = try Self.run(command, "b7", of: balancer, exitCode: 1)
            #expect(
                program.errors.texts == [
                    "balancer: no backend 'b7': there are web/b0, web/b1; did you mean web/b0 or web/b1?"
                ])
            #expect(program.output.bytes == [])
        }
        let listener = try Self.run("pause", "wbe", of: balancer, exitCode: 1)
        #expect(listener.errors.texts == ["balancer: no listener 'wbe': there is web"])
        let pool = try Self.run("add", "wbe", "127.0.0.1:9", of: balancer, exitCode: 1)
        #expect(pool.errors.texts == ["balancer: no pool 'wbe': there is web"])
        #expect(try balancer.administration.status().pools.first?.backends.map(\.state) == ["up", "up"])
    }

    // MARK: the file

    @Test("what a reload would change is told, and then taken over; a file with a mistake is refused with its place")
    func reloadAndDiff() throws {
        let balancer = try Self.start()
        let right = try String(contentsOfFile: balancer.filePath, encoding: .utf8)
        func write(_ text: String) throws {
            try text.write(toFile: balancer.filePath, atomically: true, encoding: .utf8)
        }
        let same = try Self.run("diff", of: balancer)
        #expect(same.output.texts == ["no backend, pool or listener changes, listener web unchanged"])
        try write(right.replacing("{name: b0,", with: "{weight: 3, name: b0,"))
        for words in [["diff"], ["reload", "--dry-run"]] {
            let program = try Self.begin(words, balancer)
            #expect(try program.waitForExit(within: .seconds(30)) == .exited(0), "\(program.summary)")
            #expect(
                program.output.texts == [
                    "pool web: backend b0: weight 1 becomes 3", "1 backend changes, listener web unchanged",
                ])
        }
        #expect(try balancer.administration.backend("b0").weight == 1)
        let reload = try Self.run("reload", of: balancer)
        #expect(reload.output.text.contains("taken over: backends changed: 1"), "\(reload.summary)")
        try Self.wait("the new weight is there", balancer) { try balancer.administration.backend("b0").weight == 3 }

        try write(right.replacing("{name: b0,", with: "{nam: b0,"))
        for command in ["diff", "reload"] {
            let program = try Self.run(command, of: balancer, exitCode: 1)
            #expect(program.errors.text.contains("balancer.yaml:"), "\(program.summary)")
            #expect(program.errors.text.contains("nam"), "\(program.summary)")
            #expect(program.output.bytes == [])
        }
        #expect(try balancer.administration.backend("b0").weight == 3)
    }
}
