import CEpoll
import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Many backends: their probes and look-ups are spread over time, and bounded in a turn.
@Suite struct ProbeSpreadTests {
    private static let count = 100

    /// A loop with many backends that are probed once a second, and its clock.
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand = ManualClock()

        init(_ kernel: StagedKernel, backends: Int = count) throws {
            loop = try BalancerLoop(
                .staged(backends: backends, interval: .seconds(1)), clock: .manual(hand), output: .silent)
            self.kernel = kernel
        }

        /// Takes turns until the loop has no more to do, without time; returns how many probes each has begun.
        mutating func turns() throws -> [Int] {
            var begun: [Int] = []
            for _ in 0..<100 {
                let before = kernel.connects.count
                try loop.turn(.immediately)
                begun.append(kernel.connects.count - before)
                if !loop.hasMoreToDo { break }
            }
            return begun
        }

        /// Lets time pass in steps of 10 ms; returns how many probes each has begun.
        mutating func pass(_ duration: Duration) throws -> [Int] {
            var begun: [Int] = []
            for _ in 0..<Int(duration / .milliseconds(10)) {
                hand.now = hand.now + .milliseconds(10)
                let turns = try turns()
                #expect(turns.allSatisfy { $0 <= Limits.probesPerTurn })
                begun.append(turns.reduce(0, +))
            }
            return begun
        }

