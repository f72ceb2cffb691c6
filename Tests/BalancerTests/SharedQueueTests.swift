import Testing

@testable import Balancer

/// How loops offer each other places for the clients that wait.
@Suite struct SharedQueueTests {
    @Test func placesAreOfferedInTurnToLoopsWithClients() {
        let queue = SharedQueue()
        #expect(queue.offer() == nil)
        for loop in [0, 2, 5] { queue.mark(loop) }
        #expect((0..<4).map { _ in queue.offer() } == [0, 2, 5, 0])
        let taken = (0..<6).filter { queue.takeOffer($0) }
        #expect(taken == [0, 2, 5])
        #expect(!(0..<6).contains { queue.takeOffer($0) })
        queue.unmark(2)
        #expect((0..<3).map { _ in queue.offer() } == [5, 0, 5])
    }

    /// A place that nobody can use goes once round, and no further.
    @Test func aPlaceIsPassedOnOnceRound() {
        let queue = SharedQueue()
        for loop in 0..<3 { queue.mark(loop) }
        var loop = queue.offer()
        var holders: [Int] = []
        while let holder = loop, holders.count < 10 {
            holders.append(holder)
            loop = queue.passOn(by: holder, of: 3)
        }
        #expect(holders == [0, 1, 2])
        // The next place goes round anew.
        #expect(queue.offer() == 0)
        #expect(queue.passOn(by: 0, of: 3) == 1)
        // To nobody but others.
        queue.unmark(1)
        queue.unmark(2)
        #expect(queue.offer() == 0)
        #expect(queue.passOn(by: 0, of: 3) == nil)
    }

    @Test func asManyWaitAsMay() {
        let queue = SharedQueue()
        #expect((0..<5).map { _ in queue.enter(atMost: 3) } == [true, true, true, false, false])
        queue.leave()
        #expect(queue.count == 2 && queue.enter(atMost: 3))
    }
}

/// The limit of a listener that several loops share.
@Suite struct ListenerPlacesTests {
    @Test func loopsHaveTheTurnOneAfterTheOther() {
        let places = ListenerPlaces()
        places.limit(to: 1)
        #expect(places.reserve(0))
        places.occupy()
        #expect(!places.reserve(1) && !places.reserve(0) && places.sessions == 1)
        // The loop whose session has ended waits, and is not first because it is awake.
        #expect(places.vacate() == 0)
        #expect(!places.reserve(1))
        #expect(places.reserve(0))
        // It has no client: the next one has the turn.
        #expect(places.giveUp() == 1)
        #expect(places.reserve(1))
        places.occupy()
        #expect(places.vacate() == nil && places.sessions == 0)
    }

    @Test func aLimitThatIsRaisedHoldsAtOnce() {
        let places = ListenerPlaces()
        places.limit(to: 1)
        places.add(3)
        #expect(!places.reserve(0))
        places.limit(to: 4)
        places.tryAnew(0)
        #expect(places.reserve(0))
        places.occupy()
        #expect(!places.reserve(0) && places.sessions == 4)
        #expect(places.vacate() == 0)
    }
}
