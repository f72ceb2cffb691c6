import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// The probes of a whole loop against a scripted kernel: their results, and what the roster says of them.
@Suite struct ProberTests {
    /// A loop whose probes come once a second, with its clock.
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand = ManualClock()

        init(_ kernel: StagedKernel, backends: Int) throws {
            loop = try BalancerLoop(
                .staged(backends: backends, interval: .seconds(1)), clock: .manual(hand), output: .silent)
            self.kernel = kernel
        }

        /// One turn, without time.
        mutating func turn() throws { try loop.turn(.immediately) }

        /// One interval, in which each backend is probed once.
        mutating func passInterval() throws {
            for _ in 0..<20 {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        var version: UInt64 { loop.shared.roster.version }
        var verdicts: [Bool] { loop.shared.roster.current().targets.map(\.isUp) }
        var addresses: [SocketAddress?] { loop.shared.roster.current().targets.map(\.address) }
        func total(_ counter: Counter) -> UInt64 { loop.shared.total(counter) }
    }

    private static func staged(backends: Int, _ body: (StagedKernel, inout Stage) throws -> Void) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(kernel, backends: backends)
            try body(kernel, &stage)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func id(_ number: Int) -> TargetID { TargetID(rawValue: UInt32(number)) }

    // MARK: late events

    /// The event was reported in the same poll in which the backend left.
    @Test func aProbeOfABackendThatLeftIsForgotten() throws {
        try Self.staged(backends: 2) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.sockets(to: .backend(0)).last)
            kernel.errors[probe] = ECONNREFUSED
            kernel.post(probe, CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP)
            let removed = try stage.loop.change(.remove(Self.id(0)))
            #expect(removed == .target(Self.id(0)))
            let version = stage.version
            try stage.turn()
            #expect(!kernel.descriptors.contains(probe))
            let (stale, after) = (stage.total(.staleEvents), stage.version)
            #expect(stale == 1 && after == version)
            let left = stage.addresses
            #expect(left == [.backend(1)])
            // It is not probed again.
            try stage.passInterval()
            try stage.passInterval()
            #expect(kernel.sockets(to: .backend(0)).count == 1)
            #expect(kernel.sockets(to: .backend(1)).count > 1)
        }
    }

    /// Another backend has the place of the one that left: an event of the first is no result of its probe.
    @Test func aLateEventIsNoResultOfAnotherBackendsProbe() throws {
        try Self.staged(backends: 1) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.sockets(to: .backend(0)).last)
            let pool = PoolID(rawValue: 0)
            _ = try stage.loop.change(.remove(Self.id(0)))
            try stage.turn()
            _ = try stage.loop.change(.add(.init(address: .backend(1)), to: pool))
            try stage.turn()
            try stage.turn()
            let other = try #require(kernel.sockets(to: .backend(1)).last)
            // From a batch that was read before.
            kernel.post(probe, CEPOLL_OUT)
            try stage.turn()
            let stale = stage.total(.staleEvents)
            #expect(stale == 1)
            #expect(kernel.descriptors.contains(other))
        }
    }

    /// A probe has timed out, and the next is under way: an event of the first is late.
    @Test func anEventOfTheProbeBeforeIsStale() throws {
        try Self.staged(backends: 1) { kernel, stage in
            try stage.turn()
            let first = try #require(kernel.sockets(to: .backend(0)).last)
            try stage.passInterval()
            try stage.passInterval()
            let second = try #require(kernel.sockets(to: .backend(0)).last)
            #expect(first != second && !kernel.descriptors.contains(first))
            kernel.post(first, CEPOLL_OUT)
            try stage.turn()
            let stale = stage.total(.staleEvents)
            #expect(stale == 1 && kernel.descriptors.contains(second))
        }
    }

    // MARK: the balancer itself

    /// A connect to a local port without a listener met itself: nobody listens there.
    @Test func aProbeThatMetItselfHasFailed() throws {
        try Self.staged(backends: 1) { kernel, stage in
            for _ in 0..<4 {
                try stage.turn()
                let probe = try #require(kernel.connects.last?.socket)
                kernel.localAddresses[probe] = .backend(0)
                kernel.post(probe, CEPOLL_OUT)
                try stage.passInterval()
            }
            let verdicts = stage.verdicts
            #expect(verdicts == [false])
        }
    }

    /// The machine gets the address of a backend while the balancer runs, which listens on every address: the backend is
    /// the balancer itself now. It is not connected to, and no client is sent there, from the next probe on.
    @Test func aBackendThatBecomesTheBalancerItselfIsLeftAtOnce() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var health = Configuration.HealthCheck()
            (health.interval, health.timeout) = (.seconds(1), .seconds(1))
            let other = SocketAddress.ipv4(0x0A00_0006, port: 40_000)
            kernel.sourceAnswer = { _ in other }
            let configuration = try Configuration(
                listeners: [.init(address: .ipv4(0, port: 80))],
                pools: [.init(backends: [.init(address: .backend(0))], health: health)], log: .none)
            var loop = try BalancerLoop(configuration, clock: .manual(hand), output: .silent)
            func pass() throws {
                for _ in 0..<20 {
                    hand.now = hand.now + .milliseconds(50)
                    for connect in kernel.connects where kernel.descriptors.contains(connect.socket) {
                        kernel.post(connect.socket, CEPOLL_OUT)
                    }
                    try loop.turn(.immediately)
                }
            }
            try pass()
            var isUp = loop.shared.roster.current().targets.allSatisfy(\.isUp)
            #expect(isUp && !kernel.connects.isEmpty)
            kernel.sourceAnswer = { $0.with(port: 40_000) }
            let probes = kernel.connects.count
            try pass()
            isUp = loop.shared.roster.current().targets.allSatisfy(\.isUp)
            #expect(!isUp && kernel.connects.count == probes)
            // The address has moved on.
            kernel.sourceAnswer = { _ in other }
            try pass()
            isUp = loop.shared.roster.current().targets.allSatisfy(\.isUp)
            #expect(isUp && kernel.connects.count > probes)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The one session whose connect met itself goes to the next backend.
    @Test func aSessionThatMetItselfIsRedispatched() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let itself = SocketAddress.ipv4(0x7F00_0001, port: 40_000)
            let configuration = try Configuration(
                listeners: [.init(address: .ipv4(0x7F00_0001, port: 20_000))],
                pools: [.init(backends: [.init(address: itself), .init(address: .backend(1))])], log: .none)
            var loop = try BalancerLoop(configuration, clock: .manual(ManualClock()), output: .silent)
            try loop.turn(.immediately)
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let socket = try #require(kernel.connects.last)
            #expect(socket.address == itself)
            kernel.localAddresses[socket.socket] = itself
            kernel.post(socket.socket, CEPOLL_OUT)
            try loop.turn(.immediately)
            #expect(kernel.connects.last?.address == .backend(1) && !kernel.descriptors.contains(socket.socket))
            loop.stop()
        }
    }

    // MARK: what is published

    /// Three backends are judged in one turn: the roster is revised once, when probes begin to fail or to succeed, and
    /// when a verdict changes.
    @Test func findingsArePublishedOncePerTurnAndOnlyWhenSomethingChanged() throws {
        try Self.staged(backends: 3) { kernel, stage in
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            try stage.turn()
            for failures in 1...6 {
                let (version, verdicts) = (stage.version, stage.verdicts)
                #expect(version == (failures < 4 ? 2 : 3), "after \(failures) failures")
                #expect(verdicts == [Bool](repeating: failures < 4, count: 3), "after \(failures) failures")
                try stage.passInterval()
            }
            kernel.connectAnswer = { _ in 0 }
            for _ in 0..<3 {
                try stage.passInterval()
                let (version, verdicts) = (stage.version, stage.verdicts)
                #expect(version == 4)
                #expect(verdicts == [true, true, true])
            }
            #expect(kernel.connects.count >= 3 * 9)
        }
    }

    /// A lack of descriptors on this machine says nothing about the backends: the verdicts stay, and that nothing is
    /// known any more is published once as many probes as take a backend down could not be made.
    @Test func aProbeThatCannotBeMadeIsNoVerdict() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.passInterval()
            kernel.descriptorsMax = kernel.descriptors.count
            for intervals in 1...8 {
                try stage.passInterval()
                let verdicts = stage.verdicts
                #expect(verdicts == [true, true])
                let probes = stage.loop.shared.roster.current().targets.map(\.probes)
                #expect(probes.map(\.canProbe) == [Bool](repeating: intervals < 4, count: 2), "\(intervals)")
                #expect(probes.allSatisfy { $0.last == .succeeded && $0.failureRuns == 0 })
            }
            let version = stage.version
            #expect(version == 3)
            kernel.descriptorsMax = .max
            try stage.passInterval()
            let canProbe = stage.loop.shared.roster.current().targets.map(\.probes.canProbe)
            #expect(canProbe == [true, true])
        }
    }

    // MARK: changes by others

    @Test func aBackendThatComesIsProbedAtOnce() throws {
        try Self.staged(backends: 1) { kernel, stage in
            try stage.passInterval()
            _ = try stage.loop.change(.add(.init(address: .backend(5)), to: PoolID(rawValue: 0)))
            try stage.turn()
            try stage.turn()
            #expect(kernel.sockets(to: .backend(5)).count == 1)
        }
    }

    /// The probe under way was of the old address, and so is its result.
    @Test func aBackendThatMovesIsProbedAtOnceAtItsNewAddress() throws {
        try Self.staged(backends: 1) { kernel, stage in
            try stage.turn()
            let old = try #require(kernel.connects.last?.socket)
            _ = try stage.loop.change(.move(Self.id(0), to: .backend(6)))
            try stage.turn()
            try stage.turn()
            #expect(kernel.connects.map(\.address) == [.backend(0), .backend(6)])
            #expect(!kernel.descriptors.contains(old))
        }
    }

    /// Another thread moves a backend, and changes its weight, in the very turn in which its probe takes it down: what
    /// the prober publishes is about the old address, and must not undo either change.
    @Test func whatOthersChangeMeanwhileIsKept() throws {
        try Self.staged(backends: 2) { kernel, stage in
            let roster = stage.loop.shared.roster
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            try stage.turn()
            for _ in 0..<2 { try stage.passInterval() }
            var isLast = false
            kernel.connectAnswer = { address in
                guard address == .backend(0), !isLast else { return -ECONNREFUSED }
                isLast = true
                _ = try? roster.apply(.move(Self.id(0), to: .backend(7)))
                _ = try? roster.apply(.weigh(Self.id(0), 33))
                return -ECONNREFUSED
            }
            try stage.passInterval()
            #expect(isLast)
            let verdicts = stage.verdicts
            #expect(verdicts == [false, false])
            let addresses = stage.addresses
            #expect(addresses == [.backend(7), .backend(1)])
            let weight = roster.current().targets.first { $0.id == Self.id(0) }?.weight
            #expect(weight == 33)
            try stage.passInterval()
            #expect(kernel.sockets(to: .backend(7)).count > 0)
        }
    }

    /// A backend that leaves in the turn in which it is judged does not come back.
    @Test func aFindingDoesNotBringABackendBack() throws {
        try Self.staged(backends: 2) { kernel, stage in
            let roster = stage.loop.shared.roster
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            try stage.turn()
            for _ in 0..<2 { try stage.passInterval() }
            kernel.connectAnswer = { address in
                if address == .backend(0) { _ = try? roster.apply(.remove(Self.id(0))) }
                return -ECONNREFUSED
            }
            try stage.passInterval()
            let (addresses, verdicts) = (stage.addresses, stage.verdicts)
            #expect(addresses == [.backend(1)])
            #expect(verdicts == [false])
        }
    }
}
