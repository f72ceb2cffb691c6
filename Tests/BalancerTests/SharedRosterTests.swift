import Glibc
import Reactor
import Synchronization
import Testing

@testable import Balancer

@Suite struct SharedRosterTests {
    private static func roster(backends: Int = 3) throws -> SharedRoster {
        SharedRoster(try .staged(backends: backends))
    }

    private static func addresses(_ roster: Roster) -> [SocketAddress?] { roster.targets.map(\.address) }

    @Test func aBackendComesAndLeaves() throws {
        let shared = try Self.roster()
        let pool = shared.current().pools[0].id
        let added = try shared.apply(.add(.init(address: .backend(9)), to: pool))
        #expect(added == .target(TargetID(rawValue: 3)))
        #expect(Self.addresses(shared.current()) == [.backend(0), .backend(1), .backend(2), .backend(9)])
        let removed = try shared.apply(.remove(TargetID(rawValue: 1)))
        #expect(removed == .target(TargetID(rawValue: 1)))
        #expect(Self.addresses(shared.current()) == [.backend(0), .backend(2), .backend(9)])
    }

    @Test func aBackendMovesAndIsWeighed() throws {
        let shared = try Self.roster()
        let id = TargetID(rawValue: 1)
        let counters = Array(shared.current().targets)[1].counters
        #expect(try shared.apply(.move(id, to: .backend(7))) == .target(id))
        for weight in [17, 0, Limits.weightMax] as [Int32] {
            #expect(try shared.apply(.weigh(id, weight)) == .target(id))
            let target = Array(shared.current().targets)[1]
            #expect(target.weight == weight && target.address == .backend(7) && target.id == id)
            #expect(target.counters === counters)
        }
    }

    /// A source that is not of the backend's family is not used.
    @Test func theSourceFollowsAMove() throws {
        let source = SocketAddress.ipv4(0x0A00_0005, port: 0)
        let shared = SharedRoster(
            try Configuration(
                listeners: [.init(address: .ipv4(0x7F00_0001, port: 20_000))],
                pools: [.init(backends: [.init(address: .backend(0))], source: source)]))
        let id = TargetID(rawValue: 0)
        #expect(Array(shared.current().targets)[0].boundSource == source)
        _ = try shared.apply(.move(id, to: .ipv6(high: 1, low: 1, scope: 0, port: 80)))
        #expect(Array(shared.current().targets)[0].boundSource == nil)
        _ = try shared.apply(.move(id, to: .backend(1)))
        #expect(Array(shared.current().targets)[0].boundSource == source)
    }

    @Test func whatIsNotThereIsNotChanged() throws {
        let shared = try Self.roster()
        let gone = TargetID(rawValue: 0)
        _ = try shared.apply(.remove(gone))
        let version = shared.version
        for id in [gone, TargetID(rawValue: 4711)] {
            #expect(try shared.apply(.remove(id)) == nil)
            #expect(try shared.apply(.move(id, to: .backend(1))) == nil)
            #expect(try shared.apply(.weigh(id, 2)) == nil)
        }
        #expect(try shared.apply(.add(.init(address: .backend(5)), to: PoolID(rawValue: 9))) == nil)
        #expect(shared.version == version)
        #expect(shared.current().targetCount == 2)
    }

    @Test func idsAreNeverUsedAgain() throws {
        let shared = try Self.roster(backends: 1)
        let pool = shared.current().pools[0].id
        var seen: Set<TargetID> = [TargetID(rawValue: 0)]
        for _ in 0..<100 {
            let added = try shared.apply(.add(.init(address: .backend(1)), to: pool))
            guard case .target(let id) = try #require(added) else { continue }
            #expect(seen.insert(id).inserted)
            #expect(try shared.apply(.remove(id)) == .target(id))
        }
        var pools: Set<PoolID> = [pool]
        for _ in 0..<100 {
            let added = try shared.apply(.addPool(.init(name: "web", backends: [.init(address: .backend(1))])))
            guard case .pool(let id) = try #require(added) else { continue }
            #expect(pools.insert(id).inserted)
            #expect(try shared.apply(.removePool(id)) == .pool(id))
        }
    }

