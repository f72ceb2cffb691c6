import AdministrationAPI
import CEpoll
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// What operators want of listeners, and what is counted of them.
@Suite struct ListenerOrderTests {
    private static let name = "127.0.0.1:20000"

    @Test("clients of a paused listener wait, sessions go on, and others are served; then they come in their order")
    func pause() throws {
        try AdministeredStage.run(listeners: 2) { stage in
            try stage.arrive(2)
            let change = try stage.order(.pause(true), ofListener: Self.name)
            #expect(change.subject == "listener \(Self.name)" && change.old == "open" && change.new == "paused")
            #expect(change.sessions == 2 && change.remarks.count == 1)
            try stage.arrive(3)
            #expect(stage.sessionCount == 2)
            try stage.arrive(1, at: 1)
            #expect(stage.sessionCount == 3)
            let client = stage.kernel.accepted[0]
            let backend = try #require(stage.kernel.connects.last { stage.kernel.descriptors.contains($0.socket) })
                .socket
            stage.kernel.input[backend] = [1, 2, 3]
            stage.kernel.post(backend, CEPOLL_IN)
            stage.kernel.input[client] = [4, 5]
            stage.kernel.post(client, CEPOLL_IN)
            try stage.turns()
            #expect(stage.total(.bytesUp) == 2)
            try stage.order(.pause(false), ofListener: Self.name)
            try stage.turns(5)
            #expect(stage.sessionCount == 6)
            #expect(stage.events.filter { $0 == "listener-steered" }.count == 2)
        }
    }

    @Test("the time for which a listener was paused is counted")
    func pausedTime() throws {
        try AdministeredStage.run { stage in
            try stage.order(.pause(true), ofListener: Self.name)
            try stage.arrive()
            try stage.pass(.seconds(3))
            // Whoever asks meanwhile sees how long it is already.
            _ = try stage.ask(.isAlive)
            let soFar = stage.listener().counters[.pausedNanoseconds]
            #expect(soFar >= 2_900_000_000 && soFar <= 3_200_000_000, "\(soFar)")
            try stage.pass(.seconds(4))
            try stage.order(.pause(false), ofListener: Self.name)
            try stage.turns(5)
            let paused = stage.listener().counters[.pausedNanoseconds]
            #expect(paused >= 6_900_000_000 && paused <= 7_200_000_000, "\(paused)")
        }
    }

    @Test("a pause for a while ends by itself; another order replaces its time")
    func pauseForAWhile() throws {
        try AdministeredStage.run { stage in
            try stage.order(.pause(true), ofListener: Self.name, for: .seconds(10))
            try stage.arrive(2)
            try stage.pass(.seconds(9))
            #expect(stage.sessionCount == 0 && stage.listener().isPaused)
            try stage.pass(.seconds(2))
            try stage.turns(5)
            #expect(stage.sessionCount == 2 && !stage.listener().isPaused)
            try stage.order(.pause(true), ofListener: Self.name, for: .seconds(10))
            try stage.order(.pause(false), ofListener: Self.name)
            try stage.order(.pause(true), ofListener: Self.name)
            try stage.pass(.seconds(60))
            #expect(stage.listener().isPaused)
        }
    }

    @Test("a pause that is prolonged ends when its new time is over")
    func prolonged() throws {
        try AdministeredStage.run { stage in
            try stage.order(.pause(true), ofListener: Self.name, for: .seconds(10))
            try stage.pass(.seconds(5))
            #expect(try stage.order(.pause(true), ofListener: Self.name, for: .seconds(20)).revertsSeconds == 20)
            try stage.pass(.seconds(19))
            #expect(stage.listener().isPaused)
            try stage.pass(.seconds(2))
            #expect(!stage.listener().isPaused)
        }
    }

    @Test("a listener that is full when it is paused lets nobody in before the pause is over, others meanwhile go on")
    func pauseWhileFull() throws {
        try AdministeredStage.run(listeners: 2, limits: .init(sessionsMax: 2)) { stage in
            try stage.arrive(2)
            try stage.arrive(1)
            try stage.arrive(1, at: 1)
            #expect(stage.sessionCount == 2)
            try stage.order(.pause(true), ofListener: Self.name)
            for client in stage.kernel.accepted.prefix(2) { try stage.loop.finish(client, stage.kernel) }
            try stage.turns(5)
            // Only who came in by the other one has a place.
            #expect(stage.sessionCount == 1 && stage.listener(1).sessions == 1 && stage.audit == "")
            try stage.order(.pause(false), ofListener: Self.name)
            try stage.turns(5)
            #expect(stage.sessionCount == 2 && stage.listener(0).sessions == 1 && stage.audit == "")
        }
    }

