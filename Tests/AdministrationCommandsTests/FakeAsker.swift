import AdministrationAPI
import AdministrationClient
import Synchronization

@testable import AdministrationCommands

/// A balancer that answers from a list, and remembers what it was asked.
final class FakeAsker: Asker {
    let place = "/run/balancer/admin.sock"
    /// The answers to `GET /v1/status`, one after the other; the last one stays.
    private let statuses: Mutex<[Status]>
    private let requests = Mutex<[String]>([])
    private let change: Change

    init(_ statuses: [Status], change: Change = Change(subject: "x", old: nil, new: nil, sessions: 0, isDryRun: false))
    {
        self.statuses = Mutex(statuses)
        self.change = change
    }

    /// What it was asked, as `METHOD TARGET BODY`.
    var asked: [String] { requests.withLock { $0 } }

    func get(_ target: String) throws(Fault) -> [UInt8] {
        note("GET", target, nil)
        let status = statuses.withLock { $0.count > 1 ? $0.removeFirst() : $0.first }
        guard target == Target.status, let status else { throw Fault("nothing is known", at: place) }
        return APICoding.json(status)
    }

    func send(_ method: String, _ target: String, body: [UInt8]?) throws(Fault) -> [UInt8] {
        note(method, target, body)
        return APICoding.json(change)
    }

    func stream(_ target: String, take: (AdministrationClient.Event) -> Bool) -> Fault? { Fault("no stream") }

    private func note(_ method: String, _ target: String, _ body: [UInt8]?) {
        let text = body.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
        requests.withLock { $0.append("\(method) \(target)\(text)") }
    }
}

/// A balancer with two pools, of which both have a backend `b2`.
func sampleStatus(_ change: (inout Status) -> Void = { _ in }) -> Status {
    var status = Status(
        version: "0.1.0", pid: 4711, started: "2026-11-27T21:15:00.000Z", time: "2026-11-27T21:16:40.000Z",
        state: "serving",
        resources: .init(cpuSeconds: 1, residentBytes: 34_000_000, openFds: 120, maxFds: 65_536))
    status.uptimeSeconds = 3600.5
    status.sessions = 12
    status.sessionsMax = 4000
    status.loops = [
        .init(
            index: 0, state: "running", busySecondsTotal: 1, turnsTotal: 70_512, turnP99Seconds: 96e-6,
            turnMaxSeconds: 411e-6)
    ]
    var b2 = Status.Backend(name: "b2", address: "10.0.0.2:80", state: "down", weight: 1)
    b2.cause = "connect: Connection refused"
    var named = Status.Backend(name: "server1:8090", address: "172.20.0.5:8090", state: "up", weight: 3)
    named.sessions = 12
    named.sessionsMax = 200
    func pool(_ name: String, _ backends: [Status.Backend]) -> Status.Pool {
        Status.Pool(
            name: name, policy: "round_robin", sessions: 12, sessionsMax: nil, queueLength: 0, queueMax: nil,
            isInPanic: false, noBackendTotal: 0, backends: backends)
    }
    status.pools = [
        pool("web", [Status.Backend(name: "b1", address: "10.0.0.1:80", state: "up", weight: 1), b2]),
        pool("api", [Status.Backend(name: "b2", address: "10.0.1.2:80", state: "drain", weight: 1), named]),
    ]
    status.listeners = [
        Status.Listener(
            name: "web", addresses: ["0.0.0.0:8000", "[::]:8000"], pool: "web", state: "open", sessions: 12,
            sessionsMax: nil, acceptedTotal: 100, rejectedTotal: [:], waiting: 0, bytesUpTotal: 0, bytesDownTotal: 0,
            perClient: nil, routes: [])
    ]
    change(&status)
    return status
}
