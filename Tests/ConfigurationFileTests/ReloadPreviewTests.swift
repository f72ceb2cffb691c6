import AdministrationAPI
import Balancer
import Testing

@testable import ConfigurationFile

/// What `balancer check --against` says.
@Suite struct ReloadPreviewTests {
    private static let running = RunningState(status)

    /// What that balancer says of itself.
    private static var status: Status {
        func backend(
            _ name: String, _ address: String, weight: Int = 1, sessions: Int, isBackup: Bool = false
        ) -> Status.Backend {
            var backend = Status.Backend(name: name, address: address, state: "up", weight: weight)
            (backend.sessions, backend.isBackup) = (sessions, isBackup)
            return backend
        }
        func pool(_ name: String, _ backends: [Status.Backend]) -> Status.Pool {
            .init(
                name: name, policy: "round-robin", sessions: 0, sessionsMax: nil, queueLength: 0, queueMax: nil,
                isInPanic: false, noBackendTotal: 0, backends: backends)
        }
        func listener(_ name: String, _ addresses: [String], pool: String?) -> Status.Listener {
            .init(
                name: name, addresses: addresses, pool: pool, state: "open", sessions: 0, sessionsMax: nil,
                acceptedTotal: 0, rejectedTotal: [:], waiting: 0, bytesUpTotal: 0, bytesDownTotal: 0, perClient: nil,
                routes: [])
        }
        var status = Status(
            version: "1", pid: 1, started: "", time: "", state: "serving",
            resources: .init(cpuSeconds: 0, residentBytes: 0, openFds: 0, maxFds: 0))
        // An operator has another weight for one of them now: a file is compared with what is configured.
        var first = backend("a1", "10.0.0.1:80", weight: 3, sessions: 12)
        first.weight = 1
        status.pools = [
            pool("web", [first, backend("10.0.0.2:80", "10.0.0.2:80", sessions: 400)]),
            pool(
                "db",
                [
                    backend("db1:5432", "10.0.0.3:5432", sessions: 18),
                    backend("spare", "10.0.0.4:5432", sessions: 1, isBackup: true),
                ]),
        ]
        status.listeners = [
            listener("web", ["0.0.0.0:8000", "unix:/run/a b.sock"], pool: "web"),
            listener("db", ["127.0.0.1:5432"], pool: "db"),
        ]
        return status
    }

    private static func preview(_ text: String) throws -> ReloadPreview {
        ReloadPreview(try Document.read(text: text), against: running)
    }

    /// The file that the running balancer was given.
    private static let same = """
        listeners:
          web: {bind: ["0.0.0.0:8000", {unix: "/run/a b.sock"}], pool: web}
          db: {bind: "127.0.0.1:5432", pool: db}
        pools:
          web:
            backends: [{name: a1, address: "10.0.0.1:80", weight: 3}, "10.0.0.2:80"]
            when_removed: drain 30s
          db:
            backends: ["db1:5432", {name: spare, address: "10.0.0.4:5432", backup: true}]
        """

    @Test func theSameFileChangesNothing() throws {
        let preview = try Self.preview(Self.same)
        #expect(preview.changes == [])
        #expect(preview.summary == "no backend, pool or listener changes, 2 listeners unchanged")
    }

    @Test(
        arguments: [
            (
                [", \"10.0.0.2:80\"": ""],
                ["pool web: backend 10.0.0.2:80 is removed, and drains for 30s: 400 sessions affected"],
                "1 backend drains, 400 sessions affected, 2 listeners unchanged"
            ),
            (
                ["    when_removed: drain 30s": "", ", \"10.0.0.2:80\"": ""],
                ["pool web: backend 10.0.0.2:80 is removed, and its sessions continue: 400 sessions affected"],
                "1 backend is removed, 400 sessions affected, 2 listeners unchanged"
            ),
            (
                ["drain 30s": "close", "10.0.0.2:80": "10.0.0.9:80"],
                [
                    "pool web: backend 10.0.0.9:80 is added",
                    "pool web: backend 10.0.0.2:80 is removed, and its sessions are closed: 400 sessions affected",
                ],
                "1 backend is added, 1 backend is removed and closes its sessions, 400 sessions affected, "
                    + "2 listeners unchanged"
            ),
            (
                ["10.0.0.4:5432": "10.0.0.5:5432"],
                [
                    "pool db: backend spare moves from 10.0.0.4:5432 to 10.0.0.5:5432; 1 session of the old address continues"
                ],
                "1 backend moves, 1 session affected, 2 listeners unchanged"
            ),
            (
                ["weight: 3": "weight: 0", "backup: true": "backup: false"],
                ["pool web: backend a1: weight 3 becomes 0", "pool db: backend spare: is no backup any more"],
                "2 backends change, 2 listeners unchanged"
            ),
            (
                ["127.0.0.1:5432\", pool: db": "127.0.0.1:5433\", pool: web"],
                [
                    "listener db: listens at 127.0.0.1:5433 too; no longer at 127.0.0.1:5432; "
                        + "new clients go to pool web instead of db"
                ],
                "1 listener changes, listener web unchanged"
            ),
            (
                ["  db: {bind: \"127.0.0.1:5432\"": "  new: {bind: \"[::1]:1\""],
                ["listener new: added, at [::1]:1, for pool db", "listener db: closes; its sessions continue"],
                "1 listener is added, 1 listener closes, listener web unchanged"
            ),
            (
                [
                    "0\", {unix: \"/run/a b.sock\"}], pool: web":
                        "0\", {unix: \"/run/a b.sock\"}], server_name: {routes: {a: db, b: web}}",
                    "127.0.0.1:5432\", pool: db": "127.0.0.1:5432\", server_name: {alpn: {h2: web}, otherwise: db}",
                ],
                ["listener web: new clients without a route of their own go to pool db instead of web"],
                "1 listener changes, listener db unchanged"
            ),
            (
                [
                    "  db: {bind: \"127.0.0.1:5432\", pool: db":
                        "  new: {bind: \"[::1]:1\", server_name: {routes: {a: web, b: db}}"
                ],
                [
                    "listener new: added, at [::1]:1, for pools db, web by server name",
                    "listener db: closes; its sessions continue",
                ],
                "1 listener is added, 1 listener closes, listener web unchanged"
            ),
            (
                ["pool: db": "pool: sql", "  db:\n": "  sql:\n"],
                [
                    "listener db: new clients go to pool sql instead of db", "pool sql: added, with 2 backends",
                    "pool db: removed, with 2 backends, 19 sessions affected",
                ],
                "1 listener changes, 1 pool is added, 1 pool is removed, 19 sessions affected, listener web unchanged"
            ),
        ] as [([String: String], [String], String)])
    func eachChangeIsALine(edits: [String: String], changes: [String], summary: String) throws {
        var text = Self.same
        for (old, new) in edits {
            let place = try #require(text.firstRange(of: old), "\(old)")
            text.replaceSubrange(place, with: new)
        }
        let preview = try Self.preview(text)
        #expect(preview.changes == changes)
        #expect(preview.summary == summary)
    }
}