    @Test("a reload keeps a pause")
    func reload() throws {
        try AdministeredStage.run { stage in
            try stage.order(.pause(true), ofListener: Self.name)
            try stage.reload()
            try stage.arrive()
            #expect(stage.listener().isPaused && stage.sessionCount == 0)
        }
    }

    @Test("a drain serves those who wait at a paused listener, as at any other, and ends")
    func drain() throws {
        try AdministeredStage.run { stage in
            try stage.order(.pause(true), ofListener: Self.name)
            try stage.arrive(2)
            stage.loop.drain()
            try stage.turns()
            #expect(stage.sessionCount == 2 && stage.audit == "")
            for client in stage.kernel.accepted { try stage.loop.finish(client, stage.kernel) }
            try stage.turns()
            let isRunning = stage.loop.isRunning
            #expect(stage.sessionCount == 0 && !isRunning)
        }
    }

    // MARK: the most sessions of a client

    private static func limited(_ most: Int32?) throws -> Configuration {
        let configuration = try PrefaceStage.configuration {
            var limits = Configuration.ClientLimits()
            limits.sessionsMax = most
            $0.clients.perClient = limits
        }
        return try Configuration(
            listeners: configuration.listeners, pools: configuration.pools, limits: configuration.limits,
            log: configuration.log, administration: AdministeredStage.administration)
    }

    @Test("a limit per client is set, goes back by itself, and holds for new clients")
    func perClient() throws {
        try AdministeredStage.run(Self.limited(2)) { stage in
            try stage.arrive(3)
            #expect(stage.sessionCount == 2 && stage.total(.overLimit) == 1)
            let change = try stage.order(.perClient(4), ofListener: "front", for: .seconds(10))
            #expect(change.old == "2 sessions per client" && change.new == "4 sessions per client")
            #expect(change.revertsSeconds == 10 && change.remarks == ["sessions beyond it go on"])
            try stage.arrive(3)
            #expect(stage.sessionCount == 4 && stage.total(.overLimit) == 2)
            try stage.pass(.seconds(11))
            #expect(stage.sessionCount == 4)
            try stage.arrive()
            #expect(stage.total(.overLimit) == 3)
            #expect(
                stage.access.recorder.events(after: 0).last { $0.event == "listener-steered" }?.message
                    == "its time is over: 2 sessions per client")
        }
    }

    @Test("what is set for a while over something else that was goes back to what lasts")
    func perClientTwice() throws {
        try AdministeredStage.run(Self.limited(2)) { stage in
            try stage.order(.perClient(9), ofListener: "front", for: .seconds(30))
            try stage.order(.perClient(5), ofListener: "front", for: .seconds(10))
            try stage.pass(.seconds(11))
            try stage.arrive(3)
            #expect(stage.sessionCount == 2 && stage.reversionCount == 0)
            // What is set without a time lasts, also when it comes in the middle of one.
            try stage.order(.perClient(9), ofListener: "front", for: .seconds(10))
            try stage.order(.perClient(3), ofListener: "front")
            try stage.pass(.seconds(20))
            try stage.arrive(3)
            #expect(stage.sessionCount == 3)
        }
    }

    @Test("a dry run sets no limit, and a reload keeps one")
    func perClientKept() throws {
        try AdministeredStage.run(Self.limited(1)) { stage in
            try stage.order(.perClient(9), ofListener: "front", isDryRun: true)
            try stage.arrive(2)
            #expect(stage.sessionCount == 1)
            try stage.order(.perClient(3), ofListener: "front")
            try stage.reload()
            try stage.arrive(4)
            #expect(stage.sessionCount == 3)
            #expect(try stage.order(.perClient(nil), ofListener: "front").new == "1 sessions per client")
            try stage.arrive()
            #expect(stage.sessionCount == 3)
        }
    }

    // MARK: counters

    @Test("a listener counts the sessions that came in by it, their bytes and how they ended")
    func counters() throws {
        try AdministeredStage.run(listeners: 2) { stage in
            try stage.arrive(3)
            try stage.arrive(1, at: 1)
            let client = stage.kernel.accepted[0]
            stage.kernel.input[client] = [UInt8](repeating: 7, count: 500)
            stage.kernel.post(client, CEPOLL_IN)
            try stage.turns()
            let counters = stage.listener(0).counters
            #expect(counters[.accepted] == 3 && stage.listener(0).sessions == 3)
            #expect(counters[.bytesUp] == 500 && counters[.bytesDown] == 0)
            #expect(stage.listener(1).counters[.accepted] == 1 && stage.listener(1).counters[.bytesUp] == 0)
            try stage.loop.finish(client, stage.kernel)
            #expect(counters[.endedFinished] == 1 && stage.listener(0).sessions == 2)
            #expect(stage.listener(1).sessions == 1)
            #expect(stage.total(.accepted) == 4 && stage.total(.bytesUp) == 500)
        }
    }
}
