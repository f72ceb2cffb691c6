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
    /// What operators order and ask, of runs with administration.
    private(set) var orders: OrderScript?

    /// Far more turns than any run needs.
    static let turnsMax = 20_000

    init(
        seed: UInt64, clients: Int, pools: Int = 1, backends: Int = 3, changePercent: Int = 0,
        reloadPercent: Int = 0, orderPercent: Int = 0, faults: SimulatedKernel.Faults, drainAfter: Int? = nil,
        isSignalled: Bool = false,
        latency: Configuration.Latency = .sleeping, timeouts: Configuration.PoolTimeouts = .init(idle: .seconds(20)),
        freezes: Bool = false, listenerMax: Int32? = nil, prefaces book: PrefaceBook? = nil,
        backend: (SocketAddress) -> Configuration.Backend = { .init(address: $0) },
        adjustPool: (inout Configuration.Pool) -> Void = { _ in }, adjust: (inout Limits) -> Void = { _ in }
    ) throws {
        self.seed = seed
        self.drainAfter = drainAfter
        self.isSignalled = isSignalled
        self.changePercent = changePercent
        self.reloadPercent = reloadPercent
        script = RosterScript(seed: seed)
        orders = orderPercent > 0 ? OrderScript(seed: seed, percent: orderPercent) : nil
        kernel = SimulatedKernel(seed: seed, clients: clients, faults: faults)
        var limits = Limits(sessionsMax: 64)
        limits.chunkBytes = 128
        limits.pipesMax = 4
        adjust(&limits)
        kernel.book = book
        var listeners = (0..<pools).map {
            var settings = Configuration.ListenerSettings(
                address: .ipv4(0x7F00_0001, port: UInt16(SimulatedKernel.firstPort + $0)), pool: $0)
            settings.sessionsMax = listenerMax
            return settings
        }
        book?.adjust(&listeners, pools: Array(0..<pools))
        configuration = try Configuration(
            listeners: listeners,
            pools: (0..<pools).map { pool in
                var settings = Configuration.Pool(
                    name: "\(pool)",
                    backends: (1...backends).map { backend(RosterScript.address($0, in: pool)) },
                    timeouts: timeouts)
                settings.proxy = book?.proxy(of: pool)
                // Probes that begin with a header end with a FIN, and look like sessions here.
                if settings.proxy != nil { settings.health.kind = .none }
                adjustPool(&settings)
                return settings
            },
            limits: limits, latency: latency, log: .sessions, freezesWhenAllFail: freezes,
            administration: .init(socket: orderPercent > 0 ? .path("/run/admin.sock") : nil))
        watch = LoopWatch(kernel, configuration)
    }

    private func makeLoop() throws -> BalancerLoop {
        let output = EventLog(
            .sessions, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        guard isSignalled else {
            let access = try orders.map { _ in try LoopAccess(loops: 1, control: ControlChannel()) }
            let duties = ProcessDuties(
                signals: nil, service: nil, control: access?.control, lookUp: BackgroundResolver.system)
            return try BalancerLoop(configuration, salt: seed, duties, access: access, output: output)
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
            kernel.book?.noteClients(kernel)
            loop.drain()
            watch.lookAtPrefaces(loop)
            // It has taken in clients, for whom a change would come too late.
            return
        }
        guard loop.isRunning else { return }
        if script.isDue(changePercent) {
            script.change(&loop)
            watch.begin(loop)
        }
        if orders?.act(on: &loop) ?? false {
            // In a program an order comes in a turn, at whose end the timer is set.
            loop.core.endTurn()
            watch.begin(loop)
        }
        if loop.state == .running, script.isDue(reloadPercent) {
            kernel.book?.noteClients(kernel)
            script.reload(&loop, from: configuration, kernel)
            watch.lookAtPrefaces(loop)
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
            orders?.end(of: &loop)
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

    /// The records by the places of their clients in ``SimulatedKernel/clients``.
    func records() -> [Int: [PrintedRecord]] {
        var places: [SocketAddress: Int] = [:]
        for (place, client) in kernel.clients.enumerated() {
            if let address = client.address { places[address] = place }
            if let claimed = client.host.lead?.claimed { places[claimed] = place }
        }
        return Dictionary(grouping: PrintedRecord.all(in: kernel.output)) { places[$0.client] ?? -1 }
    }

    /// Everything that must hold, whatever happened; the violations, for people.
    func violations() -> [String] {
        var found: [String] = []
        found += watch.violations + script.violations + (orders?.violations ?? [])
        found += watch.counts.violations(PrintedRecord.all(in: kernel.output))
        if isStuck { found.append("stuck: a session never ended") }
        if rowsLeft != 0 { found.append("\(rowsLeft) rows left") }
        if blocksLeft != 0 { found.append("\(blocksLeft) blocks not given back") }
        if pipesLeft != 0 { found.append("\(pipesLeft) pipes not given back") }
        // Those who ask live as long as the process.
        if kernel.openDescriptors != (orders == nil ? 0 : 2) {
            found.append("descriptors not closed: \(kernel.objects.keys.sorted())")
        }
        let records = records()
        let recorded = records.values.joined().reduce(0) { $0 + $1.up + $1.down + $1.discarded }
        if recorded != received { found.append("the records count \(recorded) bytes, \(received) were received") }
        if let strangers = records[-1] { found.append("\(strangers.count) records are of nobody") }
        for (place, client) in kernel.clients.enumerated() {
            let name = "client \(client.host.id)"
            let own = records[place] ?? []
            if own.count > 1 { found.append("\(name) has \(own.count) records") }
            found += violations(of: client, own.first, name)
        }
        if let book = kernel.book { found += PrefaceOracle(self, book).violations(records) }
        if kernel.faults.clientsAreFriendly { found += unheardBackends() }
        return found
    }

    /// Whatever a backend has sent has reached a client, even if a RST came right after it. A connection that ends with
    /// a RST of the balancer's is a probe.
    private func unheardBackends() -> [String] {
        kernel.backends.filter { backend in
            !backend.resetsOnClose && backend.host.sent >= 4
                && !kernel.clients.contains { carries($0.host.received[...], backend.host.id) }
        }.map { "what backend \($0.host.id) sent (\($0.host.sent) bytes) has reached nobody" }
    }

    private func violations(of client: SimulatedSocket, _ record: PrintedRecord?, _ name: String) -> [String] {
        var found: [String] = []
        let carried = carried(client)
        let backend = carried?.backend
        let source = kernel.backends.first { carries(client.host.received[...], $0.host.id) }
        if let backend, let source, backend !== source { found.append("\(name) is connected to two backends") }
        if let carried { found += compare(client, carried, name + " up") }
        if let source { found += compare(source, .init(backend: client), name + " down") }
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
            let readerLeft = peer?.host.leavesBytes ?? true
            // A stream that was too short to be known is no matter of this.
            let isKnown = carried != nil || client.host.sent >= (client.host.lead?.bytes.count ?? 0) + 4
            if isKnown {
                found += complete(client, to: carried, readerLeft: readerLeft, record.up, name + " up")
            }
            if let source {
                let reader = Carried(backend: client)
                found += complete(
                    source, to: reader, readerLeft: client.host.leavesBytes, record.down, name + " down")
            }
            if record.reason == .finished, client.host.sawReset { found.append("\(name) finished, and was reset") }
        case .noBackend, .backendsFull, .queueFull, .queueTimeout, .connectFailed, .abandoned, .denied, .clientLimit,
            .badHeader, .prefaceTimeout, .noRoute, .shortage:
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
        case .killed:
            if orders == nil { found.append("\(name) was killed") }
        case .cut:
            if drainAfter == nil { found.append("\(name) was cut") }
        }
        return found
    }

    /// A stream, and how it has reached its reader.
    private struct Carried {
        let backend: SimulatedSocket
        /// Bytes that do not go on: the client's header.
        var skipped = 0
        /// Bytes of the balancer's own before it.
        var header = 0
    }

    private func carried(_ client: SimulatedSocket) -> Carried? {
        for backend in kernel.backends {
            if let carried = carried(client, to: backend) { return carried }
        }
        return nil
    }

    /// How a client's stream has reached a backend; nil when it has not, so far that it is known.
    private func carried(_ client: SimulatedSocket, to backend: SimulatedSocket) -> Carried? {
        let received = backend.host.received
        guard received.count >= 4 else { return nil }
        guard let lead = client.host.lead else {
            return carries(received[...], client.host.id) ? Carried(backend: backend) : nil
        }
        let pool = backend.address.flatMap(RosterScript.pool(of:))
        var header = 0
        if pool.flatMap({ kernel.book?.proxy(of: $0) }) != nil {
            guard case .header(_, let count) = ProxyHeader.read(received.span) else { return nil }
            header = count
        }
        // A hello may have these four bytes, too.
        for skipped in Set([0, lead.headerBytes.count]) {
            let (first, own) = (received.dropFirst(header), client.host.leadBytes.dropFirst(skipped))
            guard first.starts(with: own), carries(first.dropFirst(own.count), client.host.id) else { continue }
            return Carried(backend: backend, skipped: skipped, header: header)
        }
        return nil
    }

    /// True when `bytes` begin with the identity of a host.
    private func carries(_ bytes: ArraySlice<UInt8>, _ id: UInt32) -> Bool {
        bytes.count >= 4 && (0..<4).allSatisfy { bytes[bytes.startIndex + $0] == Host.byte(id, $0) }
    }

    /// What was received is what was sent, from the first byte on.
    private func compare(_ from: SimulatedSocket, _ to: Carried, _ name: String) -> [String] {
        let received = Array(to.backend.host.received.dropFirst(to.header))
        if received.count > from.host.sent - to.skipped { return ["\(name): more bytes than were sent"] }
        for place in received.indices where received[place] != from.host.byte(at: to.skipped + place) {
            return ["\(name): byte \(place) of \(received.count) differs"]
        }
        return []
    }

    /// All that was sent has arrived, unless the reader left.
    private func complete(
        _ from: SimulatedSocket, to reader: Carried?, readerLeft: Bool, _ counted: Int, _ name: String
    ) -> [String] {
        guard from.host.sent > 0, !readerLeft else { return [] }
        let arrived = reader?.backend.host.received.count ?? 0
        let expected = from.host.sent - (reader?.skipped ?? 0) + (reader?.header ?? 0)
        var found: [String] = []
        if arrived != expected { found.append("\(name): \(arrived) of \(expected) bytes arrived") }
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
