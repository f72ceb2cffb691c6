@testable import Benchmark

/// Samples and reports like those of a run.
enum Fixtures {
    /// A window of one second in which each of a thousand requests took the subject `microseconds`.
    static func sample(microseconds: Double, errors: [String: Int] = [:], mismatches: Int = 0) -> Sample {
        var sample = Sample()
        sample.units = 1000
        sample.seconds = 1
        sample.subject = Usage(nanoseconds: UInt64(microseconds * 1_000_000), switches: 2000)
        sample.latency = Latency(count: 1000, mean: 50, p50: 40, p90: 60, p99: 100, p999: 200, max: 300)
        sample.errors = errors
        sample.mismatches = mismatches
        return sample
    }

    static func memorySample(user: Int, kernel: Int) -> Sample {
        var sample = Sample()
        sample.units = 10
        sample.seconds = 1
        sample.memory = SessionMemory(sessions: 10, user: user, kernel: kernel)
        return sample
    }

    static func row(
        named name: String = "pingpong-64B-64", unit: Benchmark.Unit = .request, cost: Cost = .processor,
        _ subjects: [(String, [Sample])]
    ) -> Report.RowResult {
        var row = Report.RowResult(
            name: name, title: "some work", unit: unit, cost: cost,
            subjects: subjects.map { .init(subject: $0.0, samples: $0.1, failure: nil, summary: Summary()) })
        row.summarize(reference: "ours", threads: 1)
        return row
    }

    static func report(_ rows: [Report.RowResult]) -> Report {
        let setting = Report.Setting(
            date: "2026-01-01T00:00:00Z", processor: "a processor", cores: 2, memoryBytes: 1 << 34, kernel: "6.1",
            congestionControl: "cubic", namespace: "own", commit: "abc", command: "balancer-benchmark", rounds: 3,
            seconds: 1, threads: 1, reference: "ours", coresAreShared: false)
        return Report(
            setting: setting, subjects: [.init(name: "nginx", version: "1.2", command: "nginx <1.2> & more")],
            rows: rows)
    }
}
