import Glibc
import Reactor
import Testing

@testable import Balancer

@Suite struct StatusReportTests {
    private func report(_ count: Int) -> StatusReport {
        let backends = (0..<count).map {
            StatusReport.BackendLine(
                address: .ipv4(0x0A00_0001 + UInt32($0), port: 80), name: nil, health: $0 == 0 ? .up : .down)
        }
        return StatusReport(
            state: .serving, backends: backends, sessions: 12, sessionsMax: 4000, threads: 2,
            turns: RecentTurns(count: 100, percentile99: 96_400, longest: 411_000), uptime: .seconds(61), process: 4711)
    }

    @Test func aLineForTheWholeAndOnePerBackend() {
        var report = report(2)
        report.backends[1].address = nil
        report.backends[1].name = "server2"
        report.backends[1].pool = "web"
        report.backends[1].title = "server2:80"
        report.backends[1].weight = 3
        report.backends[1].isBackup = true
        report.backends[1].sessions = 7
        report.backends.append(
            .init(address: .ipv4(0x0A00_0003, port: 80), health: .unknown, pool: "web", title: "10.0.0.3:80"))
        report.listeners = [
            .init(name: "a", pool: "web", address: .ipv6(high: 0, low: 0, scope: 0, port: 80)),
            .init(name: "b", pool: "web", address: .unix(path: "/run/a b.sock")),
        ]
        let answer = StatusAnswer(report.text)
        #expect(answer?.listeners.map(\.address) == ["[::]:80", "unix:/run/a b.sock"])
        #expect(answer?.backends.map(\.title) == ["server2:80", "10.0.0.3:80"])
        #expect(answer?.backends.first?.sessions == 7 && answer?.backends.first?.weight == 3)
        #expect(answer?.backends.first?.isBackup == true && answer?.backends.first?.address == nil)
        #expect(

            report.text == """
                state=serving backends_up=1 backends=3 sessions=12 sessions_max=4000 threads=2 turns=100 \
                turn_p99_us=96 turn_max_us=411 uptime_s=61 pid=4711
                backend=10.0.0.1:80 health=up sessions=0
                backend=- health=down name=server2 pool=web title=server2:80 weight=3 backup=yes sessions=7
                backend=10.0.0.3:80 health=unknown pool=web sessions=0
                listener=a pool=web address=[::]:80
                listener=b pool=web address=unix:/run/a b.sock

                """)
    }

    /// What is told must fit into a socket's buffer (net.core.wmem_default, 208 KiB).
    @Test func ofManyBackendsTheRestIsCounted() {
        let text = report(Limits.backendsMax).text
        #expect(text.utf8.count < 100_000)
        #expect(text.hasSuffix("backends_not_listed=\(Limits.backendsMax - StatusReport.backendLinesMax)\n"))
    }

    @Test(arguments: [StatusReport.Service.serving, .starting, .noBackend, .full, .impaired, .draining])
    func onlyServingServes(state: StatusReport.Service) {
        var report = report(1)
        report.state = state
        #expect(StatusReport.saysServing(report.text) == (state == .serving))
    }

    @Test func whatIsNoReportDoesNotServe() {
        for text in ["", "state=servingx", "hello\nstate=serving ", "state=serving"] {
            #expect(!StatusReport.saysServing(text), "\(text)")
        }
    }
}

@Suite struct TokenOwnerTests {
    /// A token has four bits for it.
    @Test func allOwnersHaveRoomInAToken() {
        for owner in TokenOwner.allCases {
            #expect(TokenOwner(rawValue: Token(owner).kind) == owner)
        }
    }
}

@Suite struct WatchdogTests {
    /// The service manager is to hear nothing while one loop stands still.
    @Test func oneLoopThatDoesNotAnswerIsEnough() throws {
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 20000))],
            pools: [.init(backends: [.init(address: .ipv4(0x7F00_0001, port: 8090))])], threads: 3)
        let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        let board = try Board(configuration, log: log)
        #expect(board.areAllAlive)
        board.requestHeartbeats()
        board.markAlive(2)
        #expect(!board.areAllAlive)
        board.markAlive(1)
        #expect(board.areAllAlive)
        // One that has ended is not asked.
        board.requestHeartbeats()
        board.markAlive(1)
        board.end(2, cut: 0)
        #expect(board.areAllAlive)
    }
}

@Suite struct StatusTurnTests {
    /// More ask in each turn than are answered in it: the queue has room for one word of it.
    @Test func theStatusStandsInTheQueueOnce() throws {
        let path = "/tmp/balancer-tests-\(getpid()).status"
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [.init(backends: [.init(address: .ipv4(0x7F00_0001, port: 9))])], log: .none, status: .path(path))
        let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        var loop = try BalancerLoop(configuration, output: log)
        let address = try #require(SocketAddress(unixPath: path))
        for _ in 0..<6 {
            for _ in 0..<100 {
                let stream = try Stream(for: address, from: nil)
                _ = stream.connect(to: address)
            }
            try loop.turn(.immediately)
            let count = loop.core.ready.count
            #expect(count <= 1)
        }
    }
}
