import Balancer
import Reactor
import Testing

/// What is said of settings that a reload would change, or that it refuses.
@Suite struct SettingChangesTests {
    private static var web: SocketAddress {
        get throws { try #require(SocketAddress(host: "127.0.0.1", port: 8080)) }
    }

    private static func pool(_ name: String, sessionsMax: Int32? = nil) throws -> Configuration.Pool {
        .init(name: name, backends: [.init(address: try web.with(port: 80), sessionsMax: sessionsMax, label: "b1")])
    }

    private static func configuration(
        pools: [Configuration.Pool], listener: Configuration.ListenerSettings? = nil, threads: Int = 1
    ) throws -> Configuration {
        try Configuration(
            listeners: [try listener ?? .init(address: web, name: "front")], pools: pools, log: .none, threads: threads)
    }

    @Test("each changed setting of a pool, a backend and a listener is named, and nothing else")
    func names() throws {
        let before = try Self.configuration(pools: [try Self.pool("web")])
        #expect(before.settingChanges(before) == [])
        var pool = try Self.pool("web", sessionsMax: 5)
        pool.timeouts.idle = .seconds(60)
        pool.whenDown = .close
        var listener = Configuration.ListenerSettings(address: try Self.web, name: "front")
        var limits = Configuration.ClientLimits()
        limits.sessionsMax = 20
        listener.clients.perClient = limits
        let after = try Self.configuration(pools: [pool], listener: listener)
        #expect(
            before.settingChanges(after) == [
                "listener front: settings change: limits.per_client",
                "pool web: settings change: idle_timeout, when_down",
                "pool web: backend b1: settings change: sessions_max",
            ])
    }

    @Test("routes by name are the same when their pool stands at another place")
    func routes() throws {
        func listener(_ pool: Int) throws -> Configuration.ListenerSettings {
            var listener = Configuration.ListenerSettings(address: try Self.web, pool: pool, name: "front")
            listener.serverNames = .init(
                [.init(try ServerNamePattern("db.example.org"), pool: pool)], otherwise: pool)
            return listener
        }
        let (first, second) = (try Self.pool("a"), try Self.pool("b"))
        let before = try Self.configuration(pools: [first], listener: try listener(0))
        let moved = try Self.configuration(pools: [second, first], listener: try listener(1))
        #expect(before.settingChanges(moved) == [])
        let other = try Self.configuration(pools: [first, second], listener: try listener(1))
        #expect(before.settingChanges(other) == ["listener front: settings change: server_name"])
    }

    @Test("what takes a restart is refused by its key")
    func refusal() throws {
        let before = try Self.configuration(pools: [try Self.pool("web")])
        try before.checkReload(before)
        let error = #expect(throws: ReloadError.self) {
            try before.checkReload(try Self.configuration(pools: [try Self.pool("web")], threads: 2))
        }
        #expect(error?.description.hasPrefix("process.threads has changed") == true)
    }
}
