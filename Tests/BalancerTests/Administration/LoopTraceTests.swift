import CEpoll
import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// What a loop tells of its sessions, live and ended.
@Suite struct LoopTraceTests {
    /// The verdicts of a pick, by the numbers of the backends.
    private static func verdicts(_ facts: SessionFacts, _ stage: AdministeredStage) -> [Int: PickVerdict] {
        var verdicts: [Int: PickVerdict] = [:]
        for place in 0..<Int(facts.trace.pick.count) {
            let entry = facts.trace.pick[place]
            for number in 0..<6 where stage.target(number)?.id.rawValue == entry.target {
                verdicts[number] = entry.verdict
            }
        }
        return verdicts
    }

    @Test("a pick remembers why each backend was not picked")
    func pick() throws {
        // 0 is down, 1 full, 2 drained, 3 refuses, 4 serves, 5 is a backup.
        try AdministeredStage.run(
            backends: 6, interval: .seconds(60), answer: { $0 == .backend(0) ? -ECONNREFUSED : 0 },
            adjust: { $0.health.fall = 1 },
            backend: {
                .init(address: .backend($0), sessionsMax: $0 == 1 ? 1 : nil, isBackup: $0 == 5)
            }
        ) { stage in
            try stage.pass(.seconds(2))
            try stage.order(.weight(.count(0)), of: 3)
            try stage.order(.weight(.count(0)), of: 4)
            try stage.order(.state(.drain), of: 2)
            try stage.arrive()
            #expect(stage.target(1)?.counters.sessions == 1)
            try stage.order(.weight(nil), of: 3)
            try stage.order(.weight(nil), of: 4)
            stage.kernel.connectAnswer = { $0 == .backend(3) ? -ECONNREFUSED : 0 }
            // Until one has met the backend that refuses.
            var met: SessionFacts?
            for _ in 0..<4 where met == nil {
                try stage.arrive()
                let last = try stage.last()
                if last.attempts == 2 { met = last }
            }
            let facts = try #require(met)
            #expect(
                Self.verdicts(facts, stage)
                    == [0: .down, 1: .full, 2: .drain, 3: .tried, 4: .picked, 5: .backup])
            // Whoever comes next knows better.
            try stage.arrive()
            #expect(try Self.verdicts(stage.last(), stage)[3] == .suspect)
            #expect(facts.trace.attempts.count == 2)
            #expect(facts.trace.attempts[0].error == UInt16(ECONNREFUSED))
            #expect(facts.trace.attempts[1].target == stage.target(4)?.id.rawValue)
            #expect(facts.trace.attempts[1].error == 0 && facts.trace.attempts[1].isOver)
        }
    }

    @Test("a pool counts the clients for whom it had no backend")
    func noBackend() throws {
        try AdministeredStage.run(answer: { _ in -ECONNREFUSED }, adjust: { $0.health.fall = 1 }) { stage in
            try stage.pass(.seconds(2))
            try stage.arrive(3)
            #expect(stage.ended(.noBackend) == 3)
            let pool = try #require(stage.loop.shared.roster.current().pools.first)
            #expect(pool.shared.counters[.endedNoBackend] == 3)
        }
    }

    @Test("attempts have the time that they took, and how they ended")
    func attempts() throws {
        try AdministeredStage.run(
            backends: 3, adjust: { ($0.timeouts.connect, $0.retries.max) = (.seconds(2), 3) }
        ) { stage in
            try stage.pass(.seconds(1))
            // The first backend does not answer, the second refuses after a while, the third one serves.
            stage.kernel.connectAnswer = { _ in -EINPROGRESS }
            try stage.arrive()
            #expect(try stage.last().phase == .connecting)
            #expect(try !stage.last().trace.attempts[0].isOver)
            try stage.pass(.milliseconds(2100))
            try stage.pass(.milliseconds(300))
            let second = try #require(stage.connectingSocket)
            stage.kernel.errors[second] = EHOSTUNREACH
            stage.kernel.post(second, CEPOLL_ERR | CEPOLL_HUP | CEPOLL_OUT | CEPOLL_IN)
            try stage.turns()
            try stage.pass(.milliseconds(400))
            stage.kernel.post(try #require(stage.connectingSocket), CEPOLL_OUT)
            try stage.turns()
            let facts = try stage.last()
            let attempts = (0..<facts.trace.attempts.remembered).map { facts.trace.attempts[$0] }
            #expect(attempts.map(\.error) == [UInt16(ETIMEDOUT), UInt16(EHOSTUNREACH), 0])
            #expect(Set(attempts.map(\.target)).count == 3)
            #expect((2_000_000..<2_300_000).contains(attempts[0].took), "\(attempts[0].took)")
            #expect((200_000..<600_000).contains(attempts[1].took), "\(attempts[1].took)")
            #expect((300_000..<600_000).contains(attempts[2].took), "\(attempts[2].took)")
            #expect(attempts[1].began >= attempts[0].began + attempts[0].took)
            #expect(facts.connected > facts.accepted && facts.attempts == 3)
        }
    }

    @Test("the time in a queue is told, of those that were served and of those that waited in vain")
    func queue() throws {
        try AdministeredStage.run(
            backends: 1, adjust: { $0.queue = .init(max: 5, timeout: .seconds(5)) },
            backend: { .init(address: .backend($0), sessionsMax: 1) }
        ) { stage in
            try stage.arrive(3)
            let waiting = try stage.sessions().filter { $0.phase == .waiting }
            #expect(
                waiting.count == 2
                    && waiting.allSatisfy { $0.target == SessionFacts.none && $0.pool != SessionFacts.none })
            try stage.pass(.seconds(3))
            try stage.loop.finish(stage.kernel.accepted[0], stage.kernel)
            let served = try #require(try stage.session(waiting[0].id))
            #expect(served.phase == .relaying)
            #expect(
                (2_900_000...3_200_000).contains(served.trace.queueMicroseconds), "\(served.trace.queueMicroseconds)")
            try stage.pass(.seconds(3))
            let left = try #require(try stage.session(waiting[1].id))
            #expect(left.end?.reason == UInt8(EndReason.queueTimeout.counter.rawValue))
            #expect((4_900_000...5_300_000).contains(left.trace.queueMicroseconds), "\(left.trace.queueMicroseconds)")
            let waits = stage.loop.targets.pools[0].shared.counters[times: .queueWaits]
            #expect(waits.buckets.reduce(0, +) == 2)
        }
    }

    @Test("what a listener asks for before there is a pool takes its time, too")
    func preface() throws {
        let base = try PrefaceStage.configuration {
            $0.proxy = .init(.required, from: [try Network(PrefaceStage.trusted)])
        }
        let configuration = try Configuration(
            listeners: base.listeners, pools: base.pools, log: base.log,
            administration: AdministeredStage.administration)
        try AdministeredStage.run(configuration) { stage in
            let client = try #require(try stage.loop.come(stage.kernel))
            let facts = try stage.last()
            #expect(facts.phase == .preface && facts.pool == SessionFacts.none && facts.target == SessionFacts.none)
            #expect(facts.trace.prefaceMicroseconds == 0)
            try stage.pass(.milliseconds(500))
            try stage.loop.bring(PrefaceStage.header(), to: client, stage.kernel)
            let then = try stage.last()
            #expect(then.phase == .relaying && then.client.address == PrefaceStage.client)
            #expect((450_000...800_000).contains(then.trace.prefaceMicroseconds), "\(then.trace.prefaceMicroseconds)")
        }
    }

    // MARK: stalls

    /// A session, and the sockets of its sides.
    private static func open(_ stage: AdministeredStage) throws -> (client: CInt, backend: CInt) {
        try stage.arrive()
        return (try #require(stage.kernel.accepted.last), try #require(stage.kernel.connects.last?.socket))
    }

    @Test("a client that does not read lets its stall grow; its backend counts it when it is over")
    func clientStalls() throws {
        try AdministeredStage.run(backends: 1) { stage in
            try stage.pass(.seconds(1))
            let (client, backend) = try Self.open(stage)
            stage.kernel.room[client] = 10
            stage.kernel.input[backend] = [UInt8](repeating: 7, count: 5000)
            stage.kernel.post(backend, CEPOLL_IN)
            try stage.turns()
            try stage.pass(.seconds(3))
            var facts = try stage.last()
            #expect(facts.trace.stalledBy == "client" && facts.trace.client.count == 1)
            let now = stage.loop.core.now
            #expect((2_900_000_000...3_300_000_000).contains(facts.trace.client.present(now)))
            #expect(try stage.sessions { $0.isStalled = true }.count == 1)
            #expect(stage.target(0)?.counters[.clientStallMicroseconds] == 0)
            #expect(facts.bytesDown == 10)
            stage.kernel.room[client] = nil
            stage.kernel.post(client, CEPOLL_OUT)
            try stage.turns()
            facts = try stage.last()
            #expect(facts.trace.stalledBy == nil && facts.bytesDown == 5000)
            let counted = stage.target(0)?.counters[.clientStallMicroseconds] ?? 0
            #expect((2_900_000...3_300_000).contains(counted), "\(counted)")
            #expect(stage.target(0)?.counters[.backendStallMicroseconds] == 0)
            #expect(try stage.sessions { $0.isStalled = true }.isEmpty)
        }
    }

    @Test("a backend that does not take what its clients send is waited for, until the session ends")
    func backendStalls() throws {
        try AdministeredStage.run(backends: 1) { stage in
            try stage.pass(.seconds(1))
            let (client, backend) = try Self.open(stage)
            stage.kernel.room[backend] = 0
            stage.kernel.input[client] = [UInt8](repeating: 7, count: 5000)
            stage.kernel.post(client, CEPOLL_IN)
            try stage.turns()
            try stage.pass(.seconds(2))
            let facts = try stage.last()
            #expect(facts.trace.stalledBy == "backend")
            guard case .killed(1, _) = try stage.ask(.kill(SessionID(rawValue: facts.id))) else {
                Issue.record("not killed")
                return
            }
            let counted = stage.target(0)?.counters[.backendStallMicroseconds] ?? 0
            #expect((1_900_000...2_300_000).contains(counted), "\(counted)")
            let ended = try #require(try stage.session(facts.id))
            #expect(ended.trace.backend.count == 1 && !ended.trace.backend.isOn)
            #expect((1_900_000...2_300_000).contains(ended.trace.backend.microseconds))
        }
    }

    @Test("a session that nobody keeps waiting has no stall, and a slow one has as many as there were")
    func severalStalls() throws {
        try AdministeredStage.run(backends: 1) { stage in
            try stage.pass(.seconds(1))
            let (client, backend) = try Self.open(stage)
            for round in 1...3 {
                stage.kernel.room[client] = 100
                stage.kernel.input[backend] = [UInt8](repeating: 7, count: 400)
                stage.kernel.post(backend, CEPOLL_IN)
                try stage.turns()
                try stage.pass(.seconds(1))
                stage.kernel.room[client] = nil
                stage.kernel.post(client, CEPOLL_OUT)
                try stage.turns()
                try stage.pass(.seconds(1))
                let facts = try stage.last()
                #expect(facts.trace.client.count == UInt32(round) && facts.trace.stalledBy == nil)
                #expect((900_000 * UInt32(round)...1_300_000 * UInt32(round)).contains(facts.trace.client.microseconds))
            }
        }
    }

    // MARK: questions

    @Test("sessions are listed by pool, backend, listener, client and age")
    func filters() throws {
        try AdministeredStage.run(listeners: 2) { stage in
            try stage.arrive(2)
            try stage.pass(.seconds(10))
            stage.kernel.arrive(at: stage.kernel.listeners[1], from: .ipv4(0xC0A8_0001, port: 5))
            try stage.turns()
            #expect(try stage.sessions().count == 3)
            #expect(try stage.sessions { $0.listener = "127.0.0.1:20001" }.count == 1)
            #expect(try stage.sessions { $0.age = 9_000_000_000 }.count == 2)
            #expect(try stage.sessions { $0.idle = 9_000_000_000 }.count == 2)
            let network = NetworkSet([try Network("192.168.0.0/16")])
            #expect(try stage.sessions { $0.client = network }.count == 1)
            let targets = (0..<2).compactMap { stage.target($0)?.id.rawValue }
            #expect(try stage.sessions { $0.targets = [targets[0]] }.count == 2)
            #expect(try stage.sessions { $0.targets = Set(targets) }.count == 3)
            #expect(try stage.sessions { $0.pools = [] }.isEmpty)
            #expect(try stage.sessions { $0.isStalled = true }.isEmpty)
        }
    }

    @Test("large tables are walked past in slices, and each session is listed once")
    func slices() throws {
        try AdministeredStage.run(limits: .init(sessionsMax: 1000)) { stage in
            try stage.arrive(600)
            guard case .sessions(let first, let next) = try stage.ask(.sessions(SessionFilter(), from: 0)) else {
                Issue.record("no sessions")
                return
            }
            #expect(first.count == Limits.placesPerQuestion && next == Limits.placesPerQuestion)
            let all = try stage.sessions()
            #expect(all.count == 600 && Set(all.map(\.id)).count == 600)
        }
    }

    @Test("more questions than a turn has a share for are answered in the next turns, in their order")
    func manyQuestions() throws {
        try AdministeredStage.run { stage in
            let answered = Guarded<[Int]>([])
            let count = 3 * Limits.questionsPerTurn + 1
            for number in 0..<count {
                let isAsked = stage.access.mailboxes[0].ask(.isAlive) { _ in answered.withLock { $0.append(number) } }
                #expect(isAsked)
            }
            var turns = 0
            while answered.withLock({ $0.count }) < count, turns < 10 {
                stage.loop.answerQuestions()
                turns += 1
            }
            #expect(turns == 4 && answered.withLock { $0 } == Array(0..<count))
        }
    }

    @Test("an ended session is known as it was at its end, and an unknown one is not")
    func ended() throws {
        try AdministeredStage.run(backends: 1) { stage in
            try stage.arrive()
            let id = try stage.last().id
            let client = try #require(stage.kernel.accepted.last)
            stage.kernel.input[client] = [1, 2, 3]
            stage.kernel.post(client, CEPOLL_IN)
            try stage.pass(.seconds(4))
            try stage.loop.finish(client, stage.kernel)
            let facts = try #require(try stage.session(id))
            let end = try #require(facts.end)
            #expect(end.reason == UInt8(EndReason.finished.counter.rawValue) && Party(code: end.by) == .client)
            #expect(facts.bytesUp == 3 && facts.phase != .ended)
            #expect(facts.target == stage.target(0)?.id.rawValue)
            #expect(end.time - facts.accepted >= 4_000_000_000)
            #expect(try stage.session(id ^ 1) == nil)
            #expect(try stage.sessions().isEmpty)
        }
    }

    // MARK: ends

    @Test("one session is killed, and its record says by whom; a second kill finds nothing")
    func kill() throws {
        try AdministeredStage.run { stage in
            try stage.arrive(3)
            let id = SessionID(rawValue: try stage.last().id)
            guard case .killed(1, nil) = try stage.ask(.kill(id)), case .killed(0, nil) = try stage.ask(.kill(id))
            else {
                Issue.record("not killed once")
                return
            }
            #expect(stage.sessionCount == 2 && stage.ended(.killed) == 1)
            let ended = try #require(try stage.session(id.rawValue))
            #expect(ended.end.map { Party(code: $0.by) } == .balancer)
            #expect(ended.end?.reason == UInt8(EndReason.killed.counter.rawValue))
            // An id of nobody.
            guard case .killed(0, nil) = try stage.ask(.kill(SessionID(rawValue: 5))) else {
                Issue.record("killed somebody")
                return
            }
        }
    }

    @Test("all sessions of a backend are killed in slices, and no others")
    func killAll() throws {
        try AdministeredStage.run(limits: .init(sessionsMax: 1000)) { stage in
            try stage.arrive(700)
            let wanted = try #require(stage.target(0)?.id.rawValue)
            let before = stage.target(0)?.counters.sessions
            var (killed, slices, first) = (0, 0, Int?.some(0))
            while let next = first {
                guard case .killed(let count, let after) = try stage.ask(.killAll(of: [wanted], from: next)) else {
                    break
                }
                #expect(count <= Limits.closesPerTurn)
                killed += count
                slices += 1
                first = after
            }
            #expect(before == 350 && killed == 350 && slices >= 350 / Limits.closesPerTurn)
            #expect(stage.target(0)?.counters.sessions == 0 && stage.target(1)?.counters.sessions == 350)
            #expect(stage.sessionCount == 350 && stage.audit == "")
        }
    }

    @Test("sessions that are being connected or wait are killed as well")
    func killUnconnected() throws {
        try AdministeredStage.run(
            adjust: { $0.queue = .init(max: 5) }, backend: { .init(address: .backend($0), sessionsMax: 1) }
        ) { stage in
            try stage.pass(.seconds(1))
            stage.kernel.connectAnswer = { _ in -EINPROGRESS }
            try stage.arrive(4)
            let sessions = try stage.sessions()
            #expect(sessions.map(\.phase).filter { $0 == .connecting }.count == 2)
            for session in sessions { _ = try stage.ask(.kill(SessionID(rawValue: session.id))) }
            try stage.turns()
            #expect(stage.sessionCount == 0 && stage.ended(.killed) == 4 && stage.queueLength == 0)
            #expect(stage.audit == "")
        }
    }

    @Test("a loop that drains ends with the last session that is killed")
    func killWhileDraining() throws {
        try AdministeredStage.run { stage in
            try stage.arrive(20)
            let wanted = Set((0..<2).compactMap { stage.target($0)?.id.rawValue })
            stage.loop.drain()
            var first: Int? = 0
            while let next = first, stage.loop.isRunning {
                guard case .killed(_, let after) = try stage.ask(.killAll(of: wanted, from: next)) else { break }
                first = after
            }
            #expect(stage.sessionCount == 0 && stage.ended(.killed) == 20)
            let isRunning = stage.loop.isRunning
            #expect(!isRunning)
        }
    }
}
