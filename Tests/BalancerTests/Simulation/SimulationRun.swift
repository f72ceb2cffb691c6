import Reactor
import Testing

@testable import Balancer

/// One seeded run of a loop against a ``SimulatedKernel``, and the oracle that judges it.
struct SimulationRun {
    let seed: UInt64
    let kernel: SimulatedKernel
    let configuration: Configuration
    /// The turn after which the loop is told to drain.
    let drainAfter: Int?
    /// It is told so by SIGTERM, and once more in the same turn or in one of the next: then it is to stop.
    let isSignalled: Bool
    private(set) var rowsLeft = 0
    private(set) var blocksLeft = 0
    private(set) var pipesLeft = 0
    private(set) var isStuck = false
    /// Bytes that the relay took out of sockets.
    private(set) var received: UInt64 = 0
    /// What was seen between the turns.
    private(set) var watch: LoopWatch
    /// Changes of pools and backends before a turn, in percent of the turns, and what became of them.
    private let changePercent: Int
    /// Reloads before a turn, likewise.
    private let reloadPercent: Int
    private(set) var script: RosterScript

    /// Far more turns than any run needs.
    static let turnsMax = 20_000

    init(
        seed: UInt64, clients: Int, pools: Int = 1, backends: Int = 3, changePercent: Int = 0,
        reloadPercent: Int = 0, faults: SimulatedKernel.Faults, drainAfter: Int? = nil, isSignalled: Bool = false,
        latency: Configuration.Latency = .sleeping, timeouts: Configuration.PoolTimeouts = .init(idle: .seconds(20)),
        freezes: Bool = false, listenerMax: Int32? = nil,
        backend: (SocketAddress) -> Configuration.Backend = { .init(address: $0) },
        adjustPool: (inout Configuration.Pool) -> Void = { _ in }, adjust: (inout Limits) -> Void = { _ in }
    ) throws {
        self.seed = seed
        self.drainAfter = drainAfter
        self.isSignalled = isSignalled
        self.changePercent = changePercent
        self.reloadPercent = reloadPercent
        script = RosterScript(seed: seed)
        kernel = SimulatedKernel(seed: seed, clients: clients, faults: faults)
        var limits = Limits(sessionsMax: 64)
        limits.chunkBytes = 128
        limits.pipesMax = 4
        adjust(&limits)
        configuration = try Configuration(
            listeners: (0..<pools).map {
                var settings = Configuration.ListenerSettings(
                    address: .ipv4(0x7F00_0001, port: UInt16(SimulatedKernel.firstPort + $0)), pool: $0)
                settings.sessionsMax = listenerMax
                return settings
            },
            pools: (0..<pools).map { pool in
                var settings = Configuration.Pool(
                    name: "\(pool)",
                    backends: (1...backends).map { backend(RosterScript.address($0, in: pool)) },
                    timeouts: timeouts)
                adjustPool(&settings)
                return settings
            },
            limits: limits, latency: latency, log: .sessions, freezesWhenAllFail: freezes)
        watch = LoopWatch(kernel, configuration)
    }

