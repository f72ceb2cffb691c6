import Glibc
import Reactor
import Testing

@testable import Balancer

/// All checks fail at once: is it this machine?
@Suite struct FreezeTests {
    /// A loop whose probes each succeed or are refused, as `works` says of the backend's number.
    private final class Network {
        var works: (Int) -> Bool = { _ in true }
        let kernel = StagedKernel()
        let hand = ManualClock()

        init() {
            kernel.connectAnswer = { [unowned self] address in
                let number = (0..<8).first { SocketAddress.backend($0) == address }
                return number.map { works($0) } ?? false ? 0 : -ECONNREFUSED
            }
        }

        func pass(_ seconds: Int, _ loop: inout BalancerLoop) throws {
            for _ in 0..<seconds * 10 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
        }
    }

    private static func staged(
        _ backends: Int, freezes: Bool = true, fall: Int = 2, _ body: (Network, inout BalancerLoop) throws -> Void
    ) throws {
        let network = Network()
        try withScriptedKernel(network.kernel) {
            let configuration = try Configuration.staged(
                backends: backends, interval: .seconds(1), freezes: freezes,
                adjust: { ($0.health.fall, $0.health.startsUnknown) = (fall, true) })
            var loop = try BalancerLoop(configuration, clock: .manual(network.hand), output: .silent)
            try body(network, &loop)
            loop.stop()
        }
        #expect(network.kernel.descriptors.isEmpty)
    }

    private static func up(_ loop: borrowing BalancerLoop) -> [Bool] {
        loop.shared.roster.current().targets.map(\.isUp)
    }

    @Test(arguments: [1, 2, 4]) func verdictsStayUntilACheckSucceeds(fall: Int) throws {
        try Self.staged(3, fall: fall) { network, loop in
            try network.pass(3, &loop)
            network.works = { _ in false }
            try network.pass(10, &loop)
            let during = Self.up(loop)
            let state = loop.facts.service.state
            #expect(during == [true, true, true] && state == .impaired)
            // Sessions are tried.
            network.kernel.arrive(at: network.kernel.listeners[0])
            try loop.turn(.immediately)
            let tried = loop.journal.cells[.connects]
            #expect(tried == 3)
            // One check that succeeds shows that it is not this machine: each is judged by its own.
            network.works = { $0 == 1 }
            try network.pass(1 + fall, &loop)
            let after = Self.up(loop)
            let now = loop.facts.service.state
            #expect(after == [false, true, false] && now == .serving)
        }
    }

    @Test func twoMayWellBeDown() throws {
        try Self.staged(2) { network, loop in
            try network.pass(3, &loop)
            network.works = { _ in false }
            try network.pass(5, &loop)
            let up = Self.up(loop)
            #expect(up == [false, false])
        }
    }

    @Test func aBackendInMaintenanceIsNotOneThatAnswers() throws {
        try Self.staged(4) { network, loop in
            try network.pass(3, &loop)
            let name = SocketAddress.backend(3).description
            let order = Order(subject: .backend(pool: "default", name: name), action: .state(.maintain), time: nil)
            _ = try loop.carryOut(order, by: "user alice", isDryRun: false).get()
            try network.pass(1, &loop)
            network.works = { _ in false }
            try network.pass(5, &loop)
            let up = Self.up(loop)
            #expect(up[..<3] == [true, true, true])
        }
    }

    @Test func itCanBeSwitchedOff() throws {
        try Self.staged(3, freezes: false) { network, loop in
            try network.pass(3, &loop)
            network.works = { _ in false }
            try network.pass(5, &loop)
            let up = Self.up(loop)
            #expect(up == [false, false, false])
        }
    }

    /// One that was down before is of no interest, and stays down.
    @Test func thoseThatWereDownStayDown() throws {
        try Self.staged(4) { network, loop in
            try network.pass(3, &loop)
            network.works = { $0 != 2 }
            try network.pass(5, &loop)
            network.works = { _ in false }
            try network.pass(5, &loop)
            let up = Self.up(loop)
            #expect(up == [true, true, false, true])
        }
    }

    /// They fail one after the other, in more than an interval each: that is no sign of this machine.
    @Test func oneAfterTheOtherGoesDown() throws {
        try Self.staged(3) { network, loop in
            try network.pass(3, &loop)
            for count in 1...3 {
                network.works = { $0 >= count }
                try network.pass(6, &loop)
            }
            let up = Self.up(loop)
            #expect(up == [false, false, false])
        }
    }

    /// Nothing has ever answered: there are no verdicts to keep.
    @Test func whatHasNeverAnsweredIsDown() throws {
        try Self.staged(3) { network, loop in
            network.works = { _ in false }
            try network.pass(5, &loop)
            let up = Self.up(loop)
            let state = loop.facts.service.state
            #expect(up == [false, false, false] && state == .noBackend)
        }
    }
}
