import Balancer
import Discovery
import Reactor
import Testing
import Wording

@testable import ConfigurationFile

/// What a file says is what the document has.
@Suite struct DocumentTests {
    @Test func everyKeyIsRead() throws {
        let document = try Document.read(Folders.right + "every-key.yaml", surroundings: .staged)
        #expect(document.process.threads.value == 1)
        #expect(document.process.sessionsMax.value == 30000)
        #expect(document.process.busyPoll.value == .off)
        #expect(document.process.fastOpen.value)
        #expect(document.process.warmConnections.value == 2)
        let web = try #require(document.listeners.first)
        #expect(web.name.value == "web")
        #expect(web.backlog.value == 4096)
        #expect(web.userTimeout.value == .seconds(20))
        #expect(web.keepalive.idle.value == .seconds(30))
        #expect(web.keepalive.interval.value == .seconds(10))
        #expect(web.keepalive.probes.value == 5)
        let binds = web.binds.map(\.value)
        #expect(binds.count == 4)
        #expect(binds[0] == .addresses(["10.0.0.9"].compactMap { SocketAddress(host: $0, port: 80) }))
        guard case .addresses(let range) = binds[1] else { throw MissingKey(name: "range") }
        #expect(range.map(\.port) == Array(9000...9010))
        #expect(binds[2] == .unix(path: "/run/web.sock", mode: 0o660, owner: 33, group: 33))
        #expect(binds[3] == .systemd(name: "web$1"))
        let pool = try #require(document.pools.first)
        #expect(pool.backends.map(\.name.value) == ["a1", nil, "a3"])
        #expect(pool.backends.map(\.weight.value) == [3, 1, 1])
        #expect(pool.backends.map(\.isBackup.value) == [false, false, true])
        #expect(pool.backends.map(\.sessionsMax.value) == [500, nil, nil])
        #expect(pool.backends.map { "\($0.host.text):\($0.port)" } == ["10.0.0.1:80", "10.0.0.2:80", "db1:80"])
        #expect(pool.sources.map(\.value.host) == ["10.0.0.254", "10.0.0.253"])
        #expect(pool.retriesMax.value == 3)
        #expect(pool.retriesTimeout.value == .seconds(15))
        #expect(pool.closesWhenDown.value)
        #expect(pool.whenRemoved.value == .drain(.seconds(30)))
        #expect(pool.sessionAgeMax.value == .seconds(12 * 3600))
        #expect(pool.halfClosedTimeout.value == .seconds(300))
        #expect(pool.check.kind.value == .none)
        #expect(pool.check.closesInOrder.value)
        #expect(document.log.mode.value == .sessions)
        #expect(document.administration.socket.value == "/run/balancer/admin.sock")
    }

