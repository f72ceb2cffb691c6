import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// How often, and for how long, backends are tried for a client.
@Suite struct RetriesTests {
    private static func retries(_ max: Int?, _ timeout: Duration?) -> (inout Configuration.Pool) -> Void {
        { pool in
            pool.retries = .init(max: max, timeout: timeout)
            pool.timeouts.connect = .seconds(1)
        }
    }

    /// Six backends at 1 s each would keep the client for 6 s.
    @Test func silentBackendsTakeNoLongerThanTheTimeForAll() throws {
        try TurnStage.run(backends: 6, adjust: Self.retries(nil, .milliseconds(3500))) { kernel, stage in
            kernel.arrive(at: kernel.listeners[0])
            try stage.pass(.milliseconds(3400))
            #expect(stage.total(.connects) == 4 && stage.total(.endedConnectFailed) == 0)
            try stage.pass(.milliseconds(200))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .connectFailed && record.limit == .time && record.attempts == 4)
            #expect(record.endedBy == .backend && record.error == .timedOut)
            #expect(record.duration < .milliseconds(3600))
            #expect(stage.total(.endedConnectFailed) == 1 && stage.total(.failedTimedOut) == 4)
        }
    }

    @Test func thereAreAtMostSoManyAttempts() throws {
        try TurnStage.run(backends: 6, adjust: Self.retries(2, nil)) { kernel, stage in
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            kernel.arrive(at: kernel.listeners[0])
            try stage.pass(.milliseconds(100))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .connectFailed && record.limit == .attempts && record.attempts == 2)
            #expect(record.error == .connectionRefused)
            #expect(stage.total(.connects) == 2 && stage.total(.redispatches) == 1)
        }
    }

    /// Without a limit, and when every backend was tried all the same, no limit is blamed.
    @Test(arguments: [nil, 3, 5]) func everyBackendIsTriedOnce(max: Int?) throws {
        try TurnStage.run(backends: 3, adjust: Self.retries(max, .seconds(3600))) { kernel, stage in
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            kernel.arrive(at: kernel.listeners[0])
            try stage.pass(.milliseconds(100))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .connectFailed && record.limit == nil && record.attempts == 3)
        }
    }

    /// The limits are on attempts that fail: a session that is connected is not touched by them.
    @Test func aSessionThatIsConnectedStays() throws {
        try TurnStage.run(backends: 2, adjust: Self.retries(1, .seconds(2))) { kernel, stage in
            let pair = try stage.open(1)[0]
            try stage.pass(.seconds(60))
            #expect(kernel.descriptors.contains(pair.client))
        }
    }

    /// A shortage of this machine is told as such, whatever the limits are.
    @Test func aShortageIsNoFailureOfBackends() throws {
        try TurnStage.run(backends: 3, adjust: Self.retries(1, nil)) { kernel, stage in
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            kernel.arrive(at: kernel.listeners[0])
            try stage.pass(.milliseconds(100))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .shortage && record.limit == nil && record.attempts == 1)
        }
    }

    @Test func theRecordNamesTheLimit() throws {
        let pipe = try Pipe()
        var log = EventLog(
            .sessions, output: OutputStream(number: pipe.inputNumber), errors: OutputStream(number: pipe.inputNumber))
        var record = SessionRecord.none
        record.reason = .connectFailed
        record.limit = .time
        log.sessionEnded(record) { 0 }
        log.flush()
        let text = String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        #expect(text.hasSuffix(" reason=connect-failed limit=retries.timeout\n"))
    }

    @Test(
        arguments: [
            (.init(max: 0), "0 attempts to connect: it must be 1 to 4096"),
            (.init(timeout: .zero), "time for all attempts 0.0 seconds"), (.init(max: 1, timeout: .seconds(1)), ""),
        ] as [(Configuration.Retries, String)])
    func limitsHaveBounds(retries: Configuration.Retries, fault: String) {
        var text = ""
        do {
            _ = try Configuration.staged(backends: 1) { $0.retries = retries }
        } catch {
            text = "\(error)"
        }
        #expect(fault.isEmpty ? text.isEmpty : text.contains(fault))
    }
}
