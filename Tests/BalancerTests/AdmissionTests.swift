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
}
