import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// The machine is short of ports or descriptors: connections that no client has yet are closed.
@Suite struct WarmShortageTests {
    private static let backends = 100

    /// A loop with a connection held ready to each of its backends.
    private static func staged(
        backends: Int, warm: Int, _ body: (StagedKernel, inout BalancerLoop, ManualClock) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                .staged(backends: backends, warm: warm), clock: .manual(hand), output: .silent)
            try loop.turn(.immediately)
            // The first probes, which of many backends take a second, succeed, after which connections are made.
            let isSpread = backends > Limits.probesAtOnce
            var answered = 0
            for _ in 0..<(isSpread ? 25 : 1) {
                for connect in kernel.connects[answered...] { kernel.post(connect.socket, CEPOLL_OUT) }
                answered = kernel.connects.count
                if isSpread { hand.now = hand.now + .milliseconds(50) }
                for _ in 0..<4 { try loop.turn(.immediately) }
            }
            let held = loop.targets.warmCount
            #expect(held == backends * warm)
            try body(kernel, &loop, hand)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The sockets held ready, by the order of their backends: all that have begun to connect and are open.
    private static func held(_ kernel: StagedKernel) -> [CInt] {
        kernel.connects.filter { kernel.descriptors.contains($0.socket) }
            .sorted { $0.address.description < $1.address.description }.map(\.socket)
    }

    /// `count` clients, one after the other, whose session ends when it has tried all backends.
    private static func serve(_ count: Int, _ kernel: StagedKernel, _ loop: inout BalancerLoop) throws {
        for _ in 0..<count {
            kernel.arrive(at: kernel.listeners[0])
            for _ in 0...backends / Limits.connectsPerTurn { try loop.turn(.immediately) }
            let left = loop.sessions.count
            #expect(left == 0)
        }
    }

    private static func suspects(_ loop: borrowing BalancerLoop) -> Int {
        loop.targets.states.indexRange.count { loop.targets.states[$0].warm.isSuspect }
    }

    /// A thousand attempts that find no port, over a hundred backends: the first gives back what is held ready, and the
    /// others cost the calls of an attempt and no more.
    @Test func attemptsWithoutAPortGiveBackOnceWhatIsHeld() throws {
        try Self.staged(backends: Self.backends, warm: 1) { kernel, loop, hand in
            let held = Self.held(kernel)
            #expect(held.count == Self.backends)
            // The first session finds that its connection has ended meanwhile, and has to make one.
            kernel.ended.insert(held[0])
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            let before = (sockets: kernel.sockets, closed: kernel.closed.count, looks: kernel.looks)
            try Self.serve(10, kernel, &loop)
            let attempts = 10 * Self.backends
            let counts = [Counter.connects, .failedNoPort, .endedShortage].map { loop.shared.total($0) }
            #expect(counts == [UInt64(attempts), UInt64(attempts), 10])
            #expect(kernel.sockets - before.sockets == attempts)
            // The sockets of the attempts, of the clients, and each of those held ready once.
            #expect(kernel.closed.count - before.closed == attempts + 10 + Self.backends)
            #expect(kernel.looks - before.looks == 1)
            #expect(held.allSatisfy { !kernel.descriptors.contains($0) })
            let (warm, suspects) = (loop.targets.warmCount, Self.suspects(loop))
            #expect(warm == 0 && suspects == Self.backends)
        }
    }

    /// Where nothing is held no backend is looked at: a look would mark it.
    @Test func attemptsWithoutAPortLookAtNoBackendWhereNothingIsHeld() throws {
        try Self.staged(backends: Self.backends, warm: 0) { kernel, loop, hand in
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            let before = (sockets: kernel.sockets, closed: kernel.closed.count, looks: kernel.looks)
            let suspectsBefore = Self.suspects(loop)
            try Self.serve(10, kernel, &loop)
            let attempts = 10 * Self.backends
            #expect(kernel.sockets - before.sockets == attempts)
            #expect(kernel.closed.count - before.closed == attempts + 10)
            #expect(kernel.looks == before.looks)
            let suspects = Self.suspects(loop)
            #expect(suspects == suspectsBefore)
        }
    }

    /// Without a descriptor for one backend there is none for the others: the session makes one attempt.
    @Test func aSessionWithoutADescriptorTriesNoOtherBackend() throws {
        try Self.staged(backends: Self.backends, warm: 0) { kernel, loop, hand in
            // The client's socket gets the last descriptor.
            kernel.descriptorsMax = kernel.descriptors.count + 1
            let sockets = kernel.sockets
            let suspectsBefore = Self.suspects(loop)
            try Self.serve(10, kernel, &loop)
            #expect(kernel.sockets - sockets == 10)
            let counts = [Counter.connects, .failedNoDescriptor, .endedShortage].map { loop.shared.total($0) }
            #expect(counts == [10, 10, 10])
            let suspects = Self.suspects(loop)
            #expect(suspects == suspectsBefore)
        }
    }

    /// There is no descriptor for a client, and connections are held ready for others: they are closed, and the client
    /// is served with what that gives back.
    @Test func aClientIsServedWithWhatIsGivenBack() throws {
        try Self.staged(backends: 4, warm: 2) { kernel, loop, hand in
            kernel.descriptorsMax = kernel.descriptors.count
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let (sessions, warm) = (loop.sessions.count, loop.targets.warmCount)
            #expect(sessions == 1 && warm == 0)
            #expect(kernel.accepted.count == 1)
            #expect(kernel.accepted.allSatisfy { kernel.descriptors.contains($0) })
        }
    }

    /// The client has the last descriptor, and none is held ready for the backend whose turn it is. What is held for the
    /// others is given back, and one of those serves.
    @Test func aSessionIsConnectedWithWhatIsGivenBack() throws {
        try Self.staged(backends: 3, warm: 1) { kernel, loop, hand in
            let first = try #require(kernel.sockets(to: .backend(0)).first { kernel.descriptors.contains($0) })
            kernel.ended.insert(first)
            // The one that has ended is closed, which is a descriptor less.
            kernel.onClose = { _ in
                kernel.descriptorsMax -= 1
                kernel.onClose = nil
            }
            kernel.descriptorsMax = kernel.descriptors.count + 1
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let rows = loop.sessionTable()
            #expect(rows.map(\.backend) == [.backend(1)])
            let counts = [Counter.connects, .failedNoDescriptor, .endedShortage].map { loop.shared.total($0) }
            #expect(counts == [2, 1, 0])
        }
    }

    /// Nothing is made ready again before the next look, which comes with the interval of the probes.
    @Test func nothingIsMadeReadyBeforeTheNextLook() throws {
        try Self.staged(backends: 2, warm: 1) { kernel, loop, hand in
            kernel.ended.insert(Self.held(kernel)[0])
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            try Self.serve(1, kernel, &loop)
            kernel.connectAnswer = { _ in -EINPROGRESS }
            for _ in 0..<590 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let none = loop.targets.warmCount
            #expect(none == 0)
            for _ in 0..<20 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let again = loop.targets.warmCount
            #expect(again == 2)
        }
    }
}
