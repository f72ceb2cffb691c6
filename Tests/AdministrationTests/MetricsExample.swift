import AdministrationAPI
import Foundation

/// A balancer with one of everything that has a metric.
enum MetricsExample {
    static let turns = Measurements.Distribution(bounds: [0.0001, 0.001], counts: [700, 200, 100], sumSeconds: 0.25)

    /// Two backends, of which one is down, and a listener.
    static func status() throws -> Status {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var status = try decoder.decode(Status.self, from: Data(json.utf8))
        var good = Status.Backend(name: "a1", address: "10.0.0.1:80", state: "up", weight: 3)
        good.sessions = 7
        good.sessionsMax = 500
        good.sessionsTotal = 90
        good.endsTotal = ["finished": 81, "reset": 2]
        good.bytesUpTotal = 6000
        good.bytesDownTotal = 5_000_000_000
        good.clientStallSecondsTotal = 1.5
        var bad = Status.Backend(name: "a2", address: "10.0.0.2:80", state: "down", weight: 1)
        bad.connectFailuresTotal = ["refused": 4]
        bad.redispatchesTotal = 1
        bad.stateChangesTotal = 3
        bad.backendStallSecondsTotal = 0.25
        status.pools = [
            Status.Pool(
                name: "web", policy: "round-robin", sessions: 7, sessionsMax: nil, queueLength: 2, queueMax: 200,
                isInPanic: false, noBackendTotal: 5, backends: [good, bad])
        ]
        return status
    }

    static func measurements() -> Measurements {
        var more = Measurements(turns: turns)
        more.startedSeconds = 1_795_814_100.25
        more.upgradesTotal = 1
        more.acceptPausedSecondsTotal = ["front": 2.5]
        more.queueWaits = ["web": Measurements.Distribution(bounds: [0.001, 30], counts: [1, 2, 3], sumSeconds: 100)]
        more.connects = [
            BackendReference(pool: "web", backend: "a1"):
                Measurements.Distribution(bounds: [0.0001, 0.00025, 5], counts: [10, 20, 30, 1], sumSeconds: 8.5)
        ]
        more.durations = [
            BackendReference(pool: "web", backend: "a1"):
                Measurements.Distribution(bounds: [0.01, 43_200], counts: [50, 33, 0], sumSeconds: 4000)
        ]
        return more
    }

    private static let json = """
        {"version": "0.1.0", "pid": 4711, "started": "2026-11-27T21:15:00.250Z", "time": "2026-11-27T21:25:00.250Z",
         "uptime_seconds": 600, "state": "serving", "problems": ["backend web/a2 is down: Connection refused"],
         "sessions": 7, "sessions_max": 9918, "accepted_total": 95, "bytes_up_total": 6000,
         "bytes_down_total": 5000000000, "ends_total": {"finished": 81, "reset": 2, "no-backend": 5},
         "resources": {"cpu_seconds": 1.5, "resident_bytes": 10000000, "open_fds": 40, "max_fds": 65536},
         "loops": [{"index": 0, "state": "running", "busy_seconds_total": 1.25, "turns_total": 600, "turn_p99_seconds": 0.001,
                    "turn_max_seconds": 0.01},
                   {"index": 1, "state": "stuck", "stuck_seconds": 4, "busy_seconds_total": 1, "turns_total": 400,
                    "turn_p99_seconds": 0.001, "turn_max_seconds": 0.01}],
         "listeners": [{"name": "front", "addresses": ["0.0.0.0:80"], "pool": "web", "state": "open", "sessions": 7,
                        "sessions_max": 100, "accepted_total": 95, "rejected_total": {"denied": 3}, "waiting": 1,
                        "bytes_up_total": 6000, "bytes_down_total": 5000000000, "per_client": 50, "routes": []}],
         "pools": [], "audit": [], "may_change": false}
        """
}
