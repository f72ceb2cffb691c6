import AdministrationAPI
import AdministrationClient
import Foundation
import Glibc
import Testing

/// What a running balancer tells over its administration socket, and what it does for those who ask.
@Suite("Administration", .ownThread)
struct AdministrationTests {
    /// Two echo servers `A` and `B`, which are the backends `b0` and `b1`.
    private static func start(
        threads: Int, pool: [String] = [], at location: SourceLocation = #_sourceLocation
    ) throws -> ConfiguredBalancer {
        let backends = try ["A", "B"].map { try EchoBackend(named: $0, at: location) }
        return try .startAdministered(backends.map(\.port), threads: threads, pool: pool, at: location)
    }

    /// Clients that were greeted, and by whom.
    private static func clients(
        _ count: Int, of balancer: ConfiguredBalancer, at location: SourceLocation = #_sourceLocation
    ) throws -> [(client: TCPSocket, backend: String)] {
        try (0..<count).map { _ in try balancer.balancer.connectAndGreet(at: location) }
    }

    private static func wait<Value>(
        _ what: String, _ balancer: ConfiguredBalancer, at location: SourceLocation = #_sourceLocation,
        _ body: () throws -> Value?
    ) throws -> Value {
        try eventually(what, within: .seconds(20), details: { balancer.program.summary }, at: location, value: body)
    }

    // MARK: questions

    @Test("the status: the process, its loops, listeners, pools and backends", arguments: [1, 2])
    func status(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let clients = try Self.clients(6, of: balancer)
        for (client, _) in clients {
            try client.send("hello")
            try client.expect("hello")
        }
        let administration = balancer.administration
        let status = try administration.status()
        #expect(status.pid == Int(balancer.program.pid) && status.state == "serving" && status.mayChange)
        #expect(status.sessions == 6 && status.acceptedTotal == 6 && status.problems == [] && status.audit == [])
        #expect(status.loops.map(\.index) == Array(0..<threads) && status.loops.allSatisfy { $0.state == "running" })
        #expect(status.resources.openFds > 12 && status.resources.residentBytes > 1 << 20)
        let listener = try #require(status.listeners.first)
        #expect(status.listeners.count == 1 && listener.name == "web" && listener.pool == "web")
        #expect(listener.addresses == ["127.0.0.1:\(balancer.balancer.port)"] && listener.state == "open")
        #expect(listener.sessions == 6 && listener.acceptedTotal == 6 && listener.bytesUpTotal == 30)
        let pool = try #require(status.pools.first)
        #expect(pool.name == "web" && pool.sessions == 6 && pool.backends.map(\.name) == ["b0", "b1"])
        #expect(pool.backends.allSatisfy { $0.state == "up" && $0.sessions == 3 && $0.connectP50Seconds != nil })
        #expect(pool.backends.reduce(0) { $0 + $1.bytesUpTotal } == 30)
        for (client, _) in clients { client.close() }
        let after = try Self.wait("no session is left", balancer) {
            let status = try administration.status()
            return status.sessions == 0 ? status : nil
        }
        #expect(after.endsTotal == ["finished": 6] && after.listeners.first?.sessions == 0)
    }

    @Test(
        "sessions by backend, listener, client and age; a name that there is not is refused with those that there are",
        arguments: [1, 2])
    func sessions(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let clients = try Self.clients(5, of: balancer)
        _ = try balancer.balancer.connectAndGreet(from: "127.0.0.2")
        let administration = balancer.administration
        let all = try administration.sessions()
        #expect(all.sessions.count == 6 && all.matched == 6 && all.unansweredLoops == [])
        #expect(all.sessions.allSatisfy { $0.listener == "web" && $0.pool == "web" && $0.phase == "relaying" })
        // Those of several loops are as of the moments at which these have answered.
        if threads == 1 { #expect(all.sessions.map(\.ageSeconds) == all.sessions.map(\.ageSeconds).sorted(by: >)) }
        #expect(
            all.sessions.allSatisfy { $0.ageSeconds >= 0 && $0.ageSeconds < 600 && $0.idleSeconds <= $0.ageSeconds })
        #expect(try administration.sessions(("backend", "b0")).sessions.count == 3)
        #expect(try administration.sessions(("backend", "b0"), ("pool", "web")).matched == 3)
        #expect(try administration.sessions(("client", "127.0.0.2")).sessions.count == 1)
        #expect(try administration.sessions(("client", "127.0.0.0/8"), ("listener", "web")).sessions.count == 6)
        #expect(try administration.sessions(("older", "1h")).sessions.isEmpty)
        #expect(try administration.sessions(("stalled", "yes")).sessions.isEmpty)
        let some = try administration.sessions(("limit", "2"))
        #expect(some.sessions.map(\.id) == all.sessions.prefix(2).map(\.id) && some.matched == 6)
        for (query, text) in [
            (("backend", "b7"), "no backend 'b7': there are web/b0, web/b1"),
            (("pool", "db"), "no pool 'db': there are web"),
            (("listener", "db"), "no listener 'db': there are web"),
        ] {
            let refusal = try administration.refusal { _ = try administration.sessions(query) }
            #expect(refusal?.contains(text) == true, "\(refusal ?? "-")")
        }
        for (client, _) in clients { client.close() }
    }

