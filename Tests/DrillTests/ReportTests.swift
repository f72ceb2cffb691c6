import Drill
import Foundation
import Testing

/// What a report says of what was seen.
@Suite("Drill: reports")
struct ReportTests {
    @Test("probes belong to the part in which they began")
    func parts() {
        let report = DrillReport(Given.plan(), Given.quiet())
        #expect(report.before.probes == 50)
        #expect(report.during.probes == 300)
        #expect(report.after.probes == 30)
        #expect(report.before.waitP50Seconds == 0.005)
        #expect(report.before.waitP99Seconds == 0.01)
        #expect(report.addedP50Seconds == 0)
        #expect(report.isPassed)
        #expect(report.firstAffectedSeconds == nil)
        #expect(report.firstServedSeconds == 0.001)
    }

    @Test("a client that was sent to another backend is affected, and has not failed")
    func redispatched() {
        var samples = Given.quiet()
        samples.probes += [0.02, 0.5, 1.25].map {
            DrillSample(beganSeconds: $0, waitedSeconds: 0.312, backend: "b1", hasMetDrill: true)
        }
        let report = DrillReport(Given.plan(), samples)
        #expect(report.during.affected == 3)
        #expect(report.during.failed == 0)
        #expect(report.firstAffectedSeconds == 0.02)
        #expect(report.lastAffectedSeconds == 1.25)
        #expect(report.longestWaitSeconds == 0.312)
        #expect(report.isPassed)
        #expect(
            report.verdict
                == "clients of listener web waited at most 312 ms; none of 333 failed; the backend was out after 2 s and back "
                + "350 ms after its return")
        #expect(report.remarks.isEmpty)
    }

    @Test("clients that failed are counted by their reasons, with what helps")
    func failed() throws {
        var samples = Given.quiet()
        samples.probes += [0.2, 0.4].map {
            DrillSample(beganSeconds: $0, waitedSeconds: 1, failure: "connect-failed", hasMetDrill: true)
        }
        samples.probes.append(DrillSample(beganSeconds: 0.3, waitedSeconds: 15, failure: "no answer", isTold: false))
        let report = DrillReport(Given.plan(), samples)
        #expect(report.failures == ["connect-failed": 2, "no answer": 1])
        #expect(report.during.failed == 3)
        #expect(report.during.waitMaxSeconds == 15)
        // Those that failed are no measure of how long others waited.
        #expect(report.during.waitP99Seconds == 0.01)
        #expect(!report.isPassed)
        #expect(report.verdict.hasPrefix("3 of 333 clients of listener web failed; the longest wait was 15 s"))
        let remark = try #require(report.remarks.first)
        #expect(remark.contains("2 x connect-failed, 1 x no answer"))
        #expect(remark.contains("`retries`"))
    }

    @Test("where no other backend was up, that is what the report says")
    func withoutBackend() throws {
        var samples = Given.quiet()
        samples.withoutBackend = 7
        samples.probes.append(DrillSample(beganSeconds: 5, waitedSeconds: 0, failure: "no-backend"))
        let report = DrillReport(Given.plan(), samples)
        #expect(try #require(report.remarks.first).contains("No other backend was up"))
    }

    @Test("a probe about which nothing was told is affected when it waited longer than all before the drill")
    func untold() {
        var samples = Given.quiet()
        for wait in [0.015, 0.2] {
            samples.probes.append(DrillSample(beganSeconds: 1, waitedSeconds: wait, isTold: false))
        }
        #expect(DrillReport(Given.plan(isAnswerAwaited: true), samples).during.affected == 1)
    }

    @Test("a backend that was not noticed, late, or is not back, gets a remark")
    func times() {
        var samples = Given.quiet()
        samples.detectedSeconds = 12
        #expect(DrillReport(Given.plan(), samples).remarks.contains { $0.contains("noticed after 12 s") })
        samples.recoveredSeconds = nil
        let absent = DrillReport(Given.plan(), samples)
        #expect(!absent.isPassed)
        #expect(absent.remarks.contains { $0.contains("had not come back") })
        samples.detectedSeconds = nil
        let unnoticed = DrillReport(Given.plan(), samples)
        #expect(unnoticed.isPassed)
        #expect(unnoticed.verdict.hasSuffix("the balancer did not take the backend out"))
        #expect(unnoticed.remarks.contains { $0.contains("`kind: none`") })
    }

    @Test("a silent backend at which clients waited long gets a remark about the connect timeout")
    func silent() {
        var samples = Given.quiet()
        samples.probes.append(DrillSample(beganSeconds: 0.1, waitedSeconds: 5, backend: "b1", hasMetDrill: true))
        #expect(DrillReport(Given.plan(.silent), samples).remarks.contains { $0.contains("`connect_timeout`") })
        #expect(!DrillReport(Given.plan(.refusing), samples).remarks.contains { $0.contains("`connect_timeout`") })
    }

    @Test("without a probe nothing is claimed")
    func nothing() {
        let report = DrillReport(Given.plan(), DrillSamples(restoredSeconds: 30))
        #expect(report.verdict == "no probe was made: nothing is known of what clients saw")
        #expect(report.longestWaitSeconds == nil)
        #expect(report.addedP50Seconds == nil)
        #expect(!report.isPassed)
    }

    @Test("a drill that has not put the backend back is not passed")
    func notRestored() {
        var samples = Given.quiet()
        samples.isRestored = false
        #expect(!DrillReport(Given.plan(), samples).isPassed)
    }

    @Test("JSON in snake_case is read back as the same report")
    func json() throws {
        let report = DrillReport(Given.plan(.silent, isCopy: true), Given.quiet())
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let json = try encoder.encode(report)
        #expect(try decoder.decode(DrillReport.self, from: json) == report)
        #expect(String(decoding: json, as: UTF8.self).contains("\"wait_p99_seconds\":0.01"))
    }
}
