import Glibc
import Reactor
import Testing

@testable import Balancer

/// What a loop remembers of a session.
@Suite struct TraceTests {
    private static func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test("a stall counts from the turn that begins it to the turn that ends it")
    func stalls() {
        var clock = StallClock()
        var told: [UInt64] = []
        for (time, waits) in [(10, false), (20, true), (30, true), (50, false), (60, false), (70, true)] {
            told.append(clock.note(waits, Self.at(UInt64(time))))
        }
        #expect(told == [0, 0, 0, 30_000, 0, 0])
        #expect(clock.count == 2 && clock.isOn)
        #expect(clock.microseconds == 30_000)
        #expect(clock.present(Self.at(75)) == 5_000_000 && clock.total(Self.at(75)) == 35_000_000)
        #expect(clock.note(false, Self.at(80)) == 10_000)
        #expect(!clock.isOn && clock.present(Self.at(99)) == 0 && clock.total(Self.at(99)) == 40_000_000)
    }

    @Test("stalls of more than 71 minutes are told in full once, and end at the limit in the sum")
    func longStalls() {
        var clock = StallClock()
        _ = clock.note(true, Self.at(1))
        let day: UInt64 = 24 * 3600 * 1000
        #expect(clock.note(false, Self.at(1 + day)) == day * 1000)
        #expect(clock.microseconds == .max)
        _ = clock.note(true, Self.at(2 + day))
        #expect(clock.note(false, Self.at(3 + day)) == 1000)
        #expect(clock.microseconds == .max && clock.count == 2)
    }

    @Test("who is waited for", arguments: [(false, false), (true, false), (false, true), (true, true)])
    func stalledBy(client: Bool, backend: Bool) {
        var trace = SessionTrace()
        _ = trace.client.note(client, Self.at(5))
        _ = trace.backend.note(backend, Self.at(5))
        let expected = client ? (backend ? "both" : "client") : (backend ? "backend" : nil)
        #expect(trace.stalledBy == expected)
    }

    @Test("of the attempts the first two and the last are remembered, and all are counted")
    func attempts() {
        var traces = AttemptTraces()
        #expect(traces.remembered == 0)
        for number in 0..<5 {
            traces.begin(TargetID(rawValue: UInt32(number)), at: UInt32(100 * number))
            if number < 4 { traces.end(Errno(rawValue: ECONNREFUSED + CInt(number)), at: UInt32(100 * number + 7)) }
            #expect(traces.count == number + 1 && traces.remembered == min(3, number + 1))
        }
        #expect((0..<3).map { traces[$0].target } == [0, 1, 4])
        #expect((0..<3).map { traces[$0].took } == [7, 7, 0])
        #expect((0..<3).map { traces[$0].error } == [UInt16(ECONNREFUSED), UInt16(ECONNREFUSED) + 1, 0])
        #expect((0..<3).map { traces[$0].isOver } == [true, true, false])
        traces.end(nil, at: 450)
        // What is over stays as it is.
        traces.end(.connectionRefused, at: 999)
        #expect(traces[2].isOver && traces[2].error == 0 && traces[2].took == 50)
    }

    @Test("an end without an attempt is nothing, and the count ends at its limit")
    func attemptsAtTheLimits() {
        var traces = AttemptTraces()
        traces.end(.connectionRefused, at: 1)
        #expect(traces.count == 0 && traces.remembered == 0)
        for _ in 0..<70_000 { traces.begin(TargetID(rawValue: 3), at: 1) }
        #expect(traces.count == .max && traces.remembered == 3)
    }

    @Test("a moment before the accept, or an hour and a half after it, is no overflow")
    func moments() {
        #expect(SessionTrace.microseconds(from: Self.at(5), to: Self.at(7)) == 2000)
        #expect(SessionTrace.microseconds(from: Self.at(0), to: Self.at(90 * 60 * 1000)) == .max)
    }

    // MARK: picks

    private static func candidate(
        weight: Int32 = 1, isUp: Bool = true, isBackup: Bool = false, _ change: (inout Candidate) -> Void = { _ in }
    ) -> Candidate {
        var candidate = Candidate(
            id: TargetID(rawValue: 4), place: 4, weight: weight, isUp: isUp, isBackup: isBackup, scoreKey: 0)
        change(&candidate)
        return candidate
    }

    @Test("why a candidate was not picked: the reason that counts most")
    func verdicts() {
        func verdict(_ candidate: Candidate, isTried: Bool = false) -> PickVerdict {
            PickVerdict(candidate, isTried: isTried)
        }
        #expect(verdict(Self.candidate()) == .possible)
        #expect(verdict(Self.candidate(), isTried: true) == .tried)
        #expect(verdict(Self.candidate { $0.isSuspect = true }) == .suspect)
        #expect(verdict(Self.candidate { ($0.sessions, $0.sessionsMax) = (3, 3) }) == .full)
        #expect(verdict(Self.candidate { ($0.sessions, $0.sessionsMax, $0.isSuspect) = (3, 3, true) }) == .full)
        #expect(verdict(Self.candidate(isUp: false)) == .down)
        #expect(verdict(Self.candidate(isUp: false, isBackup: true)) == .backup)
        #expect(verdict(Self.candidate(weight: 0, isUp: false)) == .drain)
        #expect(verdict(Self.candidate(weight: 0, isUp: false, isBackup: true)) == .drain)
    }