    @Test("why a session is where it is, while it lives and after its end", arguments: [1, 2])
    func why(threads: Int) throws {
        let refusing = try Ports.free()
        let backend = try EchoBackend(named: "A")
        // The backend that refuses is not checked, so that clients meet it.
        let balancer = try ConfiguredBalancer.startAdministered(
            [refusing, backend.port], threads: threads, pool: ["check: {kind: none, interval: 1m}"])
        let administration = balancer.administration
        // Until one has met the backend that refuses: each loop begins with another one.
        let (client, session) = try Self.wait("a client meets both backends", balancer) {
            let (client, _) = try balancer.balancer.connectAndGreet()
            let found = try administration.sessions().sessions
            let met = try found.first { try administration.story($0.id).attemptsTotal == 2 }
            if let met { return (client, met) }
            client.close()
            return nil
        }
        try client.send("hello")
        try client.expect("hello")
        let story = try administration.story(session.id)
        #expect(story.isLive && story.session.backend == "b1" && story.end == nil)
        #expect(story.session.bytesUp == 5 && story.session.bytesDown == 7)
        #expect(story.attemptsTotal == 2 && story.attempts.map(\.backend) == ["b0", "b1"])
        #expect(story.attempts.first?.error == "Connection refused" && story.attempts.last?.error == nil)
        #expect(story.pick?.policy == "round-robin")
        #expect(story.pick?.candidates.map(\.verdict) == ["tried", "picked"])
        #expect(story.connectSeconds.map { $0 >= 0 && $0 < 600 } == true)
        #expect(story.sentences.contains { $0.hasPrefix("connect to b0 failed after ") })
        client.close()
        let ended = try Self.wait("the session has ended", balancer) {
            let story = try administration.story(session.id)
            return story.isLive ? nil : story
        }
        #expect(ended.end?.reason == "finished" && ended.end?.by == "client" && ended.end?.error == nil)
        #expect(ended.session.id == session.id && ended.session.client == session.client)
        #expect(ended.attempts.map(\.backend) == ["b0", "b1"] && ended.session.backend == "b1")
        for id in ["0000000000000000", String(session.id.reversed())] {
            let refusal = try administration.refusal { _ = try administration.story(id) }
            #expect(refusal?.contains("no session '\(id)'") == true, "\(refusal ?? "-")")
        }
    }

    @Test("a client that does not read is found by its stall, which its backend counts in the end", arguments: [1, 2])
    func stalls(threads: Int) throws {
        let server = try ListeningSocket()
        let balancer = try ConfiguredBalancer.startAdministered(
            [server.port], threads: threads, pool: ["check: {kind: none, interval: 1m}"])
        let administration = balancer.administration
        let client = try balancer.balancer.connect(receiveBuffer: 4096)
        try client.send("hello")
        let connection = try server.acceptClient()
        let bytes = [UInt8](repeating: 7, count: 1 << 16)
        let found = try Self.wait("the client is waited for", balancer) {
            // More than all buffers on the way have room for.
            while case .bytes = unsafe bytes.withUnsafeBytes({ unsafe connection.sendNow($0) }) {}
            return try administration.sessions(("stalled", "yes")).sessions.first
        }
        #expect(found.stalledBy == "client" && found.stalledSeconds != nil)
        let story = try administration.story(found.id)
        #expect(story.clientStalls >= 1 && story.backendStalls == 0)
        #expect(story.sentences.contains { $0.hasSuffix("and they do now") })
        client.reset()
        let backend = try Self.wait("the stall is counted", balancer) {
            let backend = try administration.backend("b0")
            return backend.clientStallSecondsTotal > 0 ? backend : nil
        }
        #expect(backend.backendStallSecondsTotal == 0)
        #expect(try administration.sessions(("stalled", "yes")).sessions.isEmpty)
    }

