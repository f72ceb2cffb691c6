import CEpoll
import Reactor
import Testing

@testable import Balancer

/// Sessions that end because their backend is down or was removed, where the pool wants that.
@Suite struct ClosingTests {
    /// The verdict of a backend's probes.
    private static func judge(_ number: Int, isUp: Bool, _ stage: inout TurnStage) throws {
        let shared = stage.loop.shared.roster
        let id = TargetID(rawValue: UInt32(number))
        let pool = try #require(shared.current().pools.first)
        let target = try #require(pool.targets.first { $0.id == id })
        let old = Finding(
            id: id, pool: pool.id, isUp: target.isUp, probes: target.probes, address: target.address,
            boundSource: target.boundSource)
        var new = old
        new.isUp = isUp
        shared.publish([(old, new)])
    }

    private static func remove(_ number: Int, _ stage: inout TurnStage) throws {
        _ = try stage.loop.change(.remove(TargetID(rawValue: UInt32(number))))
    }

    private static func run(
        whenDown: Configuration.WhenDown = .keep, whenRemoved: Configuration.WhenRemoved = .keep,
        _ body: (StagedKernel, inout TurnStage) throws -> Void
    ) throws {
        try TurnStage.run(
            backends: 2,
            adjust: {
                $0.whenDown = whenDown
                $0.whenRemoved = whenRemoved
            }, body)
    }