    @Test func theVersionGrowsByOneWithEachChange() throws {
        let shared = try Self.roster()
        #expect(shared.version == 1 && shared.current().version == 1)
        let pool = shared.current().pools[0].id
        let changes: [RosterChange] = [
            .add(.init(address: .backend(9)), to: pool), .weigh(TargetID(rawValue: 3), 5),
            .move(TargetID(rawValue: 3), to: .backend(8)), .remove(TargetID(rawValue: 3)),
        ]
        for (place, change) in changes.enumerated() {
            _ = try shared.apply(change)
            #expect(shared.version == UInt64(place) + 2)
            #expect(shared.current().version == shared.version)
        }
    }

    /// A reader that sees a version sees at least what was written with it: while a writer moves two backends in turn to
    /// addresses that name the version, each roster that a reader gets is one of those.
    @Test func aReaderOnAnotherThreadSeesVersionAndContentTogether() throws {
        let shared = try Self.roster(backends: 2)
        let reader = Reader(shared: shared)
        let thread = try LoopThread(name: "reader") { reader.run() }
        // Until the reader has had many of them, in a bounded time.
        let deadline = Clock.monotonic.now() + .seconds(20)
        var version: UInt64 = 1
        while reader.rosters.load(ordering: .relaxed) < 500, Clock.monotonic.now() < deadline {
            version += 1
            _ = try shared.apply(.move(TargetID(rawValue: UInt32(version % 2)), to: .backend(Int(version))))
            // The lock is free for the reader, also on one processor.
            if version % 8 == 0 { sched_yield() }
        }
        reader.isOver.store(true, ordering: .releasing)
        thread.join()
        #expect(shared.version == version)
        #expect(reader.behind.load(ordering: .relaxed) == 0)
        #expect(reader.torn.load(ordering: .relaxed) == 0)
        #expect(reader.rosters.load(ordering: .relaxed) >= 500)
    }

}

/// Takes rosters over as a loop does: when the version has changed.
private final class Reader: Sendable {
    let shared: SharedRoster
    let isOver = Atomic(false)
    let rosters = Atomic(0)
    /// Rosters that were older than the version that had been seen.
    let behind = Atomic(0)
    /// Rosters whose content was not that of their version.
    let torn = Atomic(0)

    init(shared: SharedRoster) { self.shared = shared }

    func run() {
        var known: UInt64 = 0
        while true {
            let isLast = isOver.load(ordering: .acquiring)
            let version = shared.version
            if version != known {
                let roster = shared.current()
                if roster.version < version { behind.add(1, ordering: .relaxed) }
                known = roster.version
                if !Self.isWhole(roster) { torn.add(1, ordering: .relaxed) }
                rosters.add(1, ordering: .relaxed)
            }
            if isLast { return }
        }
    }

    /// The one backend has what its version wrote, the other what the version before it did.
    private static func isWhole(_ roster: Roster) -> Bool {
        let targets = Array(roster.targets)
        let newest = Int(roster.version)
        guard newest > 2 else { return true }
        return targets[newest % 2].address == .backend(newest)
            && targets[(newest - 1) % 2].address == .backend(newest - 1)
    }
}

@Suite struct RosterChangeTests {
    private static func check(_ change: RosterChange, backends: Int = 1) throws(ConfigurationError) {
        let targets = (0..<backends).map { number in
            TargetEntry(
                id: TargetID(rawValue: UInt32(number)), name: "b\(number)", host: nil,
                address: .ipv4(0x0A00_0001, port: UInt16(number + 1)), counters: TargetCounters(loops: 1))
        }
        let pool = PoolEntry(
            id: PoolID(rawValue: 0), name: "default", targets: targets)
        try change.check(
            Roster(pools: [pool]), [.init(address: OwnAddress(.ipv4(0, port: 20000)), pool: PoolID(rawValue: 0))])
    }