    // MARK: sessions that end

    @Test("one session is killed, and then all of a backend; a dry run kills nobody", arguments: [1, 2])
    func kill(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let clients = try Self.clients(80, of: balancer)
        let session = try #require(try administration.sessions(("backend", "b1")).sessions.first)
        let query = [(name: "dry_run", value: "yes")]
        #expect(try administration.wish("DELETE", ["v1", "sessions", session.id], query: query).isDryRun)
        #expect(try administration.status().sessions == 80)
        let change = try administration.wish("DELETE", ["v1", "sessions", session.id])
        #expect(change.subject == "session \(session.id)" && change.sessions == 1 && !change.isDryRun)
        #expect(try administration.story(session.id).end?.reason == "killed")
        let again = try administration.refusal {
            try administration.wish("DELETE", ["v1", "sessions", session.id])
        }
        #expect(again?.contains("no session '\(session.id)' lives") == true, "\(again ?? "-")")

        let backend = [(name: "backend", value: "b0")]
        #expect(try administration.wish("DELETE", ["v1", "sessions"], query: backend + query).sessions == 40)
        #expect(try administration.status().sessions == 79)
        let all = try administration.wish("DELETE", ["v1", "sessions"], query: backend)
        #expect(all.sessions == 40 && all.subject == "sessions of backend web/b0" && all.remarks == [])
        for (client, name) in clients where name == "A" {
            let (bytes, ending) = try client.receiveToEnd()
            #expect(bytes == [] && ending == .finished)
        }
        let status = try administration.status()
        #expect(status.sessions == 39 && status.endsTotal["killed"] == 41 && status.audit == [])
        let kills = try administration.events().filter { $0.event == "process-sessions-killed" }
        #expect(kills.map { $0.fields["sessions"] } == ["1", "40"])
        #expect(kills.allSatisfy { $0.fields["by"]?.isEmpty == false })
    }

    // MARK: backends

    @Test(
        "a drain for a while keeps new clients away, and goes back by itself; both are told, and who wanted it",
        arguments: [1, 2])
    func drain(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let clients = try Self.clients(4, of: balancer)
        let planned = try administration.set("b0", "drain", for: 3600, dryRun: true)
        #expect(planned.isDryRun && planned.old == "up" && planned.new == "drain" && planned.sessions == 2)
        #expect(try administration.backend("b0").state == "up")
        // Longer than the test takes, and then again for a moment.
        let change = try administration.set("b0", "drain", for: 3600)
        #expect(!change.isDryRun && change.revertsSeconds == 3600)
        let drained = try administration.backend("b0")
        #expect(drained.state == "drain")
        let override = try #require(drained.override)
        #expect(override.by.hasPrefix("user ") || override.by.hasPrefix("uid "))
        #expect(override.revertsSeconds.map { (0...3600).contains($0) } == true)
        #expect(try administration.set("b0", "drain", for: 1).revertsSeconds == 1)
        _ = try Self.wait("the drain is over", balancer) {
            let backend = try administration.backend("b0")
            return backend.state == "up" && backend.override == nil ? backend : nil
        }
        try administration.set("b0", "drain")
        #expect(try Set(Self.clients(6, of: balancer).map(\.backend)) == ["B"])
        for (client, _) in clients {
            try client.send("still here")
            try client.expect("still here")
        }
        #expect(try administration.set("b0", "ready").new == "up")
        #expect(try Set(Self.clients(4, of: balancer).map(\.backend)) == ["A", "B"])
        let rows = try administration.events().filter { $0.event == "backend-steered" }
        #expect(rows.count == 5 && rows.map(\.number) == rows.map(\.number).sorted())
        #expect(rows.map { $0.fields["by"] != nil } == [true, true, false, true, true])
        #expect(rows.allSatisfy { $0.fields["backend"] == "b0" && $0.fields["pool"] == "web" })
    }

