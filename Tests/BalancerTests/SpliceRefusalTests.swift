import Reactor
import Testing

@testable import Balancer

@Suite struct SpliceRefusalTests {
    private var limits: Limits {
        var limits = Limits(sessionsMax: 8)
        limits.chunkBytes = 128
        return limits
    }

    /// Every write finds room, so that what is counted does not depend on the seed.
    private func makeKernel(refusedPercent: Int) -> SimulatedKernel {
        SimulatedKernel(
            seed: 1, clients: 0,
            faults: .init(refusedSplicePercent: refusedPercent, spuriousBlockPercent: 0, stallPercent: 0))
    }

    @Test func aDirectionIsRefusedOnceAndALoopAFewTimes() {
        let kernel = makeKernel(refusedPercent: 100)
        withScriptedKernel(kernel) {
            var relay = Relay(limits: limits)
            for count in 1...2 * Limits.spliceRefusalsMax {
                var direction = SimulatedDirection(kernel)
                for _ in 0..<5 {
                    let isMoved = direction.moveChunk(&relay)
                    #expect(isMoved)
                }
                #expect(kernel.spliceCalls == min(count, Limits.spliceRefusalsMax))
                relay.release(&direction.session.link, isConnected: true)
            }
            #expect(kernel.splicedBytes == 0)
        }
    }

    /// A kind of socket that refuses is no reason to copy what others send.
    @Test func aSuccessForgetsTheRefusalsOfOthers() {
        let kernel = makeKernel(refusedPercent: 0)
        withScriptedKernel(kernel) {
            var relay = Relay(limits: limits)
            for _ in 0..<3 * Limits.spliceRefusalsMax {
                for refusedPercent in [100, 0] {
                    kernel.faults.refusedSplicePercent = refusedPercent
                    var direction = SimulatedDirection(kernel)
                    let calls = kernel.spliceCalls
                    let spliced = kernel.splicedBytes
                    for _ in 0..<2 {
                        let isMoved = direction.moveChunk(&relay)
                        #expect(isMoved)
                    }
                    #expect(kernel.spliceCalls > calls)
                    #expect((kernel.splicedBytes > spliced) == (refusedPercent == 0))
                    relay.release(&direction.session.link, isConnected: true)
                }
            }
        }
    }

    @Test func aShortageOfPipesIsNoRefusal() {
        let kernel = makeKernel(refusedPercent: 0)
        withScriptedKernel(kernel) {
            var relay = Relay(limits: limits)
            var direction = SimulatedDirection(kernel)
            kernel.faults.failedPipePercent = 100
            for _ in 0..<2 * Limits.spliceRefusalsMax {
                let isMoved = direction.moveChunk(&relay)
                #expect(isMoved)
            }
            #expect(kernel.spliceCalls == 0)
            kernel.faults.failedPipePercent = 0
            for _ in 0..<2 {
                let isMoved = direction.moveChunk(&relay)
                #expect(isMoved)
            }
            #expect(kernel.splicedBytes > 0)
            relay.release(&direction.session.link, isConnected: true)
        }
    }
}