    @Test func discoveredPoolsAreRead() throws {
        let document = try Document.read(Folders.right + "discovery.yaml", surroundings: .staged)
        let pools = document.discoveredPools
        #expect(pools.map(\.name) == ["db", "cache", "jobs", "db2", "cache2", "jobs2"])
        #expect(
            pools.map(\.source) == [
                .addresses(try SoughtName("db.example.org"), port: 5432),
                .services(try SoughtName("_redis._tcp.example.org")), .file(path: Folders.right + "jobs.d/jobs.yaml"),
                .addresses(try SoughtName("db.example.org."), port: 5432),
                .services(try SoughtName("_redis._tcp.example.org.")), .file(path: "/run/balancer/jobs.yaml"),
            ])
        #expect(pools.map(\.every) == [.seconds(5), .seconds(30), .seconds(60), nil, nil, .seconds(5)])
        #expect(pools.map(\.families) == [.ipv4, .ipv6, .any, .any, .any, .any])
        #expect(pools.map(\.min) == [2, 0, 0, 1, 1, 1])
        #expect(pools.map(\.max) == [32, 8, 16, 256, 256, 256])
        #expect(pools.map(\.weight) == [3, 1, 1, 1, 1, 1])
        #expect(pools.map(\.sessionsMax) == [500, 100, nil, nil, nil, nil])
        let configuration = try document.configuration(.staged)
        #expect(configuration.pools.allSatisfy { $0.isDiscovered && $0.backends.isEmpty })
        #expect(document.summary == "1 listener, 6 pools, 0 backends, 6 discovered pools")
    }

    /// What discovered pools may have needs descriptors too.
    @Test func discoveredPoolsHaveTheirShareOfDescriptors() throws {
        func sessions(_ backends: String) throws -> Int {
            let text = """
                listeners: {web: {bind: "127.0.0.1:80", pool: web}}
                pools: {web: {backends: \(backends)}}
                """
            return try Document.read(text: text).configuration(Resources(descriptors: 2000, memory: [])).limits
                .sessionsMax
        }
        #expect(try sessions("{dns: \"db:80\", max: 101}") == sessions("\"10.0.0.1:80\"") - 50)
    }

    @Test func anElementAloneIsAList() throws {
        let alone = try Document.read(
            text: """
                listeners: {web: {bind: "127.0.0.1:80", pool: web}}
                pools: {web: {backends: {address: "10.0.0.1:80", weight: 2}, source: 10.0.0.9}}
                """)
        #expect(alone.listeners[0].binds.count == 1)
        #expect(alone.pools[0].backends.map(\.weight.value) == [2])
        #expect(alone.pools[0].sources.count == 1)
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("5s", .seconds(5)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
        ("1d", .seconds(86400)), ("1.5s", .milliseconds(1500)),
    ])
    func aDurationHasItsUnit(text: String, duration: Duration) throws {
        let document = try Document.read(text: small("    connect_timeout: \(text)"))
        #expect(document.pools[0].connectTimeout.value == duration)
    }

    /// The nearest of three counts: the pool's own, that of `defaults`, the standard; each knows where it is from.
    @Test func whatIsNotSaidIsInherited() throws {
        let document = try Document.read(
            text: """
                defaults: {idle_timeout: 10m, keepalive: {idle: 60s}}
                listeners: {web: {bind: "127.0.0.1:80", pool: web}}
                pools:
                  web: {backends: "10.0.0.1:80", keepalive: {probes: 3}}
                  own: {backends: "10.0.0.1:80", idle_timeout: 1m}
                """)
        let web = document.pools[0]
        #expect(web.idleTimeout.value == .seconds(600))
        #expect(web.idleTimeout.origin == .defaults(Place(file: "balancer.yaml", line: 1, column: 26)))
        #expect(web.connectTimeout.value == .seconds(5))
        #expect(web.connectTimeout.origin == .builtIn)
        #expect(web.keepalive.idle.value == .seconds(60))
        #expect(web.keepalive.idle.origin.place?.line == 1)
        #expect(web.keepalive.interval.origin == .builtIn)
        #expect(web.keepalive.probes.value == 3)
        #expect(web.keepalive.probes.origin == .file(Place(file: "balancer.yaml", line: 4, column: 54)))
        #expect(document.pools[1].idleTimeout.value == .seconds(60))
        #expect(document.pools[1].idleTimeout.origin == .file(Place(file: "balancer.yaml", line: 5, column: 48)))
        #expect(document.listeners[0].keepalive.idle.value == .seconds(60))
    }

    @Test func mapsAreMergedAndTheOwnKeyCounts() throws {
        let document = try Document.read(
            text: """
                x-one: &one {fall: 7, rise: 8}
                x-two: &two {<<: *one, rise: 9, interval: 3s}
                listeners: {web: {bind: "127.0.0.1:80", pool: web}}
                pools:
                  web: {backends: "10.0.0.1:80", check: {<<: [*one, *two], fall: 5}}
                """)
        let check = document.pools[0].check
        #expect(check.fall.value == 5)
        #expect(check.rise.value == 8)
        #expect(check.interval.value == .seconds(3))
    }

    @Test(arguments: [
        ("${HOST}:${PORT}", "10.0.0.7:5432"), ("${NONE:-db1}:80", "db1:80"), ("${EMPTY:-db1}:80", "db1:80"),
        ("${NONE:-}db1:80", "db1:80"),
    ])
    func variablesAreReplaced(text: String, backend: String) throws {
        let document = try Document.read(
            text: """
                listeners: {web: {bind: "127.0.0.1:80", pool: web}}
                pools: {web: {backends: "\(text)"}}
                """)
        #expect("\(document.pools[0].backends[0].host.text):\(document.pools[0].backends[0].port)" == backend)
    }

    /// Whatever a variable has in it is the text of one value.
    @Test func aVariableIsNeverStructure() throws {
        #expect(try Substitution.replace("${STRUCTURE}", Surroundings.staged.variable) == "a: [1, 2]\n- b")
        #expect(try Substitution.replace("${DOLLAR} $${PORT} $$", Surroundings.staged.variable) == "${PORT} ${PORT} $")
        let mistakes = Document.mistakes(in: small("    policy: ${STRUCTURE}"))
        #expect(
            mistakes == [
                "balancer.yaml:10:13: pools.web.policy: 'a: [1, 2]\\n- b' (from '${STRUCTURE}'): no such word"
            ])
    }

    @Test func aFileWithAByteOrderMarkAndReturnsIsTheSame() throws {
        let text = small("    idle_timeout: 3s")
        let bytes =
            [0xEF, 0xBB, 0xBF]
            + Array(
                text.split(separator: "\n", omittingEmptySubsequences: false)
                    .joined(separator: "\r\n").utf8)
        let document = try Document.read(bytes: bytes)
        #expect(document.pools[0].idleTimeout.origin == .file(Place(file: "balancer.yaml", line: 10, column: 19)))
    }
}