    private func makeLoop() throws -> BalancerLoop {
        let output = EventLog(
            .sessions, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        guard isSignalled else {
            let duties = ProcessDuties(signals: nil, service: nil, control: nil, lookUp: BackgroundResolver.system)
            return try BalancerLoop(configuration, salt: seed, duties, output: output)
        }
        let loop = try BalancerLoop(configuration, signals: Signals([.terminate]), output: output)
        let counters = loop.shared.counters[0]
        kernel.signals.countStale = { counters.cells[.staleEvents] }
        return loop
    }

    /// Lets happen what the run has planned for the next turn.
    private mutating func prepareTurn(_ loop: inout BalancerLoop) {
        guard loop.isRunning else { return }
        if isSignalled {
            for turn in [drainAfter, secondSignal] where turn == watch.turns { kernel.signals.terminate() }
        } else if watch.turns == drainAfter {
            loop.drain()
            // It has taken in clients, for whom a change would come too late.
            return
        }
        guard loop.isRunning else { return }
        if script.isDue(changePercent) {
            script.change(&loop)
            watch.begin(loop)
        }
        if loop.state == .running, script.isDue(reloadPercent) {
            script.reload(&loop, from: configuration, kernel)
            watch.beginReloaded(loop)
        }
    }

    private var secondSignal: Int? { drainAfter.map { $0 + Int(seed % 4) } }

    /// Runs a loop for so many turns and drops it; returns how many sessions it had.
    mutating func dropLoop(after turns: Int) throws -> Int {
        try withScriptedKernel(kernel) {
            var loop = try makeLoop()
            watch.begin(loop)
            while loop.isRunning, watch.turns < turns {
                prepareTurn(&loop)
                try loop.turn()
                watch.endTurn(of: loop)
            }
            return loop.sessions.count
        }
    }

    /// Runs until every client has come and gone, then stops the loop.
    mutating func run() throws {
        let kernel = kernel
        try withScriptedKernel(kernel) {
            var loop = try makeLoop()
            watch.begin(loop)
            while watch.turns < Self.turnsMax, hasMore(loop) {
                prepareTurn(&loop)
                try loop.turn()
                watch.endTurn(of: loop)
            }
            isStuck = watch.turns == Self.turnsMax
            rowsLeft = loop.sessions.count
            blocksLeft = loop.sessions.relay.memory.blocks.taken
            pipesLeft = loop.sessions.relay.memory.pipes.taken
            if rowsLeft == 0 { watch.lookAtRemains(loop) }
            loop.stop()
            try loop.turn(.immediately)
            watch.look(at: loop)
            watch.takeCounts(of: loop)
            received = loop.sessions.relay.received
        }
        // The hosts take what is still on its way to them.
        while kernel.act() {}
    }

    private func hasMore(_ loop: borrowing BalancerLoop) -> Bool {
        if drainAfter != nil { return loop.isRunning }
        return kernel.clientsToCome > 0 || kernel.hasArrivals || loop.sessions.count > 0
    }

    // MARK: the oracle

    /// The records by the addresses of their clients.
    private func records() -> [SocketAddress: [PrintedRecord]] {
        Dictionary(grouping: PrintedRecord.all(in: kernel.output), by: \.client)
    }

    /// Everything that must hold, whatever happened; the violations, for people.
    func violations() -> [String] {
        var found: [String] = []
        found += watch.violations + script.violations
        found += watch.counts.violations(PrintedRecord.all(in: kernel.output))
        if isStuck { found.append("stuck: a session never ended") }
        if rowsLeft != 0 { found.append("\(rowsLeft) rows left") }
        if blocksLeft != 0 { found.append("\(blocksLeft) blocks not given back") }
        if pipesLeft != 0 { found.append("\(pipesLeft) pipes not given back") }
        if kernel.openDescriptors != 0 { found.append("descriptors not closed: \(kernel.objects.keys.sorted())") }
        let records = records()
        let recorded = records.values.joined().reduce(0) { $0 + $1.up + $1.down + $1.discarded }
        if recorded != received { found.append("the records count \(recorded) bytes, \(received) were received") }
        for client in kernel.clients {
            guard let address = client.address else { continue }
            let name = "client \(client.host.id)"
            let own = records[address] ?? []
            if own.count > 1 { found.append("\(name) has \(own.count) records") }
            found += violations(of: client, own.first, name)
        }
        if kernel.faults.clientsAreFriendly { found += unheardBackends() }
        return found
    }

    /// Whatever a backend has sent has reached a client, even if a RST came right after it. A connection that ends with
    /// a RST of the balancer's is a probe.
    private func unheardBackends() -> [String] {
        kernel.backends.filter { backend in
            !backend.resetsOnClose && backend.host.sent >= 4
                && !kernel.clients.contains { carries($0.host.received, backend.host.id) }
        }.map { "what backend \($0.host.id) sent (\($0.host.sent) bytes) has reached nobody" }
    }

    private func violations(of client: SimulatedSocket, _ record: PrintedRecord?, _ name: String) -> [String] {
        var found: [String] = []
        let backend = kernel.backends.first { carries($0.host.received, client.host.id) }
        let source = kernel.backends.first { carries(client.host.received, $0.host.id) }
        if let backend, let source, backend !== source { found.append("\(name) is connected to two backends") }
        if let backend { found += compare(client, backend, name + " up") }
        if let source { found += compare(source, client, name + " down") }
        if source == nil, !client.host.received.isEmpty, client.host.received.count >= 4 {
            found.append("\(name) received bytes of nobody")
        }
        for peer in [backend, source].compactMap(\.self) where record != nil && record?.backend != peer.address {
            found.append("\(name) is recorded at another address than the one that it was connected to")
        }
        guard let record else {
            if client.host.sent > 0 && !client.host.received.isEmpty {
                found.append("\(name) was served without a record")
            }
            return found
        }
        switch record.reason {
        case .reset where kernel.faults.freezePercent > 0:
            // Time goes on while a host that is slow could still read: lingering may have been over before.
            break
        case .finished, .reset:
            let peer = backend ?? source
            found += complete(client, to: backend, readerLeft: peer?.host.leavesBytes ?? true, record.up, name + " up")
            if let source {
                found += complete(source, to: client, readerLeft: client.host.leavesBytes, record.down, name + " down")
            }
            if record.reason == .finished, client.host.sawReset { found.append("\(name) finished, and was reset") }
        case .noBackend, .backendsFull, .queueFull, .queueTimeout, .connectFailed, .abandoned, .shortage:
            if !client.host.received.isEmpty { found.append("\(name) received bytes without a backend") }
        case .idle, .halfClosed:
            let hosts = [client.host, backend?.host, source?.host].compactMap { $0 }
            // A backend that nothing was sent to cannot be found by what it received.
            let isKnown = backend != nil || source != nil
            // A process that stands still may find that the few moments that it ran were not enough for a host.
            if isKnown, kernel.faults.freezePercent == 0, !hosts.contains(where: { $0.neverEnds || $0.neverReads }) {
                found.append("\(name) was ended for idleness")
            }
            if hosts.contains(where: { $0.isGone && $0.farewell == .reset }) {
                found.append("\(name) or its backend reset, and the session stayed until it was idle")
            }
        case .sessionAge, .backendDown, .backendRemoved, .rebalanced:
            // When: LoopWatch.
            break
        case .cut:
            if drainAfter == nil { found.append("\(name) was cut") }
        }
        return found
    }

    /// True when `bytes` begin with the identity of a host.
    private func carries(_ bytes: [UInt8], _ id: UInt32) -> Bool {
        bytes.count >= 4 && (0..<4).allSatisfy { bytes[$0] == Host.byte(id, $0) }
    }

    /// What was received is what was sent, from the first byte on.
    private func compare(_ from: SimulatedSocket, _ to: SimulatedSocket, _ name: String) -> [String] {
        let received = to.host.received
        if received.count > from.host.sent { return ["\(name): more bytes than were sent"] }
        for place in received.indices where received[place] != Host.byte(from.host.id, place) {
            return ["\(name): byte \(place) of \(received.count) differs"]
        }
        return []
    }

    /// All that was sent has arrived, unless the reader left.
    private func complete(
        _ from: SimulatedSocket, to reader: SimulatedSocket?, readerLeft: Bool, _ counted: Int, _ name: String
    ) -> [String] {
        guard from.host.sent > 0, !readerLeft else { return [] }
        let arrived = reader?.host.received.count ?? 0
        var found: [String] = []
        if arrived != from.host.sent { found.append("\(name): \(arrived) of \(from.host.sent) bytes arrived") }
        if counted != arrived { found.append("\(name): the record counts \(counted) bytes, \(arrived) arrived") }
        return found
    }
}

extension Configuration.Latency {
    /// A loop that sleeps at once. The script's clock moves only in a sleep, and spurious events at each look would keep
    /// the loop from one.
    static var sleeping: Self {
        var latency = Self()
        latency.busyPoll = .off
        return latency
    }
}
