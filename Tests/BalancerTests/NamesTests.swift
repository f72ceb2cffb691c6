import CEpoll
import Glibc
import Reactor
import Synchronization
import Testing

@testable import Balancer

/// Names and their addresses, for a loop instead of a name server.
final class NameTable: Sendable {
    private let entries = Guarded<[String: [SocketAddress]]>([:])
    private let isSilent = Atomic(false)
    /// How often it was asked.
    let questions = Atomic(0)

    /// nil: no such name.
    func set(_ host: String, _ addresses: [SocketAddress]?) { entries.withLock { $0[host] = addresses } }

    func set(silent: Bool) { isSilent.store(silent, ordering: .releasing) }

    @Sendable func lookUp(_ name: HostName) throws(ResolverError) -> [SocketAddress] {
        let count = questions.add(1, ordering: .relaxed).newValue
        while isSilent.load(ordering: .acquiring) { sched_yield() }
        if name.host == "turning" { return [.ipv4(0x7F00_0002 + UInt32(count % 2), port: name.port)] }
        guard let addresses = entries.withLock({ $0[name.host] }) else {
            throw ResolverError(host: name.host, reason: "Name or service not known", cause: .unknown)
        }
        return addresses
    }
}

/// A loop with one backend that has a name, on real sockets of the loopback network.
private struct NamedLoop: ~Copyable {
    var loop: BalancerLoop
    let table: NameTable
    private let pipe: Pipe
    private var printed = ""

    static let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)

    /// One backend that has a name; what takes seconds outside takes milliseconds.
    static func configuration(at address: SocketAddress?, port: UInt16, threads: Int = 1) throws -> Configuration {
        var health = Configuration.HealthCheck()
        health.interval = .milliseconds(50)
        health.timeout = .milliseconds(50)
        var timeouts = Configuration.Timeouts()
        timeouts.names = .milliseconds(20)
        let name = HostName(host: "server", port: port, preferredFamily: AF_INET)
        return try Configuration(
            listeners: [.init(address: loopback)],
            pools: [.init(backends: [.init(name: name, address: address)], health: health)], timeouts: timeouts,
            log: .sessions, threads: threads)
    }

    init(at address: SocketAddress?, port: UInt16, table: NameTable = NameTable()) throws {
        let configuration = try Self.configuration(at: address, port: port)
        let pipe = try Pipe()
        loop = try BalancerLoop(
            configuration, lookUp: table.lookUp,
            output: EventLog(
                .sessions, output: OutputStream(number: pipe.inputNumber),
                errors: OutputStream(number: pipe.inputNumber))
        )
        self.table = table
        self.pipe = pipe
        if let address { table.set("server", [address]) }
    }

    /// Everything that was printed so far.
    mutating func output() -> String {
        printed += String(decoding: pipe.read(atMost: 1 << 16), as: UTF8.self)
        return printed
    }

    /// Turns until `text` has been printed.
    mutating func prints(_ text: String) throws -> Bool {
        try turns { $0.output().contains(text) }
    }

    /// Turns until the condition holds; false when it never does.
    mutating func turns(until condition: (inout NamedLoop) throws -> Bool) throws -> Bool {
        let deadline = Clock.monotonic.now() + .seconds(20)
        while Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            if try condition(&self) { return true }
        }
        return false
    }

    /// A client, and the other end of it at the backend `listener`, which has read the client's greeting of two bytes.
    mutating func connect(to listener: borrowing Listener) throws -> (client: CInt, served: CInt) {
        let address = loop.listenerAddresses[0]
        let stream = try Stream(for: address, from: nil)
        _ = stream.connect(to: address)
        let client = try Self.kept(stream)
        var hasGreeted = false
        // Probes come as well, and say nothing.
        var arrivals: [CInt] = []
        var served: CInt?
        let isServed = try turns { _ in
            if !hasGreeted { hasGreeted = unsafe send(client, "hi", 2, CInt(MSG_DONTWAIT | MSG_NOSIGNAL)) == 2 }
            while case .accepted(let stream, _) = listener.accept() { arrivals.append(try Self.kept(stream)) }
            var bytes: (UInt8, UInt8) = (0, 0)
            served = arrivals.first { unsafe recv($0, &bytes, 2, CInt(MSG_DONTWAIT)) == 2 }
            return served != nil
        }
        try #require(isServed)
        for other in arrivals where other != served { close(other) }
        return (client, try #require(served))
    }

    /// Its end is the test's to make: `end`.
    private static func kept(_ stream: consuming Stream) throws -> CInt {
        let number = cepoll_duplicate(stream.number)
        try #require(number >= 0)
        return number
    }

    /// Ends a connection, also while a child that another test starts holds a copy of the descriptor.
    static func end(_ number: CInt) {
        shutdown(number, CInt(SHUT_RDWR))
        close(number)
    }
}

/// Listeners on the same port of two addresses of this machine.
private struct Places: ~Copyable {
    let first: Listener
    let second: Listener

