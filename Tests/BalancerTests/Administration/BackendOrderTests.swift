import AdministrationAPI
import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// What operators want of backends, carried out by a loop.
@Suite struct BackendOrderTests {
    @Test("a drained backend gets no new sessions, keeps those that it has, and is checked; ready brings it back")
    func drain() throws {
        try AdministeredStage.run(interval: .seconds(1)) { stage in
            try stage.arrive(4)
            let change = try stage.order(.state(.drain), of: 0)
            #expect(
                change
                    == Change(
                        subject: "backend default/10.1.0.0:80", old: "up", new: "drain", sessions: 2, isDryRun: false))
            try stage.arrive(4)
            #expect(stage.target(0)?.counters.sessions == 2 && stage.target(1)?.counters.sessions == 6)
            let probes = stage.connects(to: 0)
            try stage.pass(.seconds(3))
            #expect(stage.connects(to: 0) >= probes + 2)
            let back = try stage.order(.state(.ready), of: 0)
            #expect(back.old == "drain" && back.new == "up")
            #expect(stage.target(0)?.steering == nil)
            try stage.arrive(4)
            #expect(stage.target(0).map { $0.counters.sessions > 2 } == true)
            #expect(stage.events.filter { $0 == "backend-steered" }.count == 2)
        }
    }

    @Test("a maintained backend is not checked, and is checked at once when it comes back")
    func maintain() throws {
        try AdministeredStage.run(interval: .seconds(1)) { stage in
            try stage.pass(.seconds(2))
            try stage.order(.state(.maintain), of: 0)
            let probes = stage.connects(to: 0)
            try stage.pass(.seconds(10))
            #expect(stage.connects(to: 0) == probes)
            #expect(stage.connects(to: 1) >= 10)
            #expect(stage.target(0)?.stateWord == "maintain")
            try stage.order(.state(.ready), of: 0)
            try stage.pass(.milliseconds(200))
            #expect(stage.connects(to: 0) == probes + 1)
            #expect(stage.target(0)?.stateWord == "up")
        }
    }

    @Test("the last backend can be drained, and the asker is told what that means")
    func lastOne() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            #expect(try stage.order(.state(.drain), of: 0).remarks == [])
            let warning = "no other backend of pool default gets clients: new ones are closed"
            #expect(try stage.order(.state(.drain), of: 1, isDryRun: true).remarks == [warning])
            #expect(try stage.order(.state(.drain), of: 1).remarks == [warning])
            try stage.arrive()
            #expect(stage.ended(.noBackend) == 1)
            #expect(stage.serviceState == .noBackend)
        }
    }

    @Test("weights: a share of what is configured, a number, and back")
    func weights() throws {
        try AdministeredStage.run(backend: { .init(address: .backend($0), weight: 4) }) { stage in
            let change = try stage.order(.weight(.percent(25)), of: 0)
            #expect(change.old == "weight 4" && change.new == "weight 4 at 25%")
            try stage.arrive(10)
            #expect(stage.target(0)?.counters.sessions == 2 && stage.target(1)?.counters.sessions == 8)
            try stage.order(.weight(.count(0)), of: 0)
            try stage.arrive(5)
            #expect(stage.target(0)?.counters.sessions == 2)
            let back = try stage.order(.weight(nil), of: 0)
            #expect(back.old == "weight 0" && back.new == "weight 4")
            #expect(stage.target(0)?.steering == nil)
        }
    }

    @Test("limits of sessions: fewer than there are, none, and back; those beyond it go on")
    func limits() throws {
        try AdministeredStage.run(
            adjust: { $0.queue = .init(max: 10) }, backend: { .init(address: .backend($0), sessionsMax: 2) }
        ) { stage in
            try stage.arrive(4)
            let change = try stage.order(.sessionsMax(.count(1)), of: 0)
            #expect(change.old == "at most 2 sessions" && change.new == "at most 1 sessions")
            #expect(stage.target(0)?.counters.sessions == 2)
            try stage.arrive(3)
            #expect(stage.target(0)?.counters.sessions == 2)
            #expect(stage.queueLength == 3)
            #expect(try stage.order(.sessionsMax(TargetSteering.SessionsMax.none), of: 0).new == "no limit of sessions")
            try stage.turns()
            #expect(stage.queueLength == 0)
            #expect(stage.target(0)?.counters.sessions == 5)
            try stage.order(.sessionsMax(nil), of: 0)
            #expect(stage.target(0)?.sessionsMaxNow == 2)
        }
    }

    @Test("a dry run says the same and changes nothing")
    func dryRuns() throws {
        try AdministeredStage.run { stage in
            try stage.arrive(4)
            let before = stage.rosterVersion
            let (connects, events) = (stage.kernel.connects.count, stage.events)
            let actions: [Order.Action] = [
                .state(.drain), .state(.maintain), .state(.silent), .state(.refusing), .weight(.count(7)),
                .sessionsMax(.count(1)), .remove,
            ]
            for action in actions {
                let change = try stage.order(action, of: 0, for: .seconds(5), isDryRun: true)
                #expect(change.isDryRun && change.sessions == 2)
            }
            let added = try stage.order(
                Order(subject: .pool("default"), action: .add(.init(address: .backend(9)))), isDryRun: true)
            #expect(added.isDryRun && added.new == "weight 1" && added.old == nil)
            #expect(try stage.order(.pause(true), ofListener: "127.0.0.1:20000", isDryRun: true).isDryRun)
            try stage.pass(.seconds(6))
            #expect(stage.rosterVersion == before)
            #expect(stage.kernel.connects.count == connects && stage.events == events)
            try stage.arrive(2)
            #expect(stage.target(0)?.counters.sessions == 3)
        }
    }

    @Test("what is set for a while goes back by itself, and says so")
    func goesBack() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            let change = try stage.order(.state(.drain), of: 0, for: .seconds(10))
            #expect(change.revertsSeconds == 10)
            try stage.pass(.seconds(9))
            #expect(stage.target(0)?.stateWord == "drain")
            try stage.pass(.seconds(2))
            #expect(stage.target(0)?.stateWord == "up" && stage.target(0)?.steering == nil)
            let last = try #require(stage.access.recorder.events(after: 0).last)
            #expect(last.event == "backend-steered" && last.message == "its time is over: up")
        }
    }

    @Test("it goes back to what was set before, not to what is configured")
    func goesBackToBefore() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            try stage.order(.weight(.count(5)), of: 0)
            try stage.order(.state(.maintain), of: 0, for: .seconds(10))
            try stage.pass(.seconds(11))
            #expect(stage.target(0)?.stateWord == "up" && stage.target(0)?.weightNow == 5)
        }
    }

    @Test("whoever orders something else meanwhile is not overruled by a time of an earlier order")
    func overruled() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            try stage.order(.state(.drain), of: 0, for: .seconds(10))
            try stage.order(.state(.maintain), of: 0)
            try stage.pass(.seconds(30))
            #expect(stage.target(0)?.stateWord == "maintain")
            // One within another: each goes back to what was there before it.
            try stage.order(.state(.ready), of: 0)
            try stage.order(.state(.drain), of: 0, for: .seconds(20))
            try stage.order(.weight(.count(3)), of: 0, for: .seconds(5))
            try stage.pass(.seconds(6))
            #expect(stage.target(0)?.stateWord == "drain" && stage.target(0)?.steering?.weight == nil)
            try stage.pass(.seconds(16))
            #expect(stage.target(0)?.steering == nil)
        }
    }

    @Test("what is prolonged ends with its new time, and does not stay for good")
    func prolonged() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            try stage.order(.state(.drain), of: 0, for: .seconds(10))
            try stage.pass(.seconds(5))
            try stage.order(.state(.drain), of: 0, for: .seconds(20))
            try stage.pass(.seconds(19))
            #expect(stage.target(0)?.stateWord == "drain")
            try stage.pass(.seconds(2))
            #expect(stage.target(0)?.stateWord == "up")
            // Something else that lasts longer: what was there before is over by then.
            try stage.order(.state(.drain), of: 0, for: .seconds(5))
            try stage.order(.weight(.count(3)), of: 0, for: .seconds(10))
            try stage.pass(.seconds(11))
            #expect(stage.target(0)?.steering == nil)
        }
    }

    @Test("however often something is set for a year, little is remembered")
    func manyTimes() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            for number in 0..<200 {
                try stage.order(.weight(.count(Int32(number % 7))), of: 0, for: .seconds(365 * 24 * 3600))
            }
            #expect(stage.reversionCount <= 2)
            try stage.order(.weight(nil), of: 0)
            #expect(stage.reversionCount == 0)
        }
    }

    @Test("a reload keeps what operators have set, and forgets a backend that it added and the file does not name")
    func reloads() throws {
        try AdministeredStage.run { stage in
            try stage.turns()
            try stage.order(.state(.drain), of: 0)
            try stage.order(.weight(.count(9)), of: 1)
            try stage.order(Order(subject: .pool("default"), action: .add(.init(address: .backend(9)))))
            #expect(stage.target(9)?.weight == 1)
            try stage.reload { pools in
                let backends = pools[0].backends
                pools[0] = pools[0].with([backends[0], .init(address: .backend(1), weight: 3)])
            }
            #expect(stage.target(0)?.stateWord == "drain")
            #expect(stage.target(1)?.weight == 3 && stage.target(1)?.weightNow == 9)
            #expect(stage.targetCount == 2)
        }
    }

    @Test("backends are added and removed; their sessions end as the pool says")
    func addAndRemove() throws {
        try AdministeredStage.run(adjust: { $0.whenRemoved = .close }) { stage in
            try stage.turns()
            let backend = Configuration.Backend(address: .backend(9), label: "nine", weight: 2)
            let added = try stage.order(Order(subject: .pool("default"), action: .add(backend)))
            #expect(added.subject == "backend default/nine" && added.new == "weight 2" && added.old == nil)
            try stage.arrive(8)
            #expect(stage.target(9)?.counters.sessions == 4)
            let removed = try stage.order(
                Order(subject: .backend(pool: "default", name: "nine"), action: .remove))
            #expect(removed.sessions == 4 && removed.new == nil)
            #expect(removed.remarks == ["its sessions are ended (when_removed: close)"])
            try stage.turns(5)
            #expect(stage.ended(.backendRemoved) == 4 && stage.sessionCount == 4)
            #expect(stage.events.suffix(2) == ["backend-added", "backend-removed"])
        }
    }

    @Test("an order that cannot be carried out names what there is")
    func refusals() throws {
        try AdministeredStage.run(backends: 12) { stage in
            let names = (0..<10).map { "10.1.0.\($0):80" }.joined(separator: ", ")
            func order(_ subject: Order.Subject, _ action: Order.Action = .state(.drain)) -> Order {
                Order(subject: subject, action: action)
            }
            #expect(
                stage.refusal(order(.backend(pool: "default", name: "b")))
                    == "no backend 'b' in pool 'default': there are \(names) and 2 more")
            #expect(
                stage.refusal(order(.backend(pool: "db", name: "b"))) == "no pool 'db': there are default")
            #expect(
                stage.refusal(order(.listener("db"), .pause(true))) == "no listener 'db': there are 127.0.0.1:20000")
            #expect(
                stage.refusal(order(.listener("127.0.0.1:20000"), .remove))
                    == "listener 127.0.0.1:20000: it can be paused, resumed, and its per-client limit set")
            let again = stage.refusal(order(.pool("default"), .add(.init(address: .backend(3)))))
            #expect(again?.contains("10.1.0.3:80") == true, "\(again ?? "-")")
            #expect(stage.refusal(order(.pool("default"), .remove)) == "pool default: only backends can be added")
            #expect(
                stage.refusal(order(.listener("127.0.0.1:20000"), .perClient(3)))?
                    .contains("limits.per_client.sessions") == true)
            stage.loop.drain()
            #expect(
                stage.refusal(order(.backend(pool: "default", name: "10.1.0.0:80")))
                    == "the balancer is about to end: nothing is changed")
        }
    }
}