    @Test("weights and limits are set and go back to what is configured", arguments: [1, 2])
    func figures(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let place = ["v1", "pools", "web", "backends", "b1"]
        func set(_ change: (inout SettingWish) -> Void) throws -> Change {
            var wish = SettingWish()
            change(&wish)
            return try administration.wish("PATCH", place, body: wish)
        }
        #expect(try set { $0.weight = "0" }.new == "weight 0")
        #expect(try Set(Self.clients(4, of: balancer).map(\.backend)) == ["A"])
        #expect(try set { $0.weight = "configured" }.new == "weight 1")
        #expect(try set { $0.sessionsMax = "1" }.new == "at most 1 sessions")
        #expect(try Self.clients(6, of: balancer).map(\.backend).filter { $0 == "B" }.count <= 1)
        let backend = try administration.backend("b1")
        #expect(backend.sessionsMax == 1 && backend.weight == 1 && backend.configuredWeight == 1)
        #expect(try set { $0.sessionsMax = "configured" }.new == "no limit of sessions")
        let refusal = try administration.refusal { _ = try set { $0.weight = "heavy" } }
        #expect(refusal?.contains("weight 'heavy': 0 to 256") == true, "\(refusal ?? "-")")
    }

    @Test("a backend is added, gets clients, and is removed; their sessions go on", arguments: [1, 2])
    func addAndRemove(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let third = try EchoBackend(named: "C")
        let pool = ["v1", "pools", "web", "backends"]
        let wanted = NewBackend(address: "127.0.0.1:\(third.port)", name: "b2", weight: 2)
        let added = try administration.wish("POST", pool, body: wanted)
        #expect(added.subject == "backend web/b2" && added.old == nil && added.new == "weight 2")
        _ = try Self.wait("the new backend is up", balancer) {
            try administration.backend("b2").state == "up" ? true : nil
        }
        let clients = try Self.clients(8, of: balancer)
        #expect(clients.contains { $0.backend == "C" })
        let again = try administration.refusal { try administration.wish("POST", pool, body: wanted) }
        #expect(again?.contains("b2") == true, "\(again ?? "-")")
        let wrong = try administration.refusal {
            try administration.wish("POST", pool, body: NewBackend(address: "127.0.0.1"))
        }
        #expect(wrong?.contains("127.0.0.1") == true && wrong?.contains("port") == true, "\(wrong ?? "-")")
        #expect(try administration.wish("DELETE", pool + ["b2"]).new == nil)
        #expect(try administration.status().pools.first?.backends.map(\.name) == ["b0", "b1"])
        for (client, _) in clients {
            try client.send("still here")
            try client.expect("still here")
        }
    }

