import Glibc
import Reactor
import Testing

@testable import Benchmark

/// Work beside which something else happens.
@Suite struct DisturbanceTests {
    /// An origin that a thread runs until its leash is let go.
    private final class RunningOrigin: @unchecked Sendable {
        private var origin: Origin
        private let leash: [CInt]
        let port: UInt16

        init() throws {
            origin = try Origin(.ipv4(0x7F00_0001, port: 0))
            port = origin.address.port
            var ends: [CInt] = [-1, -1]
            try #require(unsafe pipe(&ends) == 0)
            // Programs that other tests start meanwhile must not hold it.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            leash = ends
        }

        /// Carries out a plan with the origin running beside.
        func sample(_ plan: LoadPlan) throws -> Sample {
            var plan = plan
            plan.port = port
            plan.warmUp = 0.02
            plan.seconds = 0.1
            var generator = try Generator(plan)
            let thread = try LoopThread(name: "origin") { try? self.origin.run(leash: self.leash[0]) }
            let sample = Result { try generator.run() }
            close(leash[1])
            thread.join()
            close(leash[0])
            return try sample.get()
        }
    }

    private func pingPong(beside disturbance: LoadPlan.Disturbance, _ count: Int) -> LoadPlan {
        var plan = LoadPlan(.pingPong, connections: 2)
        plan.disturbance = disturbance
        plan.disturbers = count
        return plan
    }

    /// Downloads are read in the generator's loop, or by a thread where there is a core for it.
    @Test(arguments: [nil, 0], [0, 20_000_000])
    func downloadsBesideTheWorkAreCounted(readerCore: Int?, rate: Int) throws {
        var plan = pingPong(beside: .downloads, 2)
        plan.downloadRate = rate
        plan.readerCore = readerCore
        let sample = try RunningOrigin().sample(plan)
        #expect(sample.errorCount == 0, "\(sample.errors)")
        #expect(sample.units > 0)
        #expect(sample.alone != nil)
        let bytes = try #require(sample.bulkBytes)
        #expect(bytes > 0)
        #expect(sample.loadCores == (readerCore == nil ? nil : 2))
    }

    @Test func shortConnectionsComeAtTheirRate() throws {
        var plan = pingPong(beside: .storm, 0)
        plan.visitRate = 1000
        let sample = try RunningOrigin().sample(plan)
        #expect(sample.errorCount == 0, "\(sample.errors)")
        #expect(sample.units > 0)
        // All that were due in the window, of a tenth of a second, whenever they were answered.
        #expect(try (99...101).contains(#require(sample.visits).count))
        #expect(sample.bulkBytes == nil)
    }

    @Test func idleSessionsStayBesideTheWork() throws {
        let sample = try RunningOrigin().sample(pingPong(beside: .idlers, 300))
        #expect(sample.errorCount == 0, "\(sample.errors)")
        #expect(sample.units > 0)
        #expect(sample.visits == nil)
    }

    @Test func plansThatCannotBeCarriedOutAreRefused() {
        var plan = pingPong(beside: .storm, 0)
        plan.port = 1
        #expect(plan.fault?.hasPrefix("visitRate") == true)
        plan.visitRate = 100
        #expect(plan.fault == nil)
        plan.downloadRate = -1
        #expect(plan.fault?.hasPrefix("downloadRate") == true)
        var herd = LoadPlan(.herd, connections: 2)
        herd.port = 1
        #expect(herd.fault?.hasPrefix("origin") == true)
    }
}