    @Test(arguments: [-1, Limits.weightMax + 1]) func aWeightOutOfRangeIsRefused(weight: Int32) {
        #expect(throws: ConfigurationError("weight \(weight): it must be 0 to 256")) {
            try Self.check(.weigh(TargetID(rawValue: 0), weight))
        }
    }

    @Test(arguments: [0, Limits.weightMax]) func aWeightInRangeIsTaken(weight: Int32) throws {
        try Self.check(.weigh(TargetID(rawValue: 0), weight))
    }

    /// A balancer that is its own backend serves itself until its ports are used up.
    @Test func theBalancerItselfIsNoBackend() {
        let spellings: [SocketAddress] = [
            .ipv4(0x7F00_0001, port: 20000), .ipv4(0x7F00_0009, port: 20000), .ipv4(0, port: 20000),
            .ipv6(high: 0, low: 0xFFFF_7F00_0001, scope: 0, port: 20000),
        ]
        for own in spellings {
            for change in [
                RosterChange.add(.init(address: own), to: PoolID(rawValue: 0)), .move(TargetID(rawValue: 0), to: own),
            ] {
                #expect(throws: ConfigurationError.self) { try Self.check(change) }
            }
        }
    }

    /// The listener is on 0.0.0.0, which IPv6 does not reach.
    @Test func anotherFamilyIsSomebodyElse() throws {
        try Self.check(.move(TargetID(rawValue: 0), to: .ipv6(high: 0, low: 1, scope: 0, port: 20000)))
    }

    @Test func anUnspecifiedDestinationIsLoopback() throws {
        let shared = SharedRoster(try .staged(backends: 1))
        _ = try shared.apply(.move(TargetID(rawValue: 0), to: .ipv4(0, port: 80)))
        #expect(shared.current().targets.map(\.address) == [.ipv4(0x7F00_0001, port: 80)])
    }

    @Test(arguments: [-1, 0, Int32(Limits.sessionsCeiling) + 1]) func aLimitOutOfRangeIsRefused(most: Int32) {
        let backend = Configuration.Backend(address: .ipv4(0x0A00_0002, port: 80), sessionsMax: most)
        for change in [
            RosterChange.limit(TargetID(rawValue: 0), most), .add(backend, to: PoolID(rawValue: 0)),
            .addPool(.init(name: "web", backends: [backend])),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try Self.check(change) }
            #expect(error?.description.contains("\(most) sessions at most: it must be 1 to 1048576") ?? false)
        }
    }

    @Test func namesAreGivenOnce() throws {
        let present = Configuration.Backend(address: .ipv4(0x0A00_0002, port: 80))
        #expect(throws: ConfigurationError("there is a pool 'default' already: each needs a name of its own")) {
            try Self.check(.addPool(.init(backends: [present])))
        }
        let shared = SharedRoster(try .staged(backends: 1))
        let pool = PoolID(rawValue: 0)
        #expect(throws: ConfigurationError("backend 10.1.0.0:80 is in the pool already: name each once")) {
            try shared.apply(.add(.init(address: .backend(0)), to: pool))
        }
        #expect(shared.version == 1)
    }

    @Test func aPortOfZeroIsRefused() {
        let address = SocketAddress.ipv4(0x0A00_0002, port: 0)
        for change in [
            RosterChange.add(.init(address: address), to: PoolID(rawValue: 0)),
            .move(TargetID(rawValue: 0), to: address),
        ] {
            #expect(throws: ConfigurationError("backend 10.0.0.2:0: its port must be 1 to 65535")) {
                try Self.check(change)
            }
        }
    }

    @Test func aPoolThatAListenerUsesStays() {
        #expect(throws: ConfigurationError("listener 0.0.0.0:20000 uses the pool: give the listener another one first"))
        {
            try Self.check(.removePool(PoolID(rawValue: 0)))
        }
    }

    @Test func moreBackendsThanTheLimitAreRefused() throws {
        let one = RosterChange.add(.init(address: .ipv4(0x0A00_0002, port: 80)), to: PoolID(rawValue: 0))
        try Self.check(one, backends: Limits.backendsMax - 1)
        #expect(throws: ConfigurationError.self) { try Self.check(one, backends: Limits.backendsMax) }
    }
}
