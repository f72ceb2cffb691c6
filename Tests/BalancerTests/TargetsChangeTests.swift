import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

private typealias Stage = TargetsStage

/// Limits of backends, and pools that come and leave.
@Suite struct TargetsChangeTests {
    private static func staged(_ body: (StagedKernel) throws -> Void) rethrows {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) { try body(kernel) }
        #expect(kernel.descriptors.isEmpty)
    }

    // MARK: limits

    @Test func oneGetsAtMostItsLimit() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 2)
            let first = [try stage.send(), try stage.send(), try stage.send()]
            #expect(first[0] == first[2] && first[0] != first[1])
            // It has two, and more than that from now on only when one has ended.
            try stage.change(.limit(Stage.id(0), 1))
            for _ in 0..<3 {
                let place = try stage.send()
                #expect(place == first[1])
            }
            try stage.change(.limit(Stage.id(1), 4))
            let none = stage.pick()
            let reason = stage.refuse()
            #expect(none == nil && reason == .backendsFull)
            stage.targets.drop(first[0])
            let stillNone = stage.pick()
            #expect(stillNone == nil)
            stage.targets.drop(first[0])
            let again = stage.pick()
            #expect(again == first[0])
            try stage.change(.limit(Stage.id(1), nil))
            for _ in 0..<2 { _ = try stage.send() }
            let sessions = stage.sessions
            #expect(sessions == [1, 5])
        }
    }

    /// A rebuilt pool counts the sessions that its backends had before.
    @Test func aLimitOutlastsOtherChanges() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            try stage.change(.limit(Stage.id(0), 2))
            let place = try stage.send()
            _ = try stage.send()
            try stage.change(.add(.init(address: .backend(5), sessionsMax: 1), to: PoolID(rawValue: 0)))
            let other = try stage.send()
            #expect(other != place)
            try stage.change(.weigh(Stage.id(0), 7))
            let none = stage.pick()
            #expect(none == nil)
        }
    }

    // MARK: pools

    @Test func aPoolComesAndLeaves() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            let added = try stage.change(.addPool(.init(name: "web", backends: [.init(address: .backend(5))])))
            #expect(added == .pool(PoolID(rawValue: 1)))
            let pool = stage.targets.pick(
                from: 1, for: PickRequest(tried: TriedTargets(), clientKey: 0), stage.core.now)
            #expect(pool.map { stage.address($0) } == .backend(5))
            try stage.change(.removePool(PoolID(rawValue: 1)))
            let (pools, states) = (stage.targets.pools.count, stage.stateCount)
            #expect(pools == 1 && states == 1)
        }
    }

    /// A session that is not connected yet holds its pool: it finds nobody there, and never another pool's backend.
    @Test func aPoolThatLeavesStaysForSessionsThatStillPick() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            try stage.change(.addPool(.init(name: "web", backends: [.init(address: .backend(5))])))
            stage.targets.hold(pool: 1)
            try stage.change(.removePool(PoolID(rawValue: 1)))
            try stage.change(.addPool(.init(name: "web", backends: [.init(address: .backend(6))])))
            let picked = stage.targets.pick(
                from: 1, for: PickRequest(tried: TriedTargets(), clientKey: 0), stage.core.now)
            #expect(picked == nil)
            let reason = stage.targets.refuse(from: 1, &stage.core, &stage.journal)
            #expect(reason == .noBackend)
            let before = stage.targets.pools.count
            stage.targets.release(pool: 1)
            let after = stage.targets.pools.count
            #expect(before == 3 && after == 2)
        }
    }
}
