import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Probes that say something, in a whole loop against a scripted kernel.
@Suite struct ProbeTalkTests {
    /// A loop of one backend, whose connects succeed at once unless a test says otherwise.
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand: ManualClock

        /// One turn, without time.
        mutating func turn() throws { try loop.turn(.immediately) }

        /// Lets so much time pass, in steps of 50 ms.
        mutating func pass(_ time: Duration) throws {
            for _ in 0..<Int(time / .milliseconds(50)) {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        /// Something arrives at a socket, and perhaps the end.
        mutating func arrive(_ bytes: [UInt8], at socket: CInt, ends: Bool = false) throws {
            kernel.input[socket, default: []] += bytes
            if ends { kernel.ended.insert(socket) }
            kernel.post(socket, ends ? CEPOLL_IN | CEPOLL_RDHUP : CEPOLL_IN)
            try turn()
        }

        var isUp: Bool { loop.shared.roster.current().targets.allSatisfy(\.isUp) }
        var probes: [ProbeHistory] { loop.shared.roster.current().targets.map(\.probes) }
    }

    private static func staged(
        backends: Int = 1, _ adjust: (inout Configuration.HealthCheck) -> Void,
        _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        kernel.connectAnswer = { _ in 0 }
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            let configuration = try Configuration.staged(backends: backends, interval: .seconds(1)) { pool in
                (pool.health.timeout, pool.health.fall) = (.milliseconds(500), 2)
                adjust(&pool.health)
            }
            var stage = Stage(
                loop: try BalancerLoop(configuration, clock: .manual(hand), output: .silent), kernel: kernel, hand: hand
            )
            try body(kernel, &stage)
            stage.loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func ping(_ health: inout Configuration.HealthCheck) {
        health.kind = .exchange
        health.steps = [.send(Array("PING\r\n".utf8)), .expect(Array("+PONG".utf8))]
    }

    @Test func anExchangeEndsInOrder() throws {
        try Self.staged(Self.ping) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            #expect(kernel.output[probe] == Array("PING\r\n".utf8))
            for byte in Array("+PON".utf8) { try stage.arrive([byte], at: probe) }
            #expect(kernel.finished.isEmpty)
            try stage.arrive(Array("G\r\n".utf8), at: probe)
            #expect(kernel.finished == [probe] && !kernel.closed.contains(probe))
            #expect(!kernel.resetOnClose.contains(probe))
            let last = stage.probes.map(\.last)
            #expect(last == [.succeeded])
            // What follows is read, and judges nobody.
            try stage.arrive(Array("-ERR\r\n".utf8), at: probe)
            try stage.arrive([], at: probe, ends: true)
            #expect(kernel.closed.contains(probe))
            let isUp = stage.isUp
            #expect(isUp && kernel.input[probe]?.isEmpty == true)
            try stage.pass(.seconds(1))
            #expect(kernel.connects.count == 2)
        }
    }

    @Test func aWrongAnswerTakesItDownAndARightOneBringsItBack() throws {
        try Self.staged(Self.ping) { kernel, stage in
            var answer = "-LOADING Redis is loading\r\n"
            for round in 1...4 {
                if round > 1 { try stage.pass(.seconds(1)) } else { try stage.turn() }
                if round > 2 { answer = "+PONG\r\n" }
                let probe = try #require(kernel.connects.last?.socket)
                try stage.arrive(Array(answer.utf8), at: probe, ends: true)
                let isUp = stage.isUp
                #expect(isUp == (round != 2), "\(round)")
                #expect(kernel.closed.contains(probe) && kernel.connects.count == round)
            }
        }
    }

    /// A server that accepts and says nothing, or not enough.
    @Test(arguments: ["", "+PON"]) func whoDoesNotAnswerInTimeHasFailed(answer: String) throws {
        try Self.staged(Self.ping) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            try stage.arrive(Array(answer.utf8), at: probe)
            try stage.pass(.milliseconds(450))
            #expect(!kernel.closed.contains(probe))
            try stage.pass(.milliseconds(100))
            let last = stage.probes.map(\.last)
            #expect(kernel.closed.contains(probe) && last == [.failed])
        }
    }

