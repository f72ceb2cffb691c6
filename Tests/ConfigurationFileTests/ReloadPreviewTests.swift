import Balancer
import Testing

@testable import ConfigurationFile

/// What `balancer check --against` says.
@Suite struct ReloadPreviewTests {
    private static let running = """
        state=serving backends_up=4 backends=4 sessions=430 sessions_max=4000
        backend=10.0.0.1:80 health=up name=a1 pool=web weight=3 sessions=12
        backend=10.0.0.2:80 health=up pool=web sessions=400
        backend=10.0.0.3:5432 health=up name=db1 pool=db title=db1:5432 sessions=18
        backend=10.0.0.4:5432 health=up name=spare pool=db backup=yes sessions=1
        listener=web pool=web address=0.0.0.0:8000
        listener=web pool=web address=unix:/run/a b.sock
        listener=db pool=db address=127.0.0.1:5432

        """

    private static func preview(_ text: String) throws -> ReloadPreview {
        ReloadPreview(try Document.read(text: text), against: try #require(StatusAnswer(running)))
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

    /// Of thousands of backends a report lists some: what it does not list is not called new.
    @Test func whatIsNotListedIsNotCompared() throws {
        let answer = try #require(
            StatusAnswer("state=serving \nbackends_not_listed=3\nlistener=web pool=web address=0.0.0.0:8000\n"))
        let preview = ReloadPreview(try Document.read(text: Self.same), against: answer)
        #expect(preview.changes.count == 3)
        #expect(preview.changes.last == "note: the balancer lists 0 backends, and 3 more are not compared")
    }

    @Test(arguments: ["", "hello", "state=serving \nbackend=10.0.0.1:80 health=up\n"])
    func whatListsNoListenersIsNoAnswer(text: String) {
        #expect(StatusAnswer(text) == nil)
    }
}
