import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Pools without probes, and how the connections of probes are closed.
@Suite struct UncheckedTests {
    private static func unchecked(_ pool: inout Configuration.Pool) {
        pool.health.kind = .none
        pool.health.interval = .seconds(1)
        pool.health.timeout = .seconds(1)
    }

    private static func staged(
        backends: Int = 2, adjust: (inout Configuration.Pool) -> Void,
        _ body: (StagedKernel, inout BalancerLoop, ManualClock) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                .staged(backends: backends, adjust: adjust), clock: .manual(hand), output: .silent)
            try body(kernel, &loop, hand)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// It serves at once, and says what it knows: nothing.
    @Test func nobodyIsProbedAndTheStateSaysSo() throws {
        try Self.staged(adjust: Self.unchecked) { kernel, loop, hand in
            for _ in 0..<200 {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
            #expect(kernel.connects.isEmpty)
            let facts = loop.facts
            #expect(facts.service.state == .serving)
            #expect(facts.service.status == "STATUS=serving: 2 of 2 backends up, 2 of them not checked")
            #expect(facts.roster.targets.map(\.stateWord) == ["unchecked", "unchecked"])
            #expect(facts.service.backendsUp == 2 && facts.service.backendsUnchecked == 2)
        }
    }

    /// However often it refuses, it stays up: there is nobody who could find out that it is back. But clients go to the
    /// other one first, until an interval has passed.
    @Test func aBackendThatRefusesStaysUp() throws {
        try Self.staged(adjust: Self.unchecked) { kernel, loop, hand in
            kernel.connectAnswer = { $0 == .backend(0) ? -ECONNREFUSED : 0 }
            for round in 1...3 {
                for number in 1...10 {
                    kernel.arrive(at: kernel.listeners[0])
                    try loop.turn(.immediately)
                    let count = loop.sessions.count
                    #expect(count == 10 * (round - 1) + number)
                }
                #expect(kernel.sockets(to: .backend(0)).count == round)
                // One interval to see the suspicion, and one to forget it.
                for _ in 0..<25 {
                    hand.now = hand.now + .milliseconds(100)
                    try loop.turn(.immediately)
                }
            }
            let verdicts = loop.shared.roster.current().targets.map(\.isUp)
            #expect(verdicts == [true, true])
        }
    }

    /// A probed pool beside it is as honest as ever.
    @Test func aProbedBackendIsUntestedUntilItIsProbed() throws {
        try Self.staged(adjust: { _ in }) { kernel, loop, _ in
            let facts = loop.facts
            #expect(facts.roster.targets.map(\.stateWord) == ["unknown", "unknown"])
            #expect(facts.service.backendsUp == 0 && facts.service.backendsUnchecked == 0)
        }
    }

    /// A name is looked up until it has an address, and then periodically; a probe never comes.
    @Test func aNameIsLookedUpAllTheSame() throws {
        let table = NameTable()
        let name = HostName(host: "server", port: 9, preferredFamily: AF_INET)
        var health = Configuration.HealthCheck()
        (health.kind, health.interval, health.timeout) = (.none, .milliseconds(20), .milliseconds(20))
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [.init(backends: [.init(name: name, address: nil)], health: health)], log: .changes)
        let pipe = try Pipe()
        var loop = try BalancerLoop(
            configuration, lookUp: table.lookUp,
            output: EventLog(
                .changes, output: OutputStream(number: pipe.inputNumber), errors: OutputStream(number: pipe.inputNumber)
            ))
        let before = loop.facts.service.state
        #expect(before == .starting)
        var text = ""
        let deadline = Clock.monotonic.now() + .seconds(20)
        while !text.contains("has no address"), Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            text += String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        }
        table.set("server", [.ipv4(0x7F00_0001, port: 9)])
        while loop.facts.service.state != .serving, Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
        }
        text += String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        let after = loop.facts.service.state
        #expect(after == .serving)
        #expect(text.contains("server is at 127.0.0.1:9"))
        #expect(text.occurrences(of: "has no address") == 1, "\(text)")
        let probes = loop.shared.roster.current().targets.map(\.probes.last)
        #expect(probes == [nil])
    }

    @Test(arguments: Configuration.HealthCheck.Close.allCases)
    func aProbesConnectionIsClosedAsThePoolWants(close: Configuration.HealthCheck.Close) throws {
        try Self.staged(backends: 1, adjust: { $0.health.close = close }) { kernel, loop, _ in
            kernel.connectAnswer = { _ in 0 }
            try loop.turn(.immediately)
            let probe = try #require(kernel.connects.first).socket
            if close == .fin {
                // What the server still sends is read, so that its own end, or its silence, is all that it sees.
                #expect(kernel.finished == [probe] && !kernel.closed.contains(probe))
                kernel.input[probe] = Array("220 ready".utf8)
                kernel.ended.insert(probe)
                kernel.post(probe, CEPOLL_IN | CEPOLL_RDHUP)
                try loop.turn(.immediately)
            }
            #expect(kernel.closed.contains(probe))
            #expect(kernel.resetOnClose.contains(probe) == (close == .reset))
        }
    }
}
