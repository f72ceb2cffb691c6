import AdministrationAPI
import Reactor
import Testing

@testable import Balancer

/// What somebody who has just been woken is told.
@Suite struct ProblemsTests {
    private static func status(_ change: (inout Status) -> Void = { _ in }) -> Status {
        var status = Status(
            version: "1", pid: 1, started: "", time: "", state: "serving",
            resources: .init(cpuSeconds: 0, residentBytes: 0, openFds: 0, maxFds: 0))
        status.sessionsMax = 100
        status.pools = [pool(["up", "up"])]
        status.listeners = [listener("open")]
        change(&status)
        return status
    }

    private static func pool(_ states: [String], _ change: (inout Status.Pool) -> Void = { _ in }) -> Status.Pool {
        var pool = Status.Pool(
            name: "web", policy: "round-robin", sessions: 0, sessionsMax: nil, queueLength: 0, queueMax: nil,
            isInPanic: false, noBackendTotal: 0,
            backends: states.enumerated().map {
                .init(name: "b\($0)", address: "10.0.0.\($0):80", state: $1, weight: 1)
            })
        change(&pool)
        return pool
    }

    private static func listener(_ state: String) -> Status.Listener {
        .init(
            name: "web", addresses: [], pool: "web", state: state, sessions: 0, sessionsMax: nil, acceptedTotal: 0,
            rejectedTotal: [:], waiting: 0, bytesUpTotal: 0, bytesDownTotal: 0, perClient: nil, routes: [])
    }

    private static func loop(_ index: Int, stuck: Double?) -> Status.Loop {
        .init(
            index: index, state: stuck == nil ? "running" : "stuck", stuckSeconds: stuck, busySecondsTotal: 0,
            turnsTotal: 0, turnP99Seconds: 0, turnMaxSeconds: 0)
    }

    private static func sentences(
        _ status: Status = status(), loops: [Status.Loop] = [loop(0, stuck: nil)],
        _ conditions: ServiceConditions = .init()
    ) throws -> [String] {
        Problems(SharedRoster(try .staged(backends: 1)).current(), conditions, loops, status).sentences
    }

    private static func sentences(_ pool: Status.Pool) throws -> [String] {
        try sentences(status { $0.pools = [pool] })
    }

    @Test("nothing is said where nothing is wrong, and backends are out of use because somebody wants that")
    func nothing() throws {
        #expect(try Self.sentences() == [])
        #expect(try Self.sentences(Self.pool(["up", "drain", "maintain"])) == [])
        #expect(try Self.sentences(Self.pool(["unchecked"])) == [])
        #expect(try Self.sentences(Self.pool(["unknown", "unknown"])) == [])
    }

    @Test("a loop that is stuck comes first, with its number and for how long")
    func stuck() throws {
        let status = Self.status {
            $0.pools = [Self.pool(["down", "up"])]
            $0.audit = ["sessions: 5 have ended of 4 accepted"]
        }
        #expect(
            try Self.sentences(status, loops: [Self.loop(0, stuck: nil), Self.loop(1, stuck: 4.7)]) == [
                "loop 1 has not answered for 4 s: its sessions stand still", "backend web/b0 is down",
                "this does not add up: sessions: 5 have ended of 4 accepted",
            ])
    }

    @Test("a pool without anybody for new clients, each backend that is out, and why")
    func backends() throws {
        let pool = Self.pool(["down", "ejected"]) { $0.backends[0].cause = "down: Connection refused" }
        #expect(
            try Self.sentences(pool) == [
                "pool web has no backend for new clients: they are closed",
                "backend web/b0 is down: down: Connection refused", "backend web/b1 is ejected",
            ])
        #expect(try Self.sentences(Self.pool([])) == ["pool web has no backends"])
        #expect(
            try Self.sentences(Self.pool(["drain"])) == ["pool web has no backend for new clients: they are closed"])
        let weightless = Self.pool(["up"]) { $0.backends[0].weight = 0 }
        #expect(try Self.sentences(weightless) == ["pool web has no backend for new clients: they are closed"])
        let nameless = Self.pool(["up", "up"]) { $0.backends[0].address = nil }
        #expect(try Self.sentences(nameless) == [])
        #expect(try Self.sentences(Self.pool(["silent", "refusing", "up"])).count == 2)
    }

    @Test("of many backends that are out some are named, and the others counted")
    func manyBackends() throws {
        let told = try Self.sentences(Self.pool([String](repeating: "down", count: 12) + ["up"]))
        #expect(told.count == 6)
        #expect(told.last == "7 more backends of pool web are down")
    }

    @Test("queues, panic, and what is full or paused")
    func loads() throws {
        #expect(
            try Self.sentences(Self.pool(["up"]) { ($0.queueMax, $0.queueLength) = (5, 5) })
                == ["the queue of pool web is full: new clients are closed"])
        #expect(
            try Self.sentences(Self.pool(["up"]) { ($0.queueMax, $0.queueLength) = (5, 2) })
                == ["2 clients of pool web wait for a place at a backend"])
        #expect(
            try Self.sentences(Self.pool(["up"]) { $0.isInPanic = true })
                == ["pool web is in panic: so few backends are up that all are used"])
        #expect(
            try Self.sentences(Self.status { $0.sessions = 100 })
                == ["all 100 sessions are taken: new clients wait"])
        #expect(
            try Self.sentences(Self.status { $0.listeners = [Self.listener("paused"), Self.listener("full")] })
                == [
                    "listener web is paused by an operator: new clients wait",
                    "listener web has as many sessions as it may have: new clients wait",
                ])
    }

    @Test("what the machine lacks, and for whom")
    func shortages() throws {
        let conditions = ServiceConditions()
        _ = conditions.begin(.cannotAccept, in: 0, Instant(nanoseconds: 1))
        _ = conditions.begin(.cannotConnect, in: 0, Instant(nanoseconds: 1))
        let told = try Self.sentences(Self.status(), conditions)
        #expect(told.count == 2 && told.allSatisfy { $0.hasPrefix("clients are closed: no ") })
    }
}
