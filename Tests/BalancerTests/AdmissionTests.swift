import Reactor
import Testing

@testable import Balancer

@Suite struct AdmissionTests {
    @Test func anEpisodeIsToldOnceAtEachEnd() {
        var episode = Episode()
        let start = Instant(nanoseconds: 1_000_000_000)
        #expect(episode.end(now: start) == nil)
        let first = [episode.add(0, now: start), episode.add(2, now: start), episode.add(now: start)]
        #expect(first == [true, false, false])
        // Too soon: the next may be hit at once.
        #expect(episode.end(now: start + .milliseconds(999)) == nil)
        #expect(episode.end(now: start + .seconds(1)) == 3)
        #expect(episode.end(now: start + .seconds(2)) == nil)
        let second = [episode.add(now: start), episode.add(now: start)]
        #expect(second == [true, false])
        #expect(episode.end(now: start, after: .zero) == 2)
    }

    @Test func theNextProbeKeepsTheCadence() {
        let start = Instant(nanoseconds: 1_000_000_000)
        let late = start + .milliseconds(400)
        #expect(Probe.next(after: start, interval: .seconds(5), now: late) == start + .seconds(5))
        // A probe that timed out took all of its interval, and a little more.
        let timedOut = start + .milliseconds(5003)
        #expect(Probe.next(after: start, interval: .seconds(5), now: timedOut) == start + .seconds(5))
        // After a stop of the process there is no burst of those missed.
        let muchLater = start + .seconds(60)
        #expect(Probe.next(after: start, interval: .seconds(5), now: muchLater) == muchLater + .seconds(5))
    }
}
