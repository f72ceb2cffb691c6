import AdministrationAPI
import Top

/// Statuses as a balancer would send them.
enum Sample {
    /// The second web backend.
    static let b2 = BackendReference(pool: "web", backend: "b2")

    /// One of two pools with three and one backends, and two listeners, so many seconds after the start.
    static func status(at seconds: Double = 100, pid: Int = 4711, started: String = "2026-11-27T21:15:00.000Z")
        -> Status
    {
        var status = Status(
            version: "0.1.0", pid: pid, started: started, time: "2026-11-27T21:16:40.000Z", state: "serving",
            resources: .init(cpuSeconds: seconds / 4, residentBytes: 34_000_000, openFds: 120, maxFds: 65_536))
        status.uptimeSeconds = seconds
        status.sessions = 33
        status.sessionsMax = 4000
        status.acceptedTotal = UInt64(seconds) * 10
        status.bytesUpTotal = UInt64(seconds) * 1000
        status.bytesDownTotal = UInt64(seconds) * 200_000
        status.endsTotal = ["finished": 7]
        status.loops = [
            .init(
                index: 0, state: "running", busySecondsTotal: seconds / 5, turnsTotal: 70_512, turnP99Seconds: 96e-6,
                turnMaxSeconds: 411e-6)
        ]
        status.listeners = [listener("web", "web"), listener("db", "db")]
        status.pools = pools(at: seconds)
        status.mayChange = true
        return status
    }

    private static func pools(at seconds: Double) -> [Status.Pool] {
        let backends = [
            backend("b1", sessions: 10, rate: 5, at: seconds), backend("b2", sessions: 20, rate: 1, at: seconds),
            backend("b3", sessions: 0, rate: 0, at: seconds, state: "down"),
        ]
        return [
            pool("web", backends), pool("db", [backend("db-1", sessions: 3, rate: 2, at: seconds)]),
        ]
    }

    /// A pool of these backends.
    static func pool(_ name: String, _ backends: [Status.Backend]) -> Status.Pool {
        Status.Pool(
            name: name, policy: "round_robin", sessions: 30, sessionsMax: nil, queueLength: 0, queueMax: nil,
            isInPanic: false, noBackendTotal: 0, backends: backends)
    }

    /// A backend that gets so many sessions in a second.
    static func backend(
        _ name: String, sessions: Int, rate: Double, at seconds: Double, state: String = "up"
    ) -> Status.Backend {
        var backend = Status.Backend(name: name, address: "10.0.0.\(sessions + 1):80", state: state, weight: 1)
        backend.sessions = sessions
        backend.sessionsTotal = UInt64(rate * seconds)
        backend.bytesUpTotal = UInt64(rate * seconds) * 100
        backend.changedSeconds = Double(sessions)
        backend.cause = state == "down" ? "connect: Connection refused" : nil
        return backend
    }

    private static func listener(_ name: String, _ pool: String) -> Status.Listener {
        Status.Listener(
            name: name, addresses: ["0.0.0.0:8000"], pool: pool, state: "open", sessions: 30, sessionsMax: nil,
            acceptedTotal: 100, rejectedTotal: [:], waiting: 0, bytesUpTotal: 0, bytesDownTotal: 0, perClient: nil,
            routes: [])
    }

    /// A session of ``b2``.
    static func session(_ id: String, client: String = "192.0.2.7:38094") -> SessionRow {
        SessionRow(
            id: id, client: client, listener: "web", pool: "web", backend: "b2", backendAddress: "10.0.0.2:80",
            phase: "relaying", ageSeconds: 100, idleSeconds: 1, bytesUp: 100, bytesDown: 20_000, stalledBy: nil,
            stalledSeconds: nil)
    }

    /// An event about ``b2``.
    static func event(_ number: UInt64, _ message: String = "down after 3 failed checks") -> EventRow {
        EventRow(
            number: number, time: "2026-11-27T21:16:40.000Z", level: "warning", event: "backend-down",
            fields: ["pool": "web", "backend": "b2"], message: message)
    }

    /// A model that has got two statuses, a second apart.
    static func model(columns: Int = 80, rows: Int = 24) -> TopModel {
        var model = TopModel(place: "/run/balancer/admin.sock")
        model.columns = columns
        model.rows = rows
        _ = model.take(status(at: 100), at: 0)
        _ = model.take(status(at: 101), at: 1)
        return model
    }
}

extension TopModel {
    /// Presses keys one after the other; returns what they ask for.
    @discardableResult mutating func type(_ text: String) -> [TopAction] { text.flatMap { press(.character($0)) } }

    /// What the screen says.
    var text: String { screen.text }
}
