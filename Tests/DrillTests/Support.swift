import Drill

/// A plan, and samples, for tests.
enum Given {
    static func plan(_ mode: DrillPlan.Mode = .refusing, isAnswerAwaited: Bool = false, isCopy: Bool = false)
        -> DrillPlan
    {
        DrillPlan(
            pool: "web", backend: "b2", mode: mode, lengthSeconds: 30, baselineSeconds: 5, listener: "web",
            address: "10.0.0.254:80", probesPerSecond: 50, patienceSeconds: 15, isAnswerAwaited: isAnswerAwaited,
            isCopy: isCopy)
    }

    /// Probes that were served at once, ten per second, from so many seconds before to so many after the beginning.
    static func served(from first: Int, to last: Int, by backend: String = "b1") -> [DrillSample] {
        (first * 10..<last * 10).map { place in
            // Waits of 1 to 10 ms.
            let wait = Double((place % 10 + 10) % 10 + 1) / 1000
            return DrillSample(beganSeconds: Double(place) / 10, waitedSeconds: wait, backend: backend)
        }
    }

    /// A drill of 30 s in which nothing happened to clients.
    static func quiet() -> DrillSamples {
        var samples = DrillSamples(restoredSeconds: 30)
        samples.probes = served(from: -5, to: 30) + served(from: 30, to: 33, by: "b2")
        samples.detectedSeconds = 2.004
        samples.detectedBy = "checks"
        samples.recoveredSeconds = 0.35
        samples.sessionsBefore = 12
        samples.sessionsKept = 12
        return samples
    }
}