    @Test("of many candidates the picked one and some around it are remembered")
    func manyCandidates() throws {
        for picked in [0, 1, 7, 18, 19] {
            var pool = PoolState(
                id: PoolID(rawValue: 1), name: "web", policy: FirstFit(), .init())
            pool.replace(
                (0..<20).map {
                    Candidate(id: TargetID(rawValue: UInt32($0)), place: Int32($0), weight: 2, isUp: true, scoreKey: 0)
                })
            var trace = PickTrace()
            pool.trace(&trace, picked: picked, TriedTargets())
            #expect(trace.candidates == 20 && Int(trace.count) == PickTrace.candidatesMax)
            let shown = (0..<Int(trace.count)).map { trace[$0] }
            #expect(shown.filter { $0.verdict == .picked }.map(\.target) == [UInt32(picked)])
            #expect(shown.filter { $0.verdict != .picked }.allSatisfy { $0.verdict == .possible && $0.weight == 2 })
            #expect(!trace.hasSessions)
        }
    }

    @Test("a new pick replaces the last one")
    func picksAgain() {
        var trace = PickTrace()
        trace.begin(of: 9, hasSessions: true)
        for _ in 0..<9 { trace.add(Self.candidate(), .possible) }
        #expect(Int(trace.count) == PickTrace.candidatesMax && trace.candidates == 9 && trace.hasSessions)
        trace.begin(of: 1, hasSessions: false)
        trace.add(Self.candidate(weight: 70_000), .picked)
        #expect(trace.count == 1 && trace.candidates == 1 && !trace.hasSessions)
        #expect(trace[0].verdict == .picked && trace[0].weight == .max)
    }

    // MARK: sessions that have ended

    @Test("the last 4,096 sessions are found by their ids, and older ones are not")
    func endedSessions() {
        var ended = EndedSessions()
        #expect(ended.first(SessionID(rawValue: 1)) == nil)
        let count = UInt64(EndedSessions.countMax)
        for id in 1...count + 3 {
            var facts = SessionFacts()
            (facts.id, facts.bytesUp) = (id, 10 * id)
            ended.add(facts)
            if id == count {
                let first = ended.first(SessionID(rawValue: 1))
                #expect(first?.bytesUp == 10)
            }
        }
        for id in 1...3 as ClosedRange<UInt64> {
            let gone = ended.first(SessionID(rawValue: id))
            #expect(gone == nil)
        }
        for id in [4, 5, count, count + 3] {
            let found = ended.first(SessionID(rawValue: id))
            #expect(found?.bytesUp == 10 * id)
        }
    }

    @Test(
        "the address of a client is kept as it is",
        arguments: [
            SocketAddress.ipv4(0x0A00_0001, port: 40_000), .ipv6(high: 7, low: 8, scope: 3, port: 9),
        ])
    func clientHost(address: SocketAddress) {
        #expect(ClientHost(address).address == address)
        #expect(ClientHost(address).text == address.description)
        #expect(ClientHost(.unix(path: "/a")).text == "unix")
    }

    // MARK: which sessions are asked for

    @Test("each condition of a question must hold")
    func filter() throws {
        var facts = SessionFacts()
        (facts.pool, facts.target) = (3, 5)
        facts.client = ClientHost(.ipv4(0x0A01_0203, port: 7))
        (facts.accepted, facts.lastActive) = (1_000_000_000, 5_000_000_000)
        let now = Instant(nanoseconds: 11_000_000_000)
        func isFound(_ change: (inout SessionFilter) throws -> Void) rethrows -> Bool {
            var filter = SessionFilter()
            try change(&filter)
            return filter.matches(facts, now)
        }
        #expect(isFound { _ in })
        #expect(isFound { $0.pools = [3, 9] })
        #expect(!isFound { $0.pools = [9] })
        #expect(isFound { $0.targets = [5] })
        #expect(!isFound { $0.targets = [] })
        #expect(try isFound { $0.client = NetworkSet([try Network("10.1.0.0/16")]) })
        #expect(try !isFound { $0.client = NetworkSet([try Network("10.2.0.0/16")]) })
        #expect(isFound { $0.age = 10_000_000_000 })
        #expect(!isFound { $0.age = 10_000_000_001 })
        #expect(isFound { $0.idle = 6_000_000_000 })
        #expect(!isFound { $0.idle = 6_000_000_001 })
        #expect(!isFound { $0.isStalled = true })
        #expect(!isFound { ($0.pools, $0.targets) = ([3], [6]) })
        _ = facts.trace.backend.note(true, now)
        #expect(isFound { $0.isStalled = true })
    }
}
