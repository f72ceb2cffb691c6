import Glibc
import Reactor
import Testing

@testable import Balancer

@Suite struct HalfRelayTests {
    @Test func aLargeReadMakesADirectionBulkAndAFewSmallOnesEndThat() {
        var half = HalfRelay()
        half.recordRead(isLarge: false)
        #expect(!half.isBulk && !half.isSpliced)
        half.recordRead(isLarge: true)
        for _ in 1..<Limits.smallReadsMax { half.recordRead(isLarge: false) }
        #expect(half.isBulk && half.isSpliced)
        half.recordRead(isLarge: false)
        #expect(!half.isBulk && !half.isSpliced)
        half.recordRead(isLarge: false)
        #expect(!half.isBulk && !half.isSpliced)
    }

    @Test func aLargeReadInBetweenBeginsAnew() {
        var half = HalfRelay()
        half.recordRead(isLarge: true)
        half.recordRead(isLarge: false)
        half.recordRead(isLarge: true)
        for _ in 1..<Limits.smallReadsMax { half.recordRead(isLarge: false) }
        #expect(half.isBulk && half.isSpliced)
    }

    /// What is not spliced moves much all the same.
    @Test func aDirectionThatCannotBeSplicedIsBulkToo() {
        var half = HalfRelay()
        half.recordRead(isLarge: true)
        half.pauseSplices()
        half.recordRead(isLarge: false)
        #expect(half.isBulk && !half.isSpliced)
        half.recordRead(isLarge: true)
        #expect(half.isBulk && half.isSpliced)
        half.refuseSplices()
        half.recordRead(isLarge: true)
        #expect(half.isBulk && !half.isSpliced)
        for _ in 0..<Limits.smallReadsMax { half.recordRead(isLarge: false) }
        #expect(!half.isBulk && !half.isSpliced)
    }

    /// One side has failed already, so that the failure of the other changes nothing about the session: what waits for
    /// it is given up all the same, and not with the next event, which may never come.
    @Test func whatWaitsForASinkThatFailsIsGivenUpAtOnce() {
        let kernel = SimulatedKernel(seed: 1, clients: 0, faults: .init(spuriousBlockPercent: 0, stallPercent: 0))
        withScriptedKernel(kernel) {
            var relay = Relay(limits: Limits(sessionsMax: 1))
            var direction = SimulatedDirection(kernel)
            direction.source.inbox = Array(repeating: 7, count: 10)
            direction.sink.outboxRoom = 0
            direction.session.link.client.isReadable = true
            direction.session.link.backend.isWritable = true
            _ = relay.run(&direction.session.link)
            #expect(direction.session.link.upstream.waiting.count == 10)

            // What the backend sends finds the client gone.
            kernel.answers = [5, -Int(EPIPE)]
            direction.session.link.backend.isReadable = true
            _ = relay.run(&direction.session.link)
            #expect(direction.session.link.client.isBroken as Bool)
            #expect(direction.session.link.upstream.waiting.count == 10)

            direction.sink.resetByHost()
            direction.session.link.backend.note([.error, .hangup])
            _ = relay.run(&direction.session.link)
            #expect(direction.session.link.backend.isBroken as Bool)
            #expect(direction.session.link.upstream.stage == .discarding)
            #expect(direction.session.link.upstream.discarded == 10)
            #expect(relay.memory.blocks.taken == 0)
        }
    }
}
