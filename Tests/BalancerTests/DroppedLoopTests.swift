import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// A loop that ends without `stop`, as when an error is thrown past it.
@Suite struct DroppedLoopTests {
    /// Sessions in all their phases, bytes that no side takes, probes under way, connections held ready.
    @Test func aLoopThatIsDroppedClosesItsDescriptors() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(
                .staged(backends: 3, warm: 2), clock: .manual(ManualClock()), output: .silent)
            // Probes begin. That of the last backend succeeds, and connections to it are made ready.
            try loop.turn(.immediately)
            kernel.post(try #require(kernel.sockets(to: .backend(2)).last), CEPOLL_OUT)
            for _ in 0..<4 { try loop.turn(.immediately) }
            var sessions: [(client: CInt, backend: CInt)] = []
            for _ in 0..<4 {
                kernel.arrive(at: kernel.listeners[0])
                let before = kernel.descriptors
                try loop.turn(.immediately)
                let client = try #require(kernel.accepted.last)
                let backend = loop.backendOfTheLastSession
                #expect(!before.contains(client))
                sessions.append((client, try #require(backend)))
            }
            // Three are connected. The bytes of one wait for its backend, those of another for its client, which is gone
            // from the other side.
            for place in 0..<3 { kernel.post(sessions[place].backend, CEPOLL_OUT) }
            try loop.turn(.immediately)
            kernel.room[sessions[0].backend] = 5
            kernel.input[sessions[0].client] = [UInt8](repeating: 1, count: 100)
            kernel.post(sessions[0].client, CEPOLL_IN | CEPOLL_OUT)
            kernel.room[sessions[1].client] = 0
            kernel.input[sessions[1].backend] = [UInt8](repeating: 2, count: 100)
            kernel.errors[sessions[1].backend] = ECONNRESET
            kernel.ended.insert(sessions[1].backend)
            kernel.post(sessions[1].backend, CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP)
            try loop.turn(.immediately)

            let phases = loop.sessions.slab.indexRange.map { loop.sessions.slab[$0].phase }
            #expect(phases == [.relaying, .lingering, .relaying, .connecting])
            let waiting = loop.sessions.relay.memory.blocks.taken
            let warm = loop.targets.warmCount
            #expect(waiting == 2 && warm > 0)
            let expected = Audit(loop).descriptors
            #expect(kernel.descriptors.count == expected)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The set-up fails half way: what was opened until then is closed.
    @Test func aLoopThatCannotBeMadeClosesItsDescriptors() throws {
        // How many it opens without a limit.
        let enough = StagedKernel()
        var needed = 0
        try withScriptedKernel(enough) {
            let loop = try BalancerLoop(.staged(backends: 2), clock: .manual(ManualClock()), output: .silent)
            needed = enough.descriptors.count
            _ = consume loop
        }
        #expect(enough.descriptors.isEmpty && needed > 3)
        var failures = 0
        for allowed in 0..<needed {
            let kernel = StagedKernel()
            kernel.descriptorsMax = allowed
            withScriptedKernel(kernel) {
                do throws(SystemCallError) {
                    let configuration = try? Configuration.staged(backends: 2)
                    guard let configuration else { return }
                    _ = try BalancerLoop(configuration, clock: .manual(ManualClock()), output: .silent)
                } catch {
                    #expect(error.errno == Errno(rawValue: EMFILE))
                    failures += 1
                }
            }
            #expect(kernel.descriptors.isEmpty, "of \(allowed)")
        }
        // Only without its reserve a loop can begin.
        #expect(failures >= 3)
    }
}