    @Test("a drill: clients of a backend that is said to refuse are served by the other one", arguments: [1, 2])
    func drill(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        try administration.set("b0", "refusing")
        #expect(try Set(Self.clients(6, of: balancer).map(\.backend)) == ["B"])
        #expect(try administration.status().problems.contains { $0.hasPrefix("backend web/b0 is refusing") })
        try administration.set("b0", "silent")
        #expect(try Set(Self.clients(6, of: balancer).map(\.backend)) == ["B"])
        try administration.set("b0", "ready")
        _ = try Self.wait("the backend is up again", balancer) {
            try administration.backend("b0").state == "up" ? true : nil
        }
        #expect(
            try Self.wait("it gets clients", balancer) {
                try Self.clients(2, of: balancer).contains { $0.backend == "A" } ? true : nil
            })
        #expect(try administration.status().audit == [])
    }

    // MARK: listeners

    @Test("clients of a paused listener wait until it is resumed", arguments: [1, 2])
    func pause(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let (before, _) = try balancer.balancer.connectAndGreet()
        let place = ["v1", "listeners", "web", "state"]
        #expect(try administration.wish("POST", place, body: StateWish(state: "paused")).new == "paused")
        let status = try administration.status()
        #expect(status.listeners.first?.state == "paused")
        #expect(status.problems.contains { $0.contains("listener web is paused") })
        let waiting = try balancer.balancer.connect()
        try before.send("still here")
        try before.expect("still here")
        #expect(try administration.status().acceptedTotal == 1)
        #expect(try administration.wish("POST", place, body: StateWish(state: "open")).new == "open")
        #expect(["A", "B"].contains(try waiting.receiveLine()))
        let rows = try administration.events().filter { $0.event == "listener-steered" }
        #expect(rows.count == 2 && rows.allSatisfy { $0.fields["listener"] == "web" && $0.fields["by"] != nil })
    }

    // MARK: the file

    @Test("without a file there is none to reload, to compare or to show")
    func withoutFile() throws {
        let path = try TestFolder().path(of: "s")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--admin-socket", path)
        try balancer.waitForStatus(at: path, "of one that serves") { $0.state == "serving" }
        let administration = AdministrationUnderTest(at: path)
        let reload = try administration.refusal { try administration.wish("POST", ["v1", "config", "reload"]) }
        #expect(reload?.contains("without one") == true, "\(reload ?? "-")")
        #expect(try administration.text("/v1/config").status == 404)
        #expect(try administration.text("/v1/config/diff").status >= 400)
    }

    // MARK: health and metrics

    @Test("metrics, and whether the process is alive and ready", arguments: [1, 2])
    func metrics(threads: Int) throws {
        let balancer = try Self.start(threads: threads)
        let administration = balancer.administration
        let (client, _) = try balancer.balancer.connectAndGreet()
        let (code, text) = try administration.text("/metrics")
        #expect(code == 200 && text.hasSuffix("\n"))
        #expect(text.contains("# TYPE balancer_") && text.contains("backend=\"b0\""))
        #expect(try administration.text("/healthz").status == 200)
        #expect(try administration.text("/readyz").status == 200)
        try administration.set("b0", "drain")
        try administration.set("b1", "drain")
        let ready = try administration.text("/readyz")
        #expect(ready.status == 503 && ready.text.contains("no-backend"))
        #expect(try administration.text("/healthz").status == 200)
        client.close()
    }

    // MARK: at the limits

    @Test("one who asks is answered while the process has no descriptor left")
    func noDescriptor() throws {
        let balancer = try Self.start(threads: 1)
        let administration = balancer.administration
        let (client, _) = try balancer.balancer.connectAndGreet()
        // No socket, pipe or file more than there are, but for the numbers that are free between them: clients take those.
        let numbers = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(balancer.program.pid)/fd").compactMap
        { Int($0) }
        let prlimit = try RunningProgram.start(
            ["/usr/bin/prlimit", "--pid", "\(balancer.program.pid)", "--nofile=\((numbers.max() ?? 2) + 1):"],
            named: "prlimit")
        #expect(try prlimit.waitForExit() == .exited(0), "\(prlimit.summary)")
        let others = try (0..<20).map { _ in try balancer.balancer.connect() }
        for _ in 0..<20 {
            let status = try administration.status()
            #expect(status.sessions >= 1 && status.acceptedTotal >= 1)
        }
        // The descriptors have run out: otherwise this shows nothing.
        _ = try Self.wait("clients come in vain", balancer) {
            let isShort = try administration.status().endsTotal["shortage", default: 0] > 0
            return try isShort || administration.events().contains { $0.event == "process-cannot-accept" } ? true : nil
        }
        for other in others { other.close() }
        try client.send("still here")
        try client.expect("still here")
    }

    @Test("a loop that has ended before the others is no stuck one, and nobody waits for its answer")
    func endedLoop() throws {
        let balancer = try Self.start(threads: 2, pool: [])
        let administration = balancer.administration
        let clients = try Self.clients(1, of: balancer)
        balancer.program.signal(SIGTERM)
        let status = try Self.wait("it drains, and one loop has ended", balancer) {
            let status = try administration.status()
            return status.state == "draining" && !Ports.isListening(balancer.balancer.port) ? status : nil
        }
        #expect(status.sessions == 1)
        // Longer than a loop may take to answer.
        let list = try administration.sessions()
        #expect(list.sessions.count == 1 && list.unansweredLoops == [])
        #expect(try administration.status().problems.allSatisfy { !$0.contains("has not answered") })
        clients[0].client.close()
        #expect(try balancer.program.waitForExit() == .exited(0))
    }
}
