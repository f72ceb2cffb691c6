import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

extension EventLog {
    /// A log that says nothing.
    static var silent: EventLog {
        EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
    }
}

extension SocketAddress {
    /// The address of a backend against a scripted kernel.
    static func backend(_ number: Int) -> SocketAddress { .ipv4(0x0A01_0000 + UInt32(number), port: 80) }
}

extension Configuration {
    /// One pool with `backends` backends, one listener unless `listeners` says otherwise, no log, and probes that come once a
    /// minute. `adjust` sets what else the pool is to have.
    static func staged(
        backends: Int, listeners: Int = 1, warm: Int = 0, interval: Duration = .seconds(60),
        timeouts: Timeouts = .init(),
        limits: Limits = .init(), threads: Int = 1, sessionsMax: Int? = nil, administration: Administration = .init(),
        freezes: Bool = false,
        adjust: (inout Pool) -> Void = { _ in }, backend: (Int) -> Backend = { .init(address: .backend($0)) }
    ) throws -> Configuration {
        var health = HealthCheck()
        health.interval = interval
        health.timeout = min(health.timeout, interval)
        var latency = Latency()
        latency.warmConnections = warm
        var pool = Pool(backends: (0..<backends).map(backend), health: health)
        adjust(&pool)
        return try Configuration(
            listeners: (0..<listeners).map { .init(address: .ipv4(0x7F00_0001, port: UInt16(20_000 + $0))) },
            pools: [pool],
            timeouts: timeouts, limits: sessionsMax.map { .init(sessionsMax: $0) } ?? limits, latency: latency,
            log: .none,
            threads: threads, freezesWhenAllFail: freezes, administration: administration)
    }
}

extension LoopCore {
    /// The core of a loop whose clock the test moves.
    static func staged(_ hand: ManualClock) throws(SystemCallError) -> LoopCore {
        try LoopCore(
            clock: .manual(hand), timers: 16, ready: 16, eventsPerTurn: 16, clockToken: Token(.clock))
    }
}

extension Journal {
    /// A journal that prints nothing.
    static func silent() -> Journal {
        Journal(LoopLog(EventLog.silent), CounterBlock(), TurnLengths(), ServiceConditions(), loop: 0)
    }
}

/// Runs a loop whose clock the test moves, and whose connects are answered at once; afterwards no descriptor may be open.
func withStagedLoop(
    _ configuration: @autoclosure () throws -> Configuration,
    answer: @escaping (SocketAddress) -> CInt = { _ in 0 },
    at location: SourceLocation = #_sourceLocation,
    _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
) throws {
    let kernel = StagedKernel()
    let hand = ManualClock()
    try withScriptedKernel(kernel) {
        kernel.connectAnswer = answer
        var loop = try BalancerLoop(configuration(), clock: .manual(hand), output: .silent)
        try body(kernel, hand, &loop)
        loop.stop()
    }
    #expect(kernel.descriptors.isEmpty, sourceLocation: location)
}

extension BalancerLoop {
    /// Lets clients arrive at a listener, a turn for each.
    mutating func arrive(_ count: Int, at listener: Int = 0, _ kernel: StagedKernel) throws {
        for _ in 0..<count {
            kernel.arrive(at: kernel.listeners[listener])
            try turn(.immediately)
        }
    }

    /// Lets a client and its backend end their directions, and with them the session.
    mutating func finish(_ client: CInt, _ kernel: StagedKernel) throws {
        var sockets = [client]
        for index in sessions.slab.indexRange where sessions.slab.isTaken(index) {
            guard sessions.slab[index].link.client.stream.number == client else { continue }
            sockets.append(sessions.slab[index].link.backend.stream.number)
        }
        for socket in sockets {
            kernel.ended.insert(socket)
            kernel.post(socket, CEPOLL_IN | CEPOLL_RDHUP)
        }
        for _ in 0..<3 { try turn(.immediately) }
    }

    /// The backend's socket of the session at the highest place.
    var backendOfTheLastSession: CInt? {
        var number: CInt?
        for index in sessions.slab.indexRange where sessions.slab.isTaken(index) {
            number = sessions.slab[index].link.backend.stream.number
        }
        return number
    }
}
