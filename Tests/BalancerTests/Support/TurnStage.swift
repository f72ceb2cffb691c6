import CEpoll
import Reactor
import Testing

@testable import Balancer

/// A loop on a ``StagedKernel`` for tests of what a turn does: the test takes turns and looks at what each has called.
struct TurnStage: ~Copyable {
    let kernel: StagedKernel
    let hand: ManualClock
    var loop: BalancerLoop
    private var connectsBefore = 0
    private var readsBefore = 0

    /// No probe comes in the way: the first ones have succeeded, and the next are due after a year.
    init(
        _ kernel: StagedKernel, backends: Int = 1, listeners: Int = 1, limits: Limits = .init(),
        adjust: (inout Configuration.Pool) -> Void = { _ in }
    ) throws {
        let hand = ManualClock()
        var loop = try BalancerLoop(
            .staged(
                backends: backends, listeners: listeners, interval: .seconds(365 * 24 * 3600), limits: limits,
                adjust: adjust),
            clock: .manual(hand), output: .silent)
        let answer = kernel.connectAnswer
        kernel.connectAnswer = { _ in 0 }
        for _ in 0..<30 {
            try loop.turn(.immediately)
            hand.now = hand.now + .milliseconds(50)
        }
        kernel.connectAnswer = answer
        self.kernel = kernel
        self.hand = hand
        self.loop = loop
        connectsBefore = kernel.connects.count
    }

    /// Runs `body` on a stage, then stops its loop: no descriptor may be left.
    static func run(
        backends: Int = 1, listeners: Int = 1, limits: Limits = .init(),
        adjust: (inout Configuration.Pool) -> Void = { _ in },
        _ body: (StagedKernel, inout TurnStage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try TurnStage(
                kernel, backends: backends, listeners: listeners, limits: limits, adjust: adjust)
            try body(kernel, &stage)
            stage.loop.stop()
        }
        kernel.onAccept = nil
        #expect(kernel.descriptors.isEmpty)
    }

    /// What a turn has called for.
    struct Calls {
        var reads: [(socket: CInt, count: Int)] = []
        var connects: [(socket: CInt, address: SocketAddress)] = []
        var bytes: Int { reads.reduce(0) { $0 + max(0, $1.count) } }
    }

    @discardableResult mutating func turn() throws -> Calls {
        try loop.turn(.immediately)
        let calls = Calls(
            reads: Array(kernel.reads[readsBefore...]), connects: Array(kernel.connects[connectsBefore...]))
        readsBefore = kernel.reads.count
        connectsBefore = kernel.connects.count
        return calls
    }

    /// The client's and the backend's socket of a session.
    struct Pair {
        let client: CInt
        let backend: CInt
    }

    /// So many sessions, all connected, in the order of their places.
    mutating func open(_ count: Int) throws -> [Pair] {
        var pairs: [Pair] = []
        for _ in 0..<count {
            kernel.arrive(at: kernel.listeners[0])
            try turn()
            let pair = Pair(
                client: try #require(kernel.accepted.last), backend: try #require(kernel.connects.last).socket)
            kernel.post(pair.backend, CEPOLL_OUT)
            try turn()
            pairs.append(pair)
        }
        return pairs
    }

    /// Lets bytes arrive, and reports them.
    func send(_ count: Int, from socket: CInt) {
        kernel.input[socket] = [UInt8](repeating: 7, count: count)
        kernel.post(socket, CEPOLL_IN | CEPOLL_OUT)
    }

    /// The other host resets, and the poller reports it.
    func reset(_ socket: CInt) {
        kernel.reset.insert(socket)
        kernel.post(socket, CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
    }

    /// The other host ends its direction, and the poller reports it.
    func end(_ socket: CInt) {
        kernel.ended.insert(socket)
        kernel.post(socket, CEPOLL_IN | CEPOLL_OUT | CEPOLL_RDHUP)
    }

    /// Time passes in small steps; the timers that are due run.
    mutating func pass(_ duration: Duration) throws {
        let end = hand.now + duration
        while hand.now < end {
            hand.now = min(end, hand.now + .milliseconds(50))
            repeat { try turn() } while loop.hasMoreToDo
        }
    }

    /// The process stands still for longer than until its next deadline, that of a probe.
    func standStill() { hand.now = hand.now + .seconds(365 * 24 * 3600 + 10) }

    func total(_ counter: Counter) -> UInt64 { loop.shared.total(counter) }
}
