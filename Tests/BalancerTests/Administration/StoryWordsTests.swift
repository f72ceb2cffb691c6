import AdministrationAPI
import Testing

@testable import Balancer

/// The story of a session in sentences.
@Suite struct StoryWordsTests {
    private static func story(_ change: (inout SessionStory) -> Void = { _ in }) -> SessionStory {
        var story = SessionStory(
            session: .init(
                id: "0000000000000007", client: "10.0.0.1:40000", listener: "web", pool: "web", backend: "b1",
                backendAddress: "10.0.0.2:80", phase: "relaying", ageSeconds: 12, idleSeconds: 0.05, bytesUp: 1,
                bytesDown: 2, stalledBy: nil, stalledSeconds: nil),
            isLive: true, accepted: "2026-11-27T21:15:00.000Z")
        change(&story)
        return story
    }

    private static func sentences(_ change: (inout SessionStory) -> Void = { _ in }) -> [String] {
        StoryWords(story(change)).sentences
    }

    @Test("a session of which there is little to tell: how it came, and what it does")
    func little() {
        #expect(
            Self.sentences() == [
                "client 10.0.0.1:40000 came in by listener web at 2026-11-27T21:15:00.000Z",
                "it is relaying, 12.0 s old, idle for 50 ms",
            ])
    }

    @Test("everything, in the order in which it happened")
    func all() {
        let sentences = Self.sentences {
            $0.serverName = "a.example"
            ($0.prefaceSeconds, $0.queueSeconds, $0.connectSeconds) = (0.002, 1.5, 1.6)
            $0.pick = .init(
                policy: "least-connections",
                candidates: [
                    .init(backend: "b0", verdict: "down", sessions: 0, weight: 1),
                    .init(backend: "b1", verdict: "picked", sessions: 3, weight: 1),
                    .init(backend: "b2", verdict: "possible", sessions: 4, weight: 1),
                    .init(backend: nil, verdict: "tried", sessions: 4, weight: 1),
                ], notListed: 6)
            $0.attempts = [
                .init(backend: "b3", seconds: 0.0004, error: "Connection refused"),
                .init(backend: nil, seconds: 61, error: "Connection timed out"),
                .init(backend: "b1", seconds: 0.1, error: nil),
            ]
            $0.attemptsTotal = 5
            ($0.clientStallSeconds, $0.clientStalls) = (3700, 2)
            ($0.backendStallSeconds, $0.backendStalls) = (0.5, 1)
            ($0.session.stalledBy, $0.session.stalledSeconds) = ("client", 3)
        }
        #expect(
            sentences == [
                "client 10.0.0.1:40000 came in by listener web at 2026-11-27T21:15:00.000Z, and named the server a.example",
                "before it had a pool, 2.0 ms passed", "it waited 1.5 s for a place at a backend",
                "least-connections picked b1 with 3 sessions, of 8 that could be; skipped: b0 (down), "
                    + "a backend that has left (tried)",
                "connect to b3 failed after 0.4 ms: Connection refused",
                "connect to a backend that has left failed after 1 min 1 s: Connection timed out",
                "2 more attempts are not remembered", "it was connected 1.6 s after its accept",
                "bytes waited 2 times for the client, 1 h 1 min in all, and they do now",
                "bytes waited once for the backend, 500 ms in all", "it is relaying, 12.0 s old, idle for 50 ms",
            ])
    }

    @Test("one that has ended says how, by whom and with which error")
    func ended() {
        let sentences = Self.sentences {
            $0.isLive = false
            $0.end = .init(reason: "reset", by: "backend", error: "Connection reset by peer", time: "")
            $0.session.stalledBy = "both"
        }
        #expect(sentences.last == "it ended after 12.0 s: reset, by the backend (Connection reset by peer)")
        let without = Self.sentences { $0.end = .init(reason: "idle", by: "balancer", error: nil, time: "") }
        #expect(without.last == "it ended after 12.0 s: idle, by the balancer")
    }

    @Test(
        "times are told as people read them",
        arguments: [
            (0, "0.0 ms"), (0.00042, "0.4 ms"), (0.0123, "12 ms"), (0.9999, "999 ms"), (1, "1.0 s"), (59.99, "59.9 s"),
            (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min"), (1e9, "277777 h 46 min"),
        ])
    func times(seconds: Double, text: String) {
        #expect(StoryWords.text(seconds) == text)
    }
}
