import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Drills: a backend that refuses, or does not answer, without a fault of its own.
@Suite struct DrillTests {
    @Test("a refusing backend: its check fails, and clients who meet it go to another one at once")
    func refusing() throws {
        try AdministeredStage.run(interval: .seconds(60)) { stage in
            try stage.pass(.seconds(1))
            let connects = stage.connects(to: 0)
            try stage.order(.state(.refusing), of: 0)
            #expect(stage.target(0)?.stateWord == "refusing")
            try stage.arrive(4)
            let sessions = try stage.sessions()
            #expect(sessions.allSatisfy { $0.phase == .relaying })
            #expect(stage.target(1)?.counters.sessions == 4)
            // Nothing was sent to it, neither by clients nor by checks.
            #expect(stage.connects(to: 0) == connects)
            #expect(stage.target(0)?.counters[.failedRefused] ?? 0 >= 1)
            #expect(stage.target(0)?.counters.sessions == 0)
            let redispatched = try #require(sessions.first { $0.attempts == 2 })
            #expect(redispatched.trace.attempts[0].error == UInt16(ECONNREFUSED))
            #expect(redispatched.trace.attempts[0].isOver && redispatched.trace.attempts[1].isOver)
        }
    }

    @Test("a refusing backend goes down after its checks, as a real one would, and comes back when the drill is over")
    func refusingGoesDown() throws {
        try AdministeredStage.run(interval: .seconds(1)) { stage in
            try stage.pass(.seconds(2))
            try stage.order(.state(.refusing), of: 0, for: .seconds(30))
            try stage.pass(.seconds(10))
            #expect(stage.target(0)?.isUp == false)
            #expect(stage.events.contains("backend-down"))
            try stage.pass(.seconds(25))
            #expect(stage.target(0)?.isUp == true && stage.target(0)?.stateWord == "up")
            #expect(stage.events.contains("backend-up"))
        }
    }

    @Test("a silent backend: clients who meet it go to another one after the connect timeout")
    func silent() throws {
        try AdministeredStage.run(interval: .seconds(60)) { stage in
            try stage.pass(.seconds(1))
            let connects = stage.connects(to: 0)
            try stage.order(.state(.silent), of: 0)
            try stage.arrive(2)
            #expect(try stage.sessions().map(\.phase).filter { $0 == .connecting }.count == 1)
            #expect(stage.target(0)?.counters.sessions == 1)
            try stage.pass(.seconds(6))
            let sessions = try stage.sessions()
            #expect(sessions.count == 2 && sessions.allSatisfy { $0.phase == .relaying })
            #expect(stage.target(1)?.counters.sessions == 2)
            #expect(stage.target(0)?.counters[.failedTimedOut] == 1)
            #expect(stage.connects(to: 0) == connects)
            let late = try #require(sessions.first { $0.attempts == 2 })
            #expect(late.trace.attempts[0].error == UInt16(ETIMEDOUT))
            #expect(late.trace.attempts[0].took >= 900_000, "\(late.trace.attempts[0].took)")
        }
    }

    @Test("whatever the kernel reports of a socket that connects to nobody ends no drill")
    func silentHangup() throws {
        try AdministeredStage.run(interval: .seconds(60)) { stage in
            try stage.pass(.seconds(1))
            try stage.order(.state(.silent), of: 0)
            try stage.arrive(2)
            let socket = try #require(stage.connectingSocket)
            for readiness in [CEPOLL_HUP, CEPOLL_OUT | CEPOLL_HUP, CEPOLL_OUT] {
                stage.kernel.post(socket, readiness)
                try stage.turns()
            }
            #expect(stage.target(0)?.counters.sessions == 1)
        }
    }

    @Test("a client that leaves during a silent drill is told from one that was served, and nothing is left of it")
    func silentAbandoned() throws {
        try AdministeredStage.run { stage in
            try stage.pass(.seconds(1))
            try stage.order(.state(.silent), of: 0)
            try stage.order(.state(.silent), of: 1)
            try stage.arrive(3)
            let client = try #require(stage.kernel.accepted.last)
            stage.kernel.reset.insert(client)
            stage.kernel.post(client, CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
            try stage.turns()
            #expect(stage.ended(.abandoned) == 1)
            try stage.pass(.seconds(60))
            #expect(stage.sessionCount == 0)
            #expect(stage.target(0)?.counters.sessions == 0 && stage.target(1)?.counters.sessions == 0)
            #expect(stage.audit == "")
        }
    }

    @Test("the checks of a silent backend end with their timeout, as those of a real one")
    func silentChecks() throws {
        try AdministeredStage.run(interval: .seconds(2)) { stage in
            try stage.pass(.seconds(3))
            let connects = stage.connects(to: 0)
            try stage.order(.state(.silent), of: 0)
            try stage.pass(.milliseconds(500))
            #expect(stage.target(0)?.isUp == true)
            try stage.pass(.seconds(20))
            #expect(stage.target(0)?.isUp == false)
            #expect(stage.connects(to: 0) == connects)
            try stage.order(.state(.ready), of: 0)
            try stage.pass(.seconds(5))
            #expect(stage.target(0)?.isUp == true)
        }
    }

    @Test("a connection that was held ready is not used while its backend refuses")
    func warm() throws {
        let configuration = try Configuration.staged(
            backends: 1, warm: 2, administration: AdministeredStage.administration)
        try AdministeredStage.run(configuration) { stage in
            try stage.pass(.seconds(2))
            let held = stage.warmCount
            #expect(held > 0)
            try stage.order(.state(.refusing), of: 0)
            let left = stage.warmCount
            #expect(left == 0)
            try stage.arrive()
            #expect(stage.ended(.connectFailed) == 1)
            try stage.order(.state(.ready), of: 0)
            try stage.pass(.seconds(2))
            try stage.arrive()
            #expect(stage.sessionCount == 1)
        }
    }
}
