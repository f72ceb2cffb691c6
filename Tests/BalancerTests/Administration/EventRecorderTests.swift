import AdministrationAPI
import Reactor
import Synchronization
import Testing

@testable import Balancer

/// The last events, for administration.
@Suite struct EventRecorderTests {
    private static func event(_ kind: EventKind, pool: String = "web", backend: String? = nil, _ words: StaticString)
        -> LogEvent
    {
        var event = LogEvent(kind)
        event.field("pool", pool)
        if let backend { event.field("backend", backend) }
        event.words(words)
        return event
    }

    @Test("events are numbered from 1, and asked for by the last one that was seen")
    func numbers() {
        let recorder = EventRecorder()
        #expect(recorder.events(after: 0) == [])
        for _ in 0..<5 { recorder.add(Self.event(.poolNoBackend, "no backend is up")) }
        #expect(recorder.events(after: 0).map(\.number) == [1, 2, 3, 4, 5])
        #expect(recorder.events(after: 3).map(\.number) == [4, 5])
        #expect(recorder.events(after: 5) == [] && recorder.events(after: .max) == [])
        let row = recorder.events(after: 4).first
        #expect(row?.event == "pool-no-backend" && row?.level == "error" && row?.fields == ["pool": "web"])
        #expect(row?.message == "no backend is up")
    }

    @Test("values among the words, and those that only JSON has, are fields too")
    func fields() {
        let recorder = EventRecorder()
        var event = Self.event(.backendDown, backend: "b1", "down: ")
        event.value("cause", "Connection refused")
        event.words("; sessions: ")
        event.value("sessions", 7)
        event.detail("address", .address(.ipv4(0x0A00_0001, port: 80)))
        event.value("for", .seconds(.seconds(90)))
        recorder.add(event)
        let row = recorder.events(after: 0).first
        #expect(
            row?.fields == [
                "pool": "web", "backend": "b1", "cause": "Connection refused", "sessions": "7",
                "address": "10.0.0.1:80", "for": "90 s",
            ])
        #expect(row?.message == "down: Connection refused; sessions: 790 s")
    }

    @Test("a failed check that changes nothing is no change of state, and why it failed is kept")
    func failing() {
        let recorder = EventRecorder()
        var event = Self.event(.backendFailing, backend: "b1", "up still: ")
        event.value("cause", "Connection refused")
        recorder.add(event)
        let history = recorder.backendHistories()[.init(pool: "web", backend: "b1")]
        #expect(history?.changes == 0 && history?.failing == "Connection refused")
    }

    @Test("some events are kept: the last ones, without a gap, however many there were")
    func bound() {
        let recorder = EventRecorder()
        let count = UInt64(3 * EventRecorder.countMax + 17)
        for _ in 0..<count { recorder.add(Self.event(.poolWaiting, "clients wait")) }
        let rows = recorder.events(after: 0)
        #expect(rows.count <= EventRecorder.countMax)
        #expect(rows.count > EventRecorder.countMax - EventRecorder.countMax / 4 - 1)
        #expect(rows.last?.number == count)
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.number + 1 == $1.number })
    }

    @Test("what has happened to a backend: how often, and what was said last")
    func histories() {
        let recorder = EventRecorder()
        recorder.add(Self.event(.backendDown, backend: "b1", "down: refused"))
        recorder.add(Self.event(.backendUp, backend: "b1", "up again"))
        recorder.add(Self.event(.backendEjected, backend: "b2", "ejected"))
        // The same name in another pool is another backend; other events are no change of its state.
        recorder.add(Self.event(.backendDown, pool: "db", backend: "b1", "down: timeout"))
        recorder.add(Self.event(.backendMoved, backend: "b1", "moved"))
        recorder.add(Self.event(.backendDown, "of nobody"))
        let histories = recorder.backendHistories()
        let web1 = histories[.init(pool: "web", backend: "b1")]
        #expect(web1?.changes == 2 && web1?.cause == "up again" && web1.map { $0.time > 0 } == true)
        #expect(histories[.init(pool: "web", backend: "b2")]?.changes == 1)
        #expect(histories[.init(pool: "db", backend: "b1")]?.cause == "down: timeout")
        #expect(histories.count == 3)
    }

    @Test("the last reload is known to have failed, until one is taken over")
    func reloads() {
        let recorder = EventRecorder()
        #expect(recorder.wasLastReloadTakenOver)
        recorder.add(Self.event(.processReloadRefused, "no"))
        recorder.add(Self.event(.backendDown, backend: "b", "down"))
        #expect(!recorder.wasLastReloadTakenOver)
        recorder.add(Self.event(.processReloaded, "yes"))
        #expect(recorder.wasLastReloadTakenOver)
    }

    @Test("whoever listens is told of each event after it can be read, and may read then")
    func callback() {
        let recorder = EventRecorder()
        recorder.add(Self.event(.poolWaiting, "before"))
        let seen = Guarded<[UInt64]>([])
        recorder.whenEvent { [unowned recorder] in
            let last = recorder.events(after: 0).last?.number
            seen.withLock { $0.append(last ?? 0) }
        }
        recorder.add(Self.event(.poolWaiting, "one"))
        recorder.add(Self.event(.poolWaiting, "two"))
        #expect(seen.withLock { $0 } == [2, 3])
    }

    @Test("a log keeps events for administration whatever it writes itself, but not those of level debug")
    func ofALog() {
        var log = EventLog.silent
        let recorder = EventRecorder()
        log.recorder = recorder
        log.event(.backendCheck) { $0.words("a check") }
        log.event(.poolNoBackend) { $0.words("no backend is up") }
        #expect(recorder.events(after: 0).map(\.event) == ["pool-no-backend"])
    }

    @Test("what operators have done names them")
    func orders() {
        var log = EventLog.silent
        let recorder = EventRecorder()
        log.recorder = recorder
        let backend = BackendFacts(pool: "web", name: "b1", address: nil)
        let change = Change(
            subject: "backend web/b1", old: "up", new: "drain", sessions: 4, isDryRun: false, revertsSeconds: 600)
        log.steered(backend, setting: "state", change, by: "user alice")
        log.steered(listener: "web", change, by: "uid 7")
        log.removed(backend, by: "user alice")
        log.added(.init(address: .backend(3), label: "b3"), to: "web", by: "user alice")
        log.killed(3, "sessions of backend web/b1", by: "token")
        log.reloadAsked(by: "token")
        log.reverted(backend, setting: "state", "up")
        let rows = recorder.events(after: 0)
        #expect(
            rows.map(\.event) == [
                "backend-steered", "listener-steered", "backend-removed", "backend-added", "process-sessions-killed",
                "process-reload-asked", "backend-steered",
            ])
        #expect(
            rows.map { $0.fields["by"] } == [
                "user alice", "uid 7", "user alice", "user alice", "token", "token", nil,
            ])
        #expect(rows.first?.message == "up -> drain, for 600 s, by user alice; sessions: 4")
        #expect(rows[4].message == "ended: sessions of backend web/b1, 3 sessions, by token")
    }
}
