import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// One session against a scripted kernel, whose time the test moves.
private struct Stage: ~Copyable {
    let kernel: StagedKernel
    var loop: BalancerLoop
    let hand: ManualClock
    let client: CInt
    let backend: CInt

    init(_ kernel: StagedKernel, adjust: (inout Configuration.Pool) -> Void = { _ in }) throws {
        let hand = ManualClock()
        var loop = try BalancerLoop(
            .staged(backends: 1, interval: .seconds(365 * 24 * 3600), adjust: adjust), clock: .manual(hand),
            output: .silent)
        try loop.turn(.immediately)
        kernel.arrive(at: kernel.listeners[0])
        try loop.turn(.immediately)
        let backend = loop.backendOfTheLastSession ?? -1
        kernel.post(backend, CEPOLL_OUT)
        try loop.turn(.immediately)
        self.kernel = kernel
        self.loop = loop
        self.hand = hand
        self.backend = backend
        client = kernel.accepted.last ?? -1
    }

    var isOver: Bool { !kernel.descriptors.contains(client) && !kernel.descriptors.contains(backend) }

    /// So many bytes arrive from a side.
    mutating func receive(_ count: Int, from side: CInt) throws {
        kernel.input[side] = [UInt8](repeating: 7, count: count)
        kernel.post(side, CEPOLL_IN | CEPOLL_OUT)
        try loop.turn(.immediately)
    }

