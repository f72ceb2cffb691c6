import Glibc
import Reactor
import Synchronization
import Testing

@testable import Balancer

@Suite struct CountersTests {
    @Test func aCounterBelongsToOneLoopAndOneThing() {
        let counters = TargetCounters(loops: 3)
        counters.cells(ofLoop: 0).add(.connects)
        counters.cells(ofLoop: 2).add(.connects, 4)
        counters.cells(ofLoop: 1).add(.bytesUp, 1000)
        #expect(counters[.connects] == 5)
        #expect(counters[.bytesUp] == 1000)
        #expect(counters.cells(ofLoop: 1)[.connects] == 0)
        for counter in Counter.allCases where counter != .connects && counter != .bytesUp {
            #expect(counters[counter] == 0, "\(counter)")
        }
    }

    /// One writer without a read-modify-write instruction and two readers: no sum is torn or decreases, and no addition is
    /// lost.
    /// The step is larger than half of a word, so that a torn value would be seen.
    @Test func readersSeeWhatOneWriterCounts() throws {
        let step = UInt64(1) << 32 | 1
        let meter = Meter(step: step)
        var threads = Slab<LoopThread>(capacity: 2)
        for number in 0..<2 {
            _ = threads.insert(try LoopThread(name: "reader \(number)") { meter.watch() })
        }
        // Until the readers have had many sums, in a bounded time.
        let deadline = Clock.monotonic.now() + .seconds(20)
        let cells = meter.counters.cells(ofLoop: 0)
        var count: UInt64 = 0
        while meter.sums.load(ordering: .relaxed) < 20_000, Clock.monotonic.now() < deadline {
            for _ in 0..<100 { cells.add(.bytesDown, step) }
            count += 100
        }
        meter.isOver.store(true, ordering: .releasing)
        for place in 0..<2 { threads.remove(at: place).join() }
        #expect(meter.counters[.bytesDown] == step &* count)
        #expect(meter.wrong.load(ordering: .relaxed) == 0)
        #expect(meter.sums.load(ordering: .relaxed) >= 20_000)
    }

    @Test(
        arguments: [
            (ECONNREFUSED, .failedRefused), (ETIMEDOUT, .failedTimedOut), (EHOSTUNREACH, .failedUnreachable),
            (ENETUNREACH, .failedUnreachable), (EHOSTDOWN, .failedUnreachable), (ENETDOWN, .failedUnreachable),
            (ECONNRESET, .failedReset), (EPIPE, .failedReset), (ECONNABORTED, .failedReset),
            (EMFILE, .failedNoDescriptor), (ENFILE, .failedNoDescriptor), (EADDRNOTAVAIL, .failedNoPort),
            (EADDRINUSE, .failedNoPort), (ENOMEM, .failedNoMemory), (ENOBUFS, .failedNoMemory),
            (EACCES, .failedOtherwise),
            (EINVAL, .failedOtherwise),
            // connect(2) of a Unix socket: the queue of the listener is full.
            (EAGAIN, .failedRefused),
        ] as [(CInt, Counter)])
    func failuresHaveTheirClasses(number: CInt, counter: Counter) {
        #expect(Counter(failure: Errno(rawValue: number)) == counter)
        var journal = Journal.silent()
        let target = CounterBlock()
        journal.countFailure(Errno(rawValue: number), target.cells)
        for other in Counter.allCases {
            let expected: UInt64 = other == counter ? 1 : 0
            let all = journal.cells[other]
            #expect(all == expected && target.cells[other] == expected, "\(other)")
        }
    }

    /// Each reason has a counter of its own, in all and for the backend.
    @Test func sessionsAreCountedByWhyTheyEnded() {
        #expect(Set(EndReason.allCases.map(\.counter)).count == EndReason.allCases.count)
        for reason in EndReason.allCases {
            var journal = Journal.silent()
            let target = CounterBlock()
            journal.countEnd(reason, discarded: 17, target.cells)
            journal.countEnd(reason, discarded: 17, nil)
            for counter in Counter.allCases {
                let expected: UInt64 = counter == reason.counter ? 1 : counter == .bytesDiscarded ? 17 : 0
                let (all, one) = (journal.cells[counter], target.cells[counter])
                #expect(all == 2 * expected && one == expected, "\(reason), \(counter)")
            }
        }
    }
}

private final class Meter: Sendable {
    let counters = TargetCounters(loops: 2)
    let step: UInt64
    let isOver = Atomic(false)
    /// How many sums were read.
    let sums = Atomic(0)
    /// Sums that were less than one before, or no sum of whole steps.
    let wrong = Atomic(0)

    init(step: UInt64) { self.step = step }

    func watch() {
        var last: UInt64 = 0
        while true {
            let isLast = isOver.load(ordering: .acquiring)
            let sum = counters[.bytesDown]
            if sum < last || sum % step != 0 { wrong.add(1, ordering: .relaxed) }
            last = sum
            sums.add(1, ordering: .relaxed)
            if isLast { return }
        }
    }
}
