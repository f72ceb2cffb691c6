import Drill
import Testing

/// Reports as text.
@Suite("Drill: text")
struct TextTests {
    @Test("a report is 80 columns wide at most, whatever is in it", arguments: [DrillPlan.Mode.silent, .refusing])
    func width(mode: DrillPlan.Mode) {
        var samples = Given.quiet()
        samples.probes += (0..<100_000).map {
            DrillSample(
                beganSeconds: Double($0) / 5000, waitedSeconds: 1234.5, failure: $0 % 2 == 0 ? "connect-failed" : nil,
                hasMetDrill: true)
        }
        samples.skipped = 12_345
        samples.sessionsClosed = 4711
        samples.withoutBackend = 123_456_789
        samples.detectedSeconds = nil
        samples.remarks = [
            "Somebody has said something in a sentence that is far longer than a line of eighty columns can be."
        ]
        let lines = DrillText.lines(DrillReport(Given.plan(mode, isCopy: true), samples))
        for line in lines { #expect(line.count <= 80, "\(line)") }
        #expect(lines[0] == "Drill: backend web/b2 \(mode.rawValue) for 30 s (on a copy)")
    }

    @Test("a report says in its order what was done, how clients fared, and what that means")
    func text() {
        var samples = Given.quiet()
        samples.probes.append(DrillSample(beganSeconds: 0.02, waitedSeconds: 0.312, backend: "b1", hasMetDrill: true))
        samples.attemptsFailed = 1
        samples.redispatches = 1
        let text = DrillText.lines(DrillReport(Given.plan(), samples)).joined(separator: "\n")
        #expect(
            text == """
                Drill: backend web/b2 refusing for 30 s
                probes         listener web at 10.0.0.254:80, 50 per second at most; a probe
                               waits for its connection to a backend

                                 probes    failed  affected  wait p50       p99   longest
                before               50         0         0      5 ms     10 ms     10 ms
                away                301         0         1      6 ms     10 ms    312 ms
                put back             30         0         0      5 ms     10 ms     10 ms

                added wait     p50 1 ms, p99 0 ms
                affected       1 client; the first came after 20 ms, the last after 20 ms
                detected       after 2 s, by checks
                recovered      350 ms after its return; it served the first client after 1 ms
                its sessions   12 before, 12 of them at its return; none was closed for the
                               drill
                all clients    1 connect to the backend failed, 1 connect to others followed; 0
                               clients found no backend

                verdict        clients of listener web waited at most 312 ms; none of 331
                               failed; the backend was out after 2 s and back 350 ms after its
                               return
                """)
    }
}