    /// A side resets.
    mutating func reset(_ side: CInt) throws {
        kernel.errors[side] = ECONNRESET
        kernel.reset.insert(side)
        kernel.post(side, CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
        try loop.turn(.immediately)
    }

    /// Time passes in small steps; the timers that are due run.
    mutating func pass(seconds: Double) throws {
        for _ in 0..<Int(seconds * 20) {
            hand.now = hand.now + .milliseconds(50)
            try loop.turn(.immediately)
        }
    }
}

/// What a side has been sent, it gets, and nothing more is done than that needs.
@Suite struct LingerTests {
    private static func staged(
        _ adjust: (inout Configuration.Pool) -> Void = { _ in }, _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(kernel, adjust: adjust)
            try body(kernel, &stage)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The backend's bytes are discarded for nobody when it has acknowledged all that it was sent.
    @Test func aResetOfTheClientClosesTheBackendAtOnce() throws {
        try Self.staged { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.input[stage.backend] = [UInt8](repeating: 7, count: 1_000_000)
            try stage.reset(stage.client)
            let isOver = stage.isOver
            #expect(isOver)
            #expect(kernel.input[stage.backend]?.count == 1_000_000)
        }
    }

    /// Until it has, its socket stays open, and little is read from it.
    @Test func aBackendThatHasNotAcknowledgedIsNotReset() throws {
        try Self.staged { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.unacknowledged[stage.backend] = 1
            kernel.input[stage.backend] = [UInt8](repeating: 7, count: 10_000_000)
            try stage.reset(stage.client)
            kernel.post(stage.backend, CEPOLL_IN)
            try stage.pass(seconds: 3)
            let isOpen = kernel.descriptors.contains(stage.backend)
            let left = kernel.input[stage.backend]?.count ?? 0
            #expect(isOpen)
            #expect(left > 9_000_000 && left < 10_000_000, "\(left) left")
            kernel.unacknowledged[stage.backend] = 0
            try stage.pass(seconds: 2)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    /// The kernel took everything, and a slow client acknowledges it bit by bit.
    @Test func aSlowReaderGetsWhatItsBackendSentBeforeAReset() throws {
        try Self.staged { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.room[stage.client] = 0
            kernel.unacknowledged[stage.client] = 1_000_000
            try stage.receive(50_000, from: stage.backend)
            try stage.reset(stage.backend)
            for step in 1...30 {
                kernel.unacknowledged[stage.client] = CInt(1_000_000 - step * 1000)
                try stage.pass(seconds: 3)
            }
            let isOpen = kernel.descriptors.contains(stage.client)
            #expect(isOpen)
            kernel.room[stage.client] = nil
            kernel.unacknowledged[stage.client] = 0
            kernel.post(stage.client, CEPOLL_OUT)
            try stage.pass(seconds: 2)
            let isOver = stage.isOver
            #expect(isOver)
            #expect(kernel.output[stage.client]?.count == 50_000)
        }
    }

    /// The control: one that acknowledges nothing is idle at some time.
    @Test func aReaderThatStandsStillEndsTheSession() throws {
        try Self.staged(Self.shortIdle) { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.room[stage.client] = 0
            kernel.unacknowledged[stage.client] = 1_000_000
            try stage.receive(50_000, from: stage.backend)
            try stage.reset(stage.backend)
            try stage.pass(seconds: 7)
            let isOpen = kernel.descriptors.contains(stage.client)
            #expect(isOpen)
            try stage.pass(seconds: 3)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    /// A client resets, and its backend takes nothing: the session is not kept for the idle timeout.
    @Test func aBackendThatStandsStillEndsTheSession() throws {
        try Self.staged { kernel, stage in
            kernel.room[stage.backend] = 0
            kernel.unacknowledged[stage.backend] = 1_000_000
            try stage.receive(50_000, from: stage.client)
            try stage.reset(stage.client)
            try stage.pass(seconds: 4)
            let isOpen = kernel.descriptors.contains(stage.backend)
            #expect(isOpen)
            try stage.pass(seconds: 2)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    /// With everything in the kernel's buffers, its socket is only kept open so that no RST destroys them: not for long.
    @Test func aReaderThatStandsStillIsNotProtectedForLong() throws {
        try Self.staged { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.unacknowledged[stage.client] = 50_000
            try stage.receive(50_000, from: stage.backend)
            try stage.reset(stage.backend)
            try stage.pass(seconds: 4)
            let isOpen = kernel.descriptors.contains(stage.client)
            #expect(isOpen)
            try stage.pass(seconds: 2)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    /// However much the client goes on sending, its socket is not closed with bytes unread: the RST would destroy what it
    /// has not acknowledged.
    @Test func aClientThatGoesOnSendingGetsItsBytes() throws {
        try Self.staged { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.unacknowledged[stage.client] = 50_000
            try stage.receive(50_000, from: stage.backend)
            try stage.reset(stage.backend)
            kernel.input[stage.client] = [UInt8](repeating: 7, count: 20_000_000)
            kernel.post(stage.client, CEPOLL_IN)
            for step in 1...40 {
                kernel.unacknowledged[stage.client] = CInt(50_000 - step * 1000)
                try stage.pass(seconds: 2)
            }
            let isOpen = kernel.descriptors.contains(stage.client)
            let left = kernel.input[stage.client]?.count ?? 0
            #expect(isOpen)
            #expect(left >= 20_000_000 - Int(Limits.lingerBytesMax) - Limits.lingerChunkBytes)
            kernel.unacknowledged[stage.client] = 0
            try stage.pass(seconds: 3)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    // MARK: idleness

    private static func shortIdle(_ pool: inout Configuration.Pool) { pool.timeouts.idle = .seconds(8) }

    /// No event comes while a reader empties a send buffer of megabytes.
    @Test func aReaderThatAcknowledgesIsNotIdle() throws {
        try Self.staged(Self.shortIdle) { kernel, stage in
            try stage.receive(1, from: stage.client)
            kernel.unacknowledged[stage.client] = 1_000_000
            try stage.receive(1_000_000, from: stage.backend)
            for step in 1...20 {
                kernel.unacknowledged[stage.client] = CInt(1_000_000 - step * 1000)
                try stage.pass(seconds: 4)
            }
            let isOpen = kernel.descriptors.contains(stage.client)
            #expect(isOpen)
            // It acknowledges nothing more: idle, at a quarter of the time later at the most.
            try stage.pass(seconds: 11)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    @Test func aSessionInWhichAllIsAcknowledgedEndsInTime() throws {
        try Self.staged(Self.shortIdle) { kernel, stage in
            try stage.receive(1, from: stage.client)
            try stage.pass(seconds: 7)
            let isOpen = kernel.descriptors.contains(stage.client)
            #expect(isOpen)
            try stage.pass(seconds: 1.5)
            let isOver = stage.isOver
            #expect(isOver)
        }
    }

    // MARK: the kernel's memory

    private static func values(_ kernel: StagedKernel, _ socket: CInt, _ option: CInt) -> [CInt] {
        kernel.options.filter { $0.socket == socket && $0.option == option }.map(\.value)
    }

    /// A small session costs no call for it; one that moves much is limited, and one that moves very much is not.
    @Test func theKernelsBuffersFollowWhatADirectionMoves() throws {
        try Self.staged { kernel, stage in
            try stage.receive(60_000, from: stage.backend)
            #expect(Self.values(kernel, stage.client, TCP_NOTSENT_LOWAT).isEmpty)
            try stage.receive(10_000, from: stage.backend)
            try stage.receive(10_000, from: stage.backend)
            #expect(Self.values(kernel, stage.client, TCP_NOTSENT_LOWAT) == [CInt(Limits.unsentBytesMax)])
            #expect(Self.values(kernel, stage.backend, SO_RCVBUF) == [CInt(Limits.receiveBytesNear)])
            for _ in 0..<20 { try stage.receive(256 << 10, from: stage.backend) }
            #expect(Self.values(kernel, stage.client, TCP_NOTSENT_LOWAT) == [CInt(Limits.unsentBytesMax), .max])
            let raised = stage.loop.sessions.relay.raised
            #expect(raised == 1)
            try stage.reset(stage.client)
            let after = stage.loop.sessions.relay.raised
            #expect(after == 0)
        }
    }

    /// A source far away needs a window of its own.
    @Test func aSourceThatIsFarAwayKeepsItsReceiveBuffer() throws {
        try Self.staged { kernel, stage in
            kernel.roundTrip = 40_000
            for _ in 0..<3 { try stage.receive(60_000, from: stage.backend) }
            #expect(Self.values(kernel, stage.client, TCP_NOTSENT_LOWAT) == [CInt(Limits.unsentBytesMax)])
            #expect(Self.values(kernel, stage.backend, SO_RCVBUF).isEmpty)
        }
    }

    /// The option is there before the first byte can come: an urgent byte that is read without it is lost.
    @Test func urgentBytesStayInTheStreamFromTheBeginning() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(.staged(backends: 1), clock: .manual(ManualClock()), output: .silent)
            try loop.turn(.immediately)
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let backend = loop.backendOfTheLastSession ?? -1
            #expect(Self.values(kernel, backend, SO_OOBINLINE) == [1])
        }
    }
}