        /// The loop knows what the roster says.
        func isUpToDate() -> Bool {
            let roster = loop.shared.roster.current()
            let candidates = loop.targets.pools[0].candidates
            return loop.targets.roster.targets.map(\.probes) == roster.targets.map(\.probes)
                && loop.targets.roster.prospect == roster.prospect
                && candidates.map(\.isUp) == roster.pools[0].targets.map(\.isCandidate)
        }
    }

    private static func staged(backends: Int = count, _ body: (StagedKernel, inout Stage) throws -> Void) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(kernel, backends: backends)
            try body(kernel, &stage)
            stage.loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// A loop that has stood still for so long that all probes are due.
    private static func stalled(_ body: (StagedKernel, inout Stage) throws -> Void) throws {
        try staged { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            _ = try stage.pass(.seconds(2))
            stage.hand.now = stage.hand.now + .seconds(60)
            try body(kernel, &stage)
        }
    }

    @Test func aFewAreProbedAtOnce() throws {
        try Self.staged(backends: Limits.probesAtOnce) { kernel, stage in
            let first = try stage.turns()
            #expect(first.first == Limits.probesAtOnce)
            kernel.connectAnswer = { _ in 0 }
            for _ in 0..<3 {
                let begun = try stage.pass(.seconds(1))
                #expect(begun.filter { $0 > 0 } == [Limits.probesAtOnce])
            }
        }
    }

    /// Each is probed within a second, and then once in each; never many in the same instant.
    @Test func manyAreSpread() throws {
        try Self.staged { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            var begun = try stage.turns()
            begun += try stage.pass(.milliseconds(1010))
            #expect(Set(kernel.connects.map(\.address)).count == Self.count)
            for _ in 0..<3 {
                let next = try stage.pass(.seconds(1))
                #expect(next.reduce(0, +) == Self.count)
                begun += next
            }
            #expect(begun.allSatisfy { $0 <= 4 }, "\(begun)")
            let isUpToDate = stage.isUpToDate()
            #expect(isUpToDate)
        }
    }

    /// All are due at once: so many begin in a turn, and the loop does not wait for the others.
    @Test func afterAStallTheProbesOfATurnAreBounded() throws {
        try Self.stalled { kernel, stage in
            let before = kernel.connects.count
            let begun = try stage.turns()
            #expect(begun.reduce(0, +) == Self.count)
            #expect(begun.allSatisfy { $0 <= Limits.probesPerTurn }, "\(begun)")
            #expect(begun.count <= Self.count / Limits.probesPerTurn + 3, "\(begun)")
            #expect(Set(kernel.connects[before...].map(\.address)).count == Self.count)
            // With the next probe they are spread again.
            _ = try stage.pass(.milliseconds(1510))
            let next = try stage.pass(.seconds(1))
            #expect(next.reduce(0, +) == Self.count && next.allSatisfy { $0 <= 4 }, "\(next)")
        }
    }

    @Test func backendsThatComeAreSpread() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            _ = try stage.turns()
            let backends = (0..<Self.count).map { Configuration.Backend(address: .backend(1000 + $0)) }
            _ = try stage.loop.change(.addPool(.init(name: "more", backends: backends)))
            var begun = try stage.turns()
            begun += try stage.pass(.milliseconds(1010))
            #expect(begun.allSatisfy { $0 <= 4 }, "\(begun)")
            #expect(Set(kernel.connects.map(\.address)).count == 1 + Self.count)
        }
    }

    /// A backend that leaves or moves while its probe waits for a turn.
    @Test func whatChangesWhileProbesWait() throws {
        try Self.stalled { kernel, stage in
            // The stall is found, and then the probes are due.
            for _ in 0..<2 { try stage.loop.turn(.immediately) }
            let hasMore = stage.loop.hasMoreToDo
            #expect(hasMore)
            let before = kernel.connects.count
            for number in 0..<Self.count {
                let id = TargetID(rawValue: UInt32(number))
                _ = try stage.loop.change(number % 2 == 0 ? .remove(id) : .move(id, to: .backend(1000 + number)))
            }
            _ = try stage.turns()
            let probed = kernel.connects[before...].map(\.address)
            #expect(Set(probed) == Set((0..<Self.count).filter { $0 % 2 == 1 }.map { .backend(1000 + $0) }))
            #expect(probed.count == Self.count / 2)
            // What the last turn has published.
            try stage.loop.turn(.immediately)
            let isUpToDate = stage.isUpToDate()
            #expect(isUpToDate)
        }
    }

    /// No probe that waits begins once the loop drains.
    @Test func nothingWaitsInALoopThatDrains() throws {
        try Self.stalled { kernel, stage in
            for _ in 0..<2 { try stage.loop.turn(.immediately) }
            kernel.arrive(at: kernel.listeners[0])
            try stage.loop.turn(.immediately)
            stage.loop.drain()
            let before = kernel.connects.count
            _ = try stage.turns()
            #expect(kernel.connects.count == before)
        }
    }

    /// Of many names so many are looked up in a turn, each of them once, and nobody waits for ever.
    @Test func theLookUpsOfATurnAreBounded() throws {
        let asked = Guarded<[String: Int]>([:])
        var health = Configuration.HealthCheck()
        health.interval = .seconds(60)
        var timeouts = Configuration.Timeouts()
        timeouts.names = .seconds(60)
        let names = (0..<Self.count).map { HostName(host: "server\($0)", port: 1, preferredFamily: AF_INET) }
        let address = SocketAddress.ipv4(0x7F00_0001, port: 1)
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [.init(backends: names.map { .init(name: $0, address: address) }, health: health)],
            timeouts: timeouts, log: .none)
        var loop = try BalancerLoop(
            configuration,
            lookUp: { name in
                asked.withLock { $0[name.host, default: 0] += 1 }
                return [address]
            }, output: .silent)
        let before = asked.withLock { $0.values.reduce(0, +) }
        let found = loop.lookUpAllNames()
        #expect(found == Self.count)
        var turns = 1
        let deadline = Clock.monotonic.now() + .seconds(20)
        while loop.isLookingUp, Clock.monotonic.now() < deadline {
            let sum = asked.withLock { $0.values.reduce(0, +) }
            #expect(sum - before <= turns * Limits.lookUpsPerTurn)
            turns += 1
            try loop.turn(.milliseconds(5))
        }
        let isOver = !loop.isLookingUp
        #expect(isOver)
        #expect(asked.withLock { $0.count } == Self.count)
        loop.stop()
    }
}