    /// The verdict is there; the server keeps the connection open for longer than a probe may take.
    @Test func aConnectionThatIsNotEndedIsClosedInTime() throws {
        try Self.staged(Self.ping) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            try stage.arrive(Array("+PONG\r\n".utf8), at: probe)
            try stage.pass(.milliseconds(550))
            #expect(kernel.closed.contains(probe))
            try stage.pass(.milliseconds(500))
            let last = stage.probes.map(\.last)
            #expect(kernel.connects.count == 2 && last == [.succeeded])
        }
    }

    /// It sends without end: what is read of it in a turn, and in all, is bounded.
    @Test(arguments: [Array("+".utf8), Array("+PONG".utf8)]) func anEndlessAnswerIsBounded(expected: [UInt8]) throws {
        try Self.staged({
            $0.kind = .exchange
            $0.steps = [.find(expected)]
        }) { kernel, stage in
            kernel.onConnect = { kernel.endless.insert($0) }
            try stage.turn()
            var reads = kernel.reads.count
            for _ in 0..<20 {
                try stage.turn()
                #expect(kernel.reads.count - reads <= Limits.probeReadsPerTurn)
                reads = kernel.reads.count
            }
            let probe = try #require(kernel.connects.first?.socket)
            #expect(kernel.closed.contains(probe) && kernel.connects.count == 1)
            let bytes = kernel.reads.reduce(0) { $0 + $1.count }
            #expect(bytes <= 2 * Limits.probeAnswerBytesMax + Limits.probeChunkBytes, "\(bytes)")
        }
    }

    /// More of them than a turn has reads for: each is judged, a few turns later.
    @Test func manyAnswersAreReadInTurns() throws {
        try Self.staged(
            backends: 8,
            {
                $0.kind = .exchange
                $0.steps = [.find(Array("x".utf8))]
            }
        ) { kernel, stage in
            try stage.turn()
            try stage.turn()
            #expect(kernel.connects.count == 8)
            for connect in kernel.connects {
                kernel.input[connect.socket] = [UInt8](repeating: 0x20, count: 40_000) + Array("x".utf8)
                kernel.ended.insert(connect.socket)
                kernel.post(connect.socket, CEPOLL_IN | CEPOLL_RDHUP)
            }
            var turns = 0
            while !kernel.connects.allSatisfy({ kernel.closed.contains($0.socket) }), turns < 50 {
                let reads = kernel.reads.count
                try stage.turn()
                turns += 1
                #expect(kernel.reads.count - reads <= Limits.probeReadsPerTurn)
            }
            let last = stage.probes.map(\.last)
            #expect(last == [ProbeHistory.Outcome?](repeating: .succeeded, count: 8) && turns > 1 && turns < 50)
        }
    }

    @Test func aKernelThatTakesAByteAtATime() throws {
        try Self.staged(Self.ping) { kernel, stage in
            kernel.onConnect = { kernel.room[$0] = 0 }
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            for _ in 0..<6 {
                kernel.room[probe] = 1
                kernel.post(probe, CEPOLL_OUT)
                try stage.turn()
            }
            #expect(kernel.output[probe] == Array("PING\r\n".utf8))
            try stage.arrive(Array("+PONG".utf8), at: probe, ends: true)
            let last = stage.probes.map(\.last)
            #expect(last == [.succeeded])
        }
    }

    /// A lack of memory on this machine says nothing about the server.
    @Test(arguments: [(ECONNRESET, ProbeHistory.Outcome?.some(.failed)), (ENOBUFS, nil)])
    func aReadThatFails(errno: CInt, outcome: ProbeHistory.Outcome?) throws {
        try Self.staged(Self.ping) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            kernel.receiveErrors[probe] = errno
            kernel.post(probe, CEPOLL_IN | CEPOLL_ERR)
            try stage.turn()
            let last = stage.probes.map(\.last)
            #expect(last == [outcome] && kernel.closed.contains(probe))
        }
    }

    /// HTTP: the server ends the connection, as it was asked to, and this side only then.
    @Test func aRequestInHTTP() throws {
        try Self.staged({
            $0.kind = .http
            $0.http.body = Array("ok".utf8)
        }) { kernel, stage in
            try stage.turn()
            let probe = try #require(kernel.connects.last?.socket)
            let request = String(decoding: kernel.output[probe] ?? [], as: UTF8.self)
            #expect(request.hasPrefix("GET / HTTP/1.1\r\nHost: 10.1.0.0:80\r\n") && request.hasSuffix("\r\n\r\n"))
            try stage.arrive(Array("HTTP/1.1 200 OK\r\n\r\nok".utf8), at: probe)
            let last = stage.probes.map(\.last)
            #expect(last == [.succeeded] && kernel.finished.isEmpty && !kernel.closed.contains(probe))
            try stage.arrive([], at: probe, ends: true)
            #expect(kernel.closed.contains(probe))
        }
    }

    @Test func anotherPortIsProbed() throws {
        try Self.staged({ $0.port = 8081 }) { kernel, stage in
            try stage.turn()
            #expect(kernel.connects.map(\.address) == [SocketAddress.backend(0).with(port: 8081)])
            let address = stage.loop.shared.roster.current().targets.map(\.address).first
            #expect(address == .backend(0))
        }
    }

    // MARK: intervals

    /// `interval` while it is well, `fast_interval` while failures or successes are counted, `down_interval` while it is
    /// down.
    @Test func theIntervalFollowsTheState() throws {
        try Self.staged({
            ($0.fastInterval, $0.downInterval) = (.milliseconds(500), .seconds(3))
            ($0.fall, $0.rise) = (3, 2)
        }) { kernel, stage in
            try stage.turn()
            /// The time to the next probe.
            func next() throws -> Duration {
                let (count, start) = (kernel.connects.count, stage.hand.now)
                while kernel.connects.count == count, stage.hand.now - start < .seconds(10) {
                    try stage.pass(.milliseconds(50))
                }
                return stage.hand.now - start
            }
            #expect(try next() == .seconds(1))
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            #expect(try next() == .seconds(1))
            for _ in 0..<2 { #expect(try next() == .milliseconds(500)) }
            let isUp = stage.isUp
            #expect(!isUp)
            for _ in 0..<2 { #expect(try next() == .seconds(3)) }
            kernel.connectAnswer = { _ in 0 }
            #expect(try next() == .seconds(3))
            #expect(try next() == .milliseconds(500))
            #expect(try next() == .seconds(1))
            let isUpAgain = stage.isUp
            #expect(isUpAgain)
        }
    }
}