    /// No turn is long, all of them end, those of the other backend stay, and they are served meanwhile.
    @Test func sessionsOfABackendThatIsDownEndInShares() throws {
        try Self.run(whenDown: .close) { kernel, stage in
            let pairs = try stage.open(200)
            try Self.judge(0, isUp: false, &stage)
            var ended: UInt64 = 0
            var turns = 0
            repeat {
                stage.send(10, from: pairs[1].client)
                try stage.turn()
                turns += 1
                let now = stage.total(.endedBackendDown)
                #expect(now - ended <= UInt64(Limits.closesPerTurn))
                #expect(kernel.output[pairs[1].backend]?.count == 10 * turns)
                ended = now
            } while stage.loop.hasMoreToDo && turns < 100
            #expect(ended == 100 && turns >= 100 / Limits.closesPerTurn)
            for (place, pair) in pairs.enumerated() {
                #expect(kernel.descriptors.contains(pair.client) == (place % 2 == 1))
            }
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .backendDown && record.endedBy == .balancer && record.backend == .backend(0))
        }
    }

    @Test func theyStayUnlessThePoolSaysOtherwise() throws {
        try Self.run { kernel, stage in
            _ = try stage.open(4)
            try Self.judge(0, isUp: false, &stage)
            try stage.pass(.seconds(1))
            try Self.remove(1, &stage)
            try stage.pass(.seconds(100))
            let count = stage.loop.sessions.count
            #expect(count == 4)
        }
    }

    /// The rest of its sessions stay with a backend that is up again, and later ones as well.
    @Test func aBackendThatIsUpAgainKeepsTheRest() throws {
        try Self.run(whenDown: .close) { kernel, stage in
            _ = try stage.open(100)
            try Self.judge(0, isUp: false, &stage)
            try stage.turn()
            try Self.judge(0, isUp: true, &stage)
            try stage.pass(.seconds(1))
            let ended = stage.total(.endedBackendDown)
            #expect(ended == UInt64(Limits.closesPerTurn))
            _ = try stage.open(10)
            let count = stage.loop.sessions.count
            #expect(count == 110 - Limits.closesPerTurn)
        }
    }

    /// A weight of 0 is the operator's wish for no new clients, and no verdict.
    @Test func aBackendWithoutWeightIsNotDown() throws {
        try Self.run(whenDown: .close) { kernel, stage in
            _ = try stage.open(4)
            _ = try stage.loop.change(.weigh(TargetID(rawValue: 0), 0))
            try stage.pass(.seconds(1))
            let count = stage.loop.sessions.count
            #expect(count == 4)
        }
    }

    @Test func sessionsOfARemovedBackendEnd() throws {
        try Self.run(whenRemoved: .close) { kernel, stage in
            _ = try stage.open(50)
            try Self.remove(0, &stage)
            try stage.pass(.milliseconds(50))
            let (ended, count, states) = (
                stage.total(.endedBackendRemoved), stage.loop.sessions.count, stage.loop.targets.states.count
            )
            #expect(ended == 25 && count == 25 && states == 1)
            #expect(stage.loop.sessions.lastRecord.reason == .backendRemoved)
        }
    }

    /// Its address may be a new backend's, whose sessions stay.
    @Test func theyMayGoOnForAWhile() throws {
        try Self.run(whenRemoved: .drain(.seconds(30))) { kernel, stage in
            _ = try stage.open(10)
            try Self.remove(0, &stage)
            try stage.pass(.seconds(10))
            try Self.remove(1, &stage)
            _ = try stage.loop.change(.add(.init(address: .backend(0)), to: PoolID(rawValue: 0)))
            _ = try stage.open(3)
            try stage.pass(.seconds(19))
            #expect(stage.total(.endedBackendRemoved) == 0)
            try stage.pass(.seconds(2))
            #expect(stage.total(.endedBackendRemoved) == 5)
            try stage.pass(.seconds(8))
            #expect(stage.total(.endedBackendRemoved) == 5)
            try stage.pass(.seconds(2))
            let count = stage.loop.sessions.count
            #expect(stage.total(.endedBackendRemoved) == 10 && count == 3)
        }
    }

    /// A pool leaves with all of its backends: here while the process drains, when its listener needs it no more.
    @Test(arguments: [Configuration.WhenRemoved.keep, .close])
    func sessionsOfARemovedPoolEndLikewise(whenRemoved: Configuration.WhenRemoved) throws {
        try Self.run(whenRemoved: whenRemoved) { kernel, stage in
            _ = try stage.open(4)
            stage.loop.drain()
            _ = try stage.loop.change(.removePool(PoolID(rawValue: 0)))
            try stage.pass(.milliseconds(100))
            #expect(stage.total(.endedBackendRemoved) == (whenRemoved == .close ? 4 : 0))
        }
    }

    /// All of its sessions have ended before, and a new backend has its place: the time that is over is not that one's.
    @Test func thePlaceMayBeAnotherBackends() throws {
        try Self.run(whenRemoved: .drain(.seconds(30))) { kernel, stage in
            let pairs = try stage.open(10)
            try Self.remove(0, &stage)
            for pair in pairs.enumerated() where pair.offset % 2 == 0 {
                stage.end(pair.element.client)
                stage.end(pair.element.backend)
            }
            try stage.pass(.seconds(1))
            let left = stage.loop.targets.states.count
            _ = try stage.loop.change(.add(.init(address: .backend(7)), to: PoolID(rawValue: 0)))
            _ = try stage.open(4)
            try stage.pass(.seconds(40))
            let count = stage.loop.sessions.count
            #expect(left == 1 && count == 9 && stage.total(.endedBackendRemoved) == 0)
        }
    }

    /// One that has another address is the same backend: its sessions stay at the old one.
    @Test func aBackendThatMovesKeepsItsSessions() throws {
        try Self.run(whenRemoved: .close) { kernel, stage in
            _ = try stage.open(4)
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(9)))
            try stage.pass(.seconds(1))
            let count = stage.loop.sessions.count
            #expect(count == 4)
        }
    }

    /// A connect that was under way leads to a backend that is to be left: its session ends as the others did.
    @Test func aSessionThatConnectsTooLateEndsToo() throws {
        try Self.run(whenRemoved: .close) { kernel, stage in
            kernel.arrive(at: kernel.listeners[0])
            try stage.turn()
            let backend = try #require(kernel.connects.last).socket
            try Self.remove(0, &stage)
            try stage.pass(.seconds(1))
            #expect(stage.total(.endedBackendRemoved) == 0)
            kernel.post(backend, CEPOLL_OUT)
            try stage.pass(.milliseconds(50))
            #expect(stage.total(.endedBackendRemoved) == 1)
        }
    }

    /// However many sessions there are, a turn looks at so many: each place once, from where the last search has ended.
    @Test func aSearchHasItsShareOfATurn() {
        var search = SessionSweep()
        for places in [3000, 10] {
            var seen: [Int] = []
            var looks: [Int] = []
            search.begin(places: places, hasNewTimeouts: false)
            while search.isOn {
                search.beginTurn()
                let before = seen.count
                while let place = search.nextPlace() { seen.append(place) }
                looks.append(seen.count - before)
            }
            #expect(seen.sorted() == Array(0..<places))
            #expect(looks == (places == 10 ? [10] : [Limits.closeLooksPerTurn, Limits.closeLooksPerTurn, 952]))
        }
    }

    @Test func theDrainTimeHasBounds() {
        #expect(throws: ConfigurationError.self) {
            try Configuration.staged(backends: 1) { $0.whenRemoved = .drain(.seconds(-1)) }
        }
    }
}