    init() throws {
        let first = try Listener(.ipv4(0x7F00_0002, port: 0))
        // Nobody else uses this address.
        second = try Listener(.ipv4(0x7F00_0003, port: first.address.port))
        self.first = first
    }
}

@Suite struct NamesTests {
    @Test func aNameWithoutAddressIsDownUntilItHasOne() throws {
        let places = try Places()
        var named = try NamedLoop(at: nil, port: places.first.address.port)
        let isBad = try named.prints("Server is bad")
        #expect(isBad)
        let lines = named.output()
        #expect(lines.contains("unknown host: Name or service not known\nIP: <server>, Port : <"))
        #expect(named.loop.shared.roster.current().prospect == .noBackend)
        named.table.set("server", [places.first.address])
        let isFound = try named.prints("balancer: server is at \(places.first.address)\n")
        #expect(isFound)
        let isAlive = try named.prints("IP : <127.0.0.2>, Port : <\(places.first.address.port)> Server is alive")
        #expect(isAlive)
        #expect(named.loop.shared.roster.current().prospect == .served)
        let ends = try named.connect(to: places.first)
        NamedLoop.end(ends.client)
        NamedLoop.end(ends.served)
    }

    /// A container that comes back has another address; a session that is still there stays where it is, and its record
    /// says where that was.
    @Test func whoMovesIsFoundAgain() throws {
        let places = try Places()
        var named = try NamedLoop(at: places.first.address, port: places.first.address.port)
        let old = try named.connect(to: places.first)
        named.table.set("server", [places.second.address])
        let hasMoved = try named.prints(
            "balancer: server is at \(places.second.address) now; it was at \(places.first.address)\n")
        #expect(hasMoved)
        let new = try named.connect(to: places.second)
        // The old session still carries bytes.
        #expect(unsafe write(old.client, "hello", 5) == 5)
        var bytes = [UInt8](repeating: 0, count: 16)
        let arrives = try named.turns { _ in unsafe recv(old.served, &bytes, bytes.count, CInt(MSG_DONTWAIT)) == 5 }
        #expect(arrives)
        for number in [old.client, old.served, new.client, new.served] { NamedLoop.end(number) }
        let areOver = try named.turns { $0.loop.sessions.count == 0 }
        #expect(areOver)
        let records = try named.turns {
            let output = $0.output()
            return output.contains(" backend=\(places.first.address) up=7 ")
                && output.contains(" backend=\(places.second.address) up=2 ")
        }
        #expect(records, "\(named.output())")
    }

    /// Name servers fail, and turn the order of their answers.
    @Test func aNameServersMoodsMoveNobody() throws {
        let places = try Places()
        var named = try NamedLoop(at: places.first.address, port: places.first.address.port)
        named.table.set("server", nil)
        let isLost = try named.prints(
            "balancer: cannot look up server: Name or service not known; it stays at \(places.first.address)\n")
        #expect(isLost)
        let ends = try named.connect(to: places.first)
        named.table.set("server", [places.second.address, places.first.address])
        let isBack = try named.prints("balancer: server can be looked up again: \(places.first.address)\n")
        #expect(isBack)
        let targets = Array(named.loop.facts.roster.targets)
        #expect(targets.map(\.name) == ["server:\(places.first.address.port)"] && targets.map(\.stateWord) == ["up"])
        #expect(targets.first?.address == places.first.address && targets.first?.counters.sessions == 1)
        let told = named.output().split(separator: "\n").count { $0.contains("cannot look up") }
        #expect(told == 1)
        NamedLoop.end(ends.client)
        NamedLoop.end(ends.served)
    }

    /// getaddrinfo(3) may take ten seconds a question.
    @Test func aSilentNameServerHoldsUpNothing() throws {
        let places = try Places()
        var named = try NamedLoop(at: nil, port: places.first.address.port)
        named.table.set(silent: true)
        let isBad = try named.prints("unknown host: no name server has answered\nIP: <server>")
        named.table.set(silent: false)
        #expect(isBad)
    }

    @Test func aNameThatLeadsBackHereIsNotFollowed() throws {
        let places = try Places()
        var named = try NamedLoop(at: places.first.address, port: places.first.address.port)
        let own = named.loop.listenerAddresses[0]
        named.table.set("server", [own])
        let isRefused = try named.prints("cannot look up server: \(own) is the balancer itself; it stays at")
        #expect(isRefused)
    }

    /// Of two addresses one leads back here; the other is used.
    @Test func ofAddressesThatLeadBackHereTheOtherIsUsed() throws {
        let places = try Places()
        var named = try NamedLoop(at: nil, port: places.first.address.port)
        named.table.set("server", [named.loop.listenerAddresses[0], places.first.address])
        let isFound = try named.prints("balancer: server is at \(places.first.address)\n")
        #expect(isFound)
    }

