import Glibc
import Reactor
import Testing

@testable import Balancer

/// The service manager's watchdog, by a clock that the test moves.
@Suite struct WatchdogStallTests {
    /// The manager kills a process that is silent for six seconds by the machine's clock. A process that stood still has
    /// used them up already, and must not wait for its next beat.
    @Test func theWatchdogBeatsAtOnceAfterAStall() throws {
        let inbox = try Inbox(for: "watchdog")
        let kernel = StagedKernel()
        kernel.connectAnswer = { _ in 0 }
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            let variables = ["NOTIFY_SOCKET": inbox.name, "WATCHDOG_USEC": "6000000"]
            var loop = try BalancerLoop(
                .staged(backends: 1), clock: .manual(hand),
                service: ServiceManager.find(environment: { variables[$0] }), output: .silent)
            try loop.turn(.immediately)
            let started = inbox.all()
            #expect(started == ["READY=1\nSTATUS=serving: 1 of 1 backends up", "WATCHDOG=1"])

            // Every two seconds.
            for second in 1...4 {
                for _ in 0..<20 {
                    hand.now = hand.now + .milliseconds(50)
                    try loop.turn(.immediately)
                }
                #expect(inbox.all() == (second % 2 == 0 ? ["WATCHDOG=1"] : []), "second \(second)")
            }
            hand.now = hand.now + .seconds(5)
            try loop.turn(.immediately)
            #expect(inbox.all() == ["WATCHDOG=1"])
            #expect(loop.shared.total(.stalls) == 1)
        }
        #expect(kernel.descriptors.isEmpty)
    }
}