extension BalancerLoop {
    /// Looks all names up, as at a SIGHUP.
    fileprivate mutating func lookUpAllNames() -> Int? { duties?.prober.lookUpNames(&core, &journal) }

    fileprivate var isLookingUp: Bool { duties?.isLookingUp() ?? false }
}

extension Duties {
    // A function, because reading a property of a noncopyable optional would consume it.
    fileprivate func isLookingUp() -> Bool { prober.isLookingUp }
}

/// What a reader of the roster takes over.
@Suite struct RecentFindingsTests {
    private static func finding(_ target: TargetEntry, _ pool: PoolID) -> Finding {
        Finding(
            id: target.id, pool: pool, isUp: target.isUp, probes: target.probes, address: target.address,
            boundSource: target.boundSource)
    }

    /// Whatever is found out and changed between two updates: the copy is as the roster, and its census is that of its
    /// entries.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func aCopyIsAlwaysAsTheRoster(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let shared = SharedRoster(try .staged(backends: 20))
        _ = try shared.apply(.addPool(.init(name: "more", backends: [.init(address: .backend(900))])))
        var copy = Roster(version: 0)
        #expect(shared.update(&copy).places == nil)
        var next = 1000
        for step in 0..<500 {
            let context = Comment(rawValue: "SEED=\(seed), step \(step)")
            var changes = 0
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let roster = shared.current()
                let pool = roster.pools[Int.random(in: 0..<roster.pools.count, using: &random)]
                if pool.targets.isEmpty || random.chance(5) {
                    next += 1
                    changes += 1
                    _ = try shared.apply(.add(.init(address: .backend(next)), to: pool.id))
                    continue
                }
                let target = pool.targets[Int.random(in: 0..<pool.targets.count, using: &random)]
                if random.chance(10) {
                    changes += 1
                    _ = try shared.apply(random.chance(50) ? .remove(target.id) : .weigh(target.id, 0))
                    continue
                }
                let old = Self.finding(target, pool.id)
                var new = old
                new.isUp = random.chance(50)
                new.probes.record(random.chance(50) ? .succeeded : .failed)
                new.probes.canProbe = random.chance(80)
                shared.publish([(old, new)])
            }
            let places = shared.update(&copy).places
            try #require((places == nil) == (changes > 0), context)
            let latest = shared.current()
            try #require(copy.version == latest.version, context)
            for (mine, theirs) in zip(copy.pools, latest.pools) {
                try #require(mine.targets.map(\.id) == theirs.targets.map(\.id), context)
                try #require(mine.targets.map(\.isUp) == theirs.targets.map(\.isUp), context)
                try #require(mine.targets.map(\.probes) == theirs.targets.map(\.probes), context)
                var census = TargetCensus()
                for target in mine.targets { census.count(target, 1) }
                try #require(mine.census == census && theirs.census == census, context)
            }
        }
    }

    /// A reader that has slept too long takes over everything.
    @Test func aReaderThatIsFarBehindTakesAll() throws {
        let shared = SharedRoster(try .staged(backends: 2))
        var copy = Roster(version: 0)
        _ = shared.update(&copy)
        let entry = copy.pools[0].targets[1]
        let old = Self.finding(entry, copy.pools[0].id)
        var new = old
        new.isUp = false
        for _ in 0..<10 { shared.publish([(old, new), (new, old)]) }
        let few = shared.update(&copy).places
        #expect(few?.count == 20 && few?.allSatisfy { $0 == TargetPlace(pool: 0, position: 1) } ?? false)
        for _ in 0...(2 * Limits.backendsMax) { shared.publish([(old, new)]) }
        #expect(shared.update(&copy).places == nil)
        #expect(!copy.pools[0].targets[1].isUp && copy.version == shared.version)
    }
}

extension SharedRoster.Update {
    /// The places of which something was found out; nil where more has changed.
    fileprivate var places: [TargetPlace]? {
        if case .found(let places) = self { places } else { nil }
    }
}
