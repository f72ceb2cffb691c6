import Reactor
import Testing

/// A session with one socket, as small as they get.
private struct Session: ~Copyable {
    var stream: Stream
    /// The far end, kept so that the test can write to it.
    var peer: Stream
}

private func insertSession(
    into slab: inout Slab<Session>, _ poller: borrowing Poller, lap: UInt8 = 0
) throws -> Token {
    let pair = try StreamPair()
    let inserted = slab.insert(Session(stream: pair.near, peer: pair.far))
    let key = try #require(inserted)
    let token = Token(kind: 1, index: Int(key.index), generation: key.generation, lap: lap)
    #expect(slab[token.index].stream.add(to: poller, token) == nil)
    return token
}

/// The order in which a loop meets the events of one batch must not matter; this is where it could.
@Suite struct TokenReuseTests {
    /// mio's and SwiftNIO's testWeDoNotDeliverEventsForPreviouslyClosedChannels.
    @Test func anEventOfASessionThatEndedInTheSameBatchIsRecognised() throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 16)
        var slab = Slab<Session>(capacity: 2)
        let tokens = [try insertSession(into: &slab, poller), try insertSession(into: &slab, poller)]
        for token in tokens { #expect(slab[token.index].peer.send("x") == .bytes(1)) }
        try poller.wait(into: &events)
        try #require(events.count == 2)

        let first = events[0].token
        let other = try #require(tokens.first { $0 != first })
        // The handler of the first event ends the other session, and a new client takes its place.
        _ = slab.remove(at: other.index)
        let successor = try insertSession(into: &slab, poller)
        #expect(successor.index == other.index)

        let second = events[1].token
        #expect(second == other)
        #expect(slab.isTaken(second.index) as Bool)
        #expect(!slab.contains(second.key) as Bool)
        #expect(slab.contains(first.key) as Bool)
        #expect(slab.contains(successor.key) as Bool)

        // From then on the kernel reports the new session alone.
        #expect(slab[successor.index].peer.send("y") == .bytes(1))
        try poller.wait(into: &events)
        try #require(events.count == 1)
        #expect(events[0].token == successor)
        #expect(slab.contains(events[0].token.key) as Bool)
    }

    /// A child that another test starts at that moment holds a copy of the descriptor until its exec, and epoll reports
    /// it for so long: once without one is what is asked for.
    @Test func aDescriptorThatWasClosedReportsNothing() throws {
        var reported: [Token] = []
        for _ in 0..<20 {
            let poller = try Poller()
            var events = EventBuffer(capacity: 16)
            var slab = Slab<Session>(capacity: 2)
            let token = try insertSession(into: &slab, poller)
            let witness = try insertSession(into: &slab, poller)
            #expect(slab[token.index].peer.send("x") == .bytes(1))
            _ = slab.remove(at: token.index)
            try poller.wait(into: &events)
            reported = (0..<events.count).map { events[$0].token }
            if reported == [witness] { return }
        }
        Issue.record("reported in each of 20 attempts: \(reported)")
    }

    @Test func theSecondSocketOfOneSessionHasAnotherToken() throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 16)
        var slab = Slab<Session>(capacity: 1)
        let first = try insertSession(into: &slab, poller, lap: 0)
        try poller.wait(into: &events)
        try #require(events.count == 1)
        let early = events[0].token

        // The session stays; its socket is replaced, as when a second backend is tried.
        let pair = try StreamPair()
        let second = Token(kind: 1, index: first.index, generation: first.generation, lap: first.lap + 1)
        slab[first.index].stream = pair.near
        slab[first.index].peer = pair.far
        #expect(slab[first.index].stream.add(to: poller, second) == nil)
        try poller.wait(into: &events)
        try #require(events.count == 1)

        #expect(slab.contains(early.key) && slab.contains(events[0].token.key))
        #expect(early.lap != events[0].token.lap)
        #expect(events[0].token == second)
    }
}
