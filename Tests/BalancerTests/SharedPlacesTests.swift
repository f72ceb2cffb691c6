import Dispatch
import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Balancer

@Suite struct SharedPlacesTests {
    @Test func theLimitCountsReservedPlacesAndTheTableDoesNot() {
        let places = SharedPlaces(max: 2)
        let reserved = [places.reserve(), places.reserve(), places.reserve()]
        #expect(reserved == [true, true, false])
        #expect(places.occupied == 0)
        #expect(!places.isOccupied as Bool)
        places.occupy()
        places.giveUp()
        #expect(places.occupied == 1)
        let again = [places.reserve(), places.reserve()]
        #expect(again == [true, false])
        places.occupy()
        #expect(places.isOccupied as Bool)
        let left = [places.vacate(), places.vacate()]
        #expect(left == [1, 0])
    }

    @Test func whoeverFindsAPlaceFreeAfterAllDoesNotWait() {
        let places = SharedPlaces(max: 1)
        #expect(!places.wait(3) as Bool)
        #expect(!places.isWaiting(3) as Bool)
        #expect(places.reserve() as Bool)
        #expect(places.wait(3) as Bool)
        #expect(places.isWaiting(3) as Bool)
        #expect(places.nextWaitingForFree() == nil)
        places.giveUp()
        #expect(places.nextWaitingForFree() == 3)
        #expect(places.nextWaiting() == nil)
    }

    @Test func thoseThatWaitHaveTheirTurns() {
        let places = SharedPlaces(max: 1)
        #expect(places.reserve() as Bool)
        for loop in [0, 5, 63] { #expect(places.wait(loop) as Bool) }
        // Loop 0 waits again at once, and is no obstacle to the others.
        var woken: [Int?] = []
        for _ in 0..<4 {
            woken.append(places.nextWaiting())
            _ = places.wait(0)
        }
        #expect(woken == [0, 5, 63, 0])
    }

    /// Loops with far more clients than places: no more than the limit are ever inside, and all are served.
    @Test(arguments: [1, 2, 3]) func theLimitHoldsForTheSum(max: Int) throws {
        let trial = Trial(max: max, loops: 4)
        try run(trial, loops: 4) { $0.serveMany($1, rounds: 5000) }
        #expect(trial.mostInside.load(ordering: .relaxed) <= max)
    }

    /// One place goes to and fro between two loops, and each time its end meets the other's search. Only that one end
    /// can wake the other: a wake-up lost is a deadlock, found by its deadline.
    @Test func noWakeUpIsLost() throws {
        let trial = Trial(max: 1, loops: 2)
        try run(trial, loops: 2) { $0.handOver($1, rounds: 20_000) }
    }

    private func run(_ trial: Trial, loops: Int, _ body: @escaping @Sendable (Trial, Int) -> Void) throws {
        var threads = Slab<LoopThread>(capacity: loops)
        for loop in 0..<loops { _ = threads.insert(try LoopThread(name: "loop \(loop)") { body(trial, loop) }) }
        for place in 0..<loops { threads.remove(at: place).join() }
        #expect(!trial.wasStuck.load(ordering: .relaxed) as Bool)
        #expect(trial.places.occupied == 0)
    }
}

/// Threads that take and give places as loops do; a semaphore stands for a loop's eventfd.
private final class Trial: Sendable {
    let places: SharedPlaces
    let wakers: [DispatchSemaphore]
    let running: Atomic<Int>
    let inside = Atomic(0)
    let mostInside = Atomic(0)
    let wasStuck = Atomic(false)

    /// How many have come to the start of a round, over all rounds.
    let arrived = Atomic(0)

    init(max: Int, loops: Int) {
        places = SharedPlaces(max: max)
        wakers = (0..<loops).map { _ in DispatchSemaphore(value: 0) }
        running = Atomic(loops)
    }

    /// In each round the one with the place lets go of it, while the other takes it.
    func handOver(_ loop: Int, rounds: Int) {
        for round in 0..<rounds {
            arrived.add(1, ordering: .sequentiallyConsistent)
            while arrived.load(ordering: .sequentiallyConsistent) < 2 * (round + 1) {
                if wasStuck.load(ordering: .relaxed) { return }
                sched_yield()
            }
            if round % 2 == loop {
                guard reserve(loop) else { return }
                places.occupy()
            } else if round > 0 {
                _ = places.vacate()
                wake(places.nextWaiting())
            }
        }
        if rounds % 2 != loop { _ = places.vacate() }
    }

    func serveMany(_ loop: Int, rounds: Int) {
        var random = SeededGenerator(seed: UInt64(loop + 1))
        for _ in 0..<rounds {
            guard reserve(loop) else { break }
            if random.chance(30) {
                // Its clients have left.
                places.giveUp()
            } else {
                serve()
            }
            wake(places.nextWaiting())
        }
        running.subtract(1, ordering: .sequentiallyConsistent)
        for other in wakers.indices { wake(other) }
        // A loop without clients passes on the wakes it still gets.
        while running.load(ordering: .sequentiallyConsistent) > 0, awaitWake(loop) { wake(places.nextWaitingForFree()) }
    }

    private func reserve(_ loop: Int) -> Bool {
        while !places.reserve() {
            if places.wait(loop), !awaitWake(loop) { return false }
        }
        return true
    }

    private func serve() {
        places.occupy()
        mostInside.max(inside.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
        inside.subtract(1, ordering: .relaxed)
        _ = places.vacate()
    }

    private func wake(_ loop: Int?) {
        if let loop { wakers[loop].signal() }
    }

    private func awaitWake(_ loop: Int) -> Bool {
        if wakers[loop].wait(timeout: .now() + .seconds(30)) == .success { return true }
        wasStuck.store(true, ordering: .relaxed)
        return false
    }
}
