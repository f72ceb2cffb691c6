import Reactor
import Testing

@testable import Balancer

@Suite struct AdmissionTests {
    @Test func anEpisodeIsToldOnceAtEachEnd() {
        var episode = Episode()
        #expect(episode.end() == nil)
        let first = [episode.add(0), episode.add(2), episode.add()]
        #expect(first == [true, false, false])
        #expect(episode.end() == 3)
        #expect(episode.end() == nil)
        let second = [episode.add(), episode.add()]
        #expect(second == [true, false])
        #expect(episode.end() == 2)
    }

    @Test func theNextProbeKeepsTheCadence() {
        let start = Instant(nanoseconds: 1_000_000_000)
        let late = start + .milliseconds(400)
        #expect(Probe.next(after: start, interval: .seconds(5), now: late) == start + .seconds(5))
        // After a stop of the process there is no burst of those missed.
        let muchLater = start + .seconds(60)
        #expect(Probe.next(after: start, interval: .seconds(5), now: muchLater) == muchLater + .seconds(5))
    }
}