/// What is made of a document for a loop.
@Suite struct ConfigurationTests {
    @Test func theConfigurationHasWhatTheFileSays() throws {
        let document = try Document.read(
            text: """
                process: {threads: 2, sessions_max: 77, drain_time: 3s, busy_poll: always, warm_connections: 1}
                defaults: {connect_timeout: 1s, idle_timeout: 2m}
                listeners:
                  one: {bind: "127.0.0.1:7001-7003", pool: b, backlog: 9}
                  two: {bind: "[::1]:7001", pool: a, backlog: 9}
                pools:
                  a: {backends: [{address: "10.0.0.1:80", sessions_max: 5}], source: "::1"}
                  b: {backends: ["10.0.0.1:80", "db1:81"], check: {interval: 1s, fall: 2, rise: 3}}
                log: {mode: none}
                administration: {socket: /run/s}
                """)
        let configuration = try document.configuration(.staged)
        #expect(configuration.listeners.map(\.address.port) == [7001, 7002, 7003, 7001])
        #expect(configuration.listeners.map(\.pool) == [1, 1, 1, 0])
        #expect(configuration.pools.map(\.name) == ["a", "b"])
        #expect(configuration.pools[0].backends[0].sessionsMax == 5)
        #expect(configuration.pools[0].sources.map(\.host) == ["::1"])
        #expect(configuration.pools[1].backends[1].name?.host == "db1")
        #expect(configuration.pools[1].health.interval == .seconds(1))
        #expect(configuration.pools[1].health.timeout == .seconds(1))
        #expect(configuration.pools[1].health.fall == 2)
        #expect(configuration.pools[1].health.rise == 3)
        #expect(configuration.pools[1].timeouts.connect == .seconds(1))
        #expect(configuration.pools[1].timeouts.idle == .seconds(120))
        #expect(configuration.timeouts.drain == .seconds(3))
        #expect(configuration.limits.sessionsMax == 77)
        #expect(configuration.listeners.allSatisfy { $0.backlog == 9 })
        #expect(configuration.latency.busyPoll == .always)
        #expect(configuration.latency.warmConnections == 1)
        #expect(configuration.threads == 2)
        #expect(configuration.log == LogSettings.none)
        #expect(configuration.administration.socket == .path("/run/s"))
    }

    @Test func socketsOfTheServiceManagerAreCheckedOnlyWhereTheyAreKnown() throws {
        let document = try Document.read(
            text: """
                listeners: {web: {bind: {systemd: web}, pool: web}}
                pools: {web: {backends: "10.0.0.1:80"}}
                """)
        try document.check(.staged)
        var resources = Resources.staged
        resources.sockets = []
        let error = #expect(throws: Mistakes.self) { _ = try document.configuration(resources) }
        #expect(error?.description.contains("FileDescriptorName=web") == true)
    }
}