    /// A name has two addresses, and nobody listens at the first, whatever their order. The second serves, and the log
    /// says so once.
    @Test(arguments: [false, true]) func theNextAddressOfANameIsTried(isTurned: Bool) throws {
        let places = try Places()
        let dead = SocketAddress.ipv4(0x7F00_0004, port: places.first.address.port)
        var named = try NamedLoop(at: dead, port: dead.port)
        named.table.set("server", isTurned ? [places.first.address, dead] : [dead, places.first.address])
        let isAlive = try named.prints("IP : <127.0.0.2>, Port : <\(dead.port)> Server is alive")
        #expect(isAlive)
        let ends = try named.connect(to: places.first)
        NamedLoop.end(ends.client)
        NamedLoop.end(ends.served)
        let lines = named.output().split(separator: "\n").filter { $0.contains(" is at ") }
        #expect(lines == ["balancer: server is at \(places.first.address) now; it was at \(dead)"])
    }

    /// One loop looks names up; the others hear of it.
    @Test func allLoopsFollow() throws {
        let places = try Places()
        let table = NameTable()
        let configuration = try NamedLoop.configuration(at: nil, port: places.first.address.port, threads: 2)
        let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        let board = try Board(configuration, log: log)
        let shared = SharedState(configuration)
        try shared.bindListeners(configuration)
        func makeLoop(_ number: Int, _ duties: consuming ProcessDuties?) throws -> BalancerLoop {
            try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: Seat(board: board, loop: number), duties,
                LoopLog(sharing: board.log))
        }
        var first = try makeLoop(0, ProcessDuties(lookUp: table.lookUp))
        var second = try makeLoop(1, nil)
        #expect(!second.targets.pools[0].hasAnyUp as Bool)
        for address in [places.first.address, places.second.address] {
            table.set("server", [address])
            let deadline = Clock.monotonic.now() + .seconds(20)
            while second.firstAddress != address, Clock.monotonic.now() < deadline {
                try first.turn(.milliseconds(5))
                try second.turn(.immediately)
            }
            #expect(second.firstAddress == address)
            #expect(second.targets.pools[0].hasAnyUp as Bool)
        }
    }

    /// A name that has another address at each look, all of them dead, is neither asked nor probed in a loop: a probe
    /// per interval, one more at once where that led to, and a question after each.
    @Test func aNameThatTurnsIsProbedInPairs() throws {
        let dead = try deadLoop(host: "turning", at: .ipv4(0x7F00_0002, port: 9))
        #expect(dead == .init(questions: 20, failures: 20))
    }

    /// One without any address is asked for once per interval.
    @Test func anUnknownNameIsAskedForAtTheProbesPace() throws {
        let dead = try deadLoop(host: "unknown", at: nil)
        #expect(dead == .init(questions: 10, failures: 10))
    }

    private struct Dead: Equatable {
        var questions: Int
        var failures: Int
    }

    /// What ten intervals are filled with, by the loop's own clock, for a name that leads to nobody.
    private func deadLoop(host: String, at address: SocketAddress?) throws -> Dead {
        let table = NameTable()
        // Nobody listens on the port for discarding.
        let name = HostName(host: host, port: 9, preferredFamily: AF_INET)
        var timeouts = Configuration.Timeouts()
        // Asked for by its probes alone.
        timeouts.names = .seconds(3600)
        let configuration = try Configuration(
            listeners: [.init(address: NamedLoop.loopback)],
            pools: [.init(backends: [.init(name: name, address: address)])], timeouts: timeouts, log: .guide)
        let pipe = try Pipe()
        let log = EventLog(
            .guide, output: OutputStream(number: pipe.inputNumber), errors: OutputStream(number: pipe.inputNumber))
        let hand = ManualClock()
        var loop = try BalancerLoop(configuration, clock: .manual(hand), lookUp: table.lookUp, output: log)
        let interval = configuration.pools[0].health.interval
        var output = ""
        let step = Duration.milliseconds(20)
        let end = hand.now + interval * 10
        while hand.now < end {
            // All that this moment leads to, with the answers of the resolver's threads and of the network.
            try loop.turn(.immediately)
            while loop.isProbing {
                try loop.turn(.milliseconds(1))
            }
            output += String(decoding: pipe.read(atMost: 1 << 16), as: UTF8.self)
            hand.now = hand.now + step
        }
        return Dead(
            questions: table.questions.load(ordering: .relaxed),
            failures: output.split(separator: "\n").count { $0.hasPrefix("IP: <") })
    }
}

extension BalancerLoop {
    /// Where new sessions are sent by this loop: the address of the first backend of the first pool.
    fileprivate var firstAddress: SocketAddress? {
        guard let candidate = targets.pools[0].candidates.first, candidate.place >= 0 else { return nil }
        return targets.states[Int(candidate.place)].address
    }

    /// A probe or a look-up is under way.
    fileprivate var isProbing: Bool { duties?.isProbing() ?? false }
}

extension Duties {
    /// A function: a property of an optional that cannot be copied would consume it.
    fileprivate func isProbing() -> Bool {
        prober.targets.indexRange.contains {
            prober.targets.isTaken($0)
                && (prober.targets[$0].isBeingLookedUp || prober.targets[$0].probe.isUnderWay)
        }
    }
}
