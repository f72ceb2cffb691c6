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
    private(set) var rowsLeft = 0
    private(set) var blocksLeft = 0
    private(set) var pipesLeft = 0
    private(set) var isStuck = false
    /// Bytes that the relay took out of sockets.
    private(set) var received: UInt64 = 0
    /// The first turn after which the sums of the sessions and of the relay differed.
    private(set) var audit: String?

    /// Far more turns than any run needs.
    static let turnsMax = 20_000

    init(
        seed: UInt64, clients: Int, backends: Int = 3, faults: SimulatedKernel.Faults, drainAfter: Int? = nil,
        latency: Configuration.Latency = .init(), adjust: (inout Limits) -> Void = { _ in }
    ) throws {
        self.seed = seed
        self.drainAfter = drainAfter
        kernel = SimulatedKernel(seed: seed, clients: clients, faults: faults)
        var limits = Limits(sessionsMax: 64)
        limits.chunkBytes = 128
        limits.pipesMax = 4
        adjust(&limits)
        var timeouts = Configuration.Timeouts()
        timeouts.idle = .seconds(20)
        configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 20000))],
            pools: [
                .init(backends: (1...backends).map { .init(address: .ipv4(0x0A00_0000, port: UInt16(8000 + $0))) })
            ],
            timeouts: timeouts, limits: limits, latency: latency, log: .sessions)
    }

    /// Runs until every client has come and gone, then stops the loop.
    mutating func run() throws {
        let kernel = kernel
        let configuration = configuration
        let drainAfter = drainAfter
        (rowsLeft, blocksLeft, pipesLeft, isStuck, audit, received) = try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(
                configuration,
                output: EventLog(
                    configuration.log, output: OutputStream(number: 1), errors: OutputStream(number: 2)))
            var turns = 0
            var audit: String?
            func hasMore() -> Bool {
                if drainAfter != nil { return loop.isRunning }
                return kernel.clientsToCome > 0 || !kernel.arrivals.isEmpty || loop.sessions.count > 0
            }
            while turns < Self.turnsMax, hasMore() {
                if turns == drainAfter { loop.drain() }
                try loop.turn()
                turns += 1
                if audit == nil { audit = Self.audit(loop).map { "turn \(turns): \($0)" } }
            }
            let (rows, blocks) = (loop.sessions.count, loop.relay.memory.blocks.taken)
            let pipes = loop.relay.memory.pipes.taken
            loop.stop()
            try loop.turn(.immediately)
            return (rows, blocks, pipes, turns == Self.turnsMax, audit ?? Self.audit(loop), loop.relay.received)
        }
        // The hosts take what is still on its way to them.
        while kernel.act() {}
    }

    /// What the sessions hold and have moved, and what the relay says of it, where the two differ.
    private static func audit(_ loop: borrowing BalancerLoop) -> String? {
        var ledger = RelayLedger()
        var index = -1
        while let next = loop.sessions.index(after: index) {
            ledger.add(loop.sessions[next])
            index = next
        }
        let expected = loop.relay.expectedLedger
        return ledger == expected ? nil : "the sessions have \(ledger), the relay \(expected)"
    }

    // MARK: the oracle

    /// A client's record, as the log printed it.
    struct Record {
        var reason: EndReason
        var up: Int
        var down: Int
        var discarded: Int
    }

    private func records() -> [SocketAddress: [Record]] {
        var records: [SocketAddress: [Record]] = [:]
        for line in kernel.output.split(separator: "\n") where line.hasPrefix("session ") {
            var fields: [Substring: Substring] = [:]
            for pair in line.split(separator: " ") where pair.contains("=") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                fields[parts[0]] = parts[1]
            }
            let port = fields["client"]?.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
            guard let reason = fields["reason"].flatMap({ EndReason(rawValue: String($0)) }) else { continue }
            records[.ipv4(0x0A00_0001, port: port), default: []].append(
                Record(
                    reason: reason, up: Int(fields["up"] ?? "") ?? -1, down: Int(fields["down"] ?? "") ?? -1,
                    discarded: Int(fields["discarded"] ?? "") ?? -1))
        }
        return records
    }

    /// Everything that must hold, whatever happened; the violations, for people.
    func violations() -> [String] {
        var found: [String] = []
        if let audit { found.append(audit) }
        if isStuck { found.append("stuck: a session never ended") }
        if rowsLeft != 0 { found.append("\(rowsLeft) rows left") }
        if blocksLeft != 0 { found.append("\(blocksLeft) blocks not given back") }
        if pipesLeft != 0 { found.append("\(pipesLeft) pipes not given back") }
        if !kernel.objects.isEmpty { found.append("descriptors not closed: \(kernel.objects.keys.sorted())") }
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

    private func violations(of client: SimulatedSocket, _ record: Record?, _ name: String) -> [String] {
        var found: [String] = []
        let backend = kernel.backends.first { carries($0.host.received, client.host.id) }
        let source = kernel.backends.first { carries(client.host.received, $0.host.id) }
        if let backend, let source, backend !== source { found.append("\(name) is connected to two backends") }
        if let backend { found += compare(client, backend, name + " up") }
        if let source { found += compare(source, client, name + " down") }
        if source == nil, !client.host.received.isEmpty, client.host.received.count >= 4 {
            found.append("\(name) received bytes of nobody")
        }
        guard let record else {
            if client.host.sent > 0 && !client.host.received.isEmpty {
                found.append("\(name) was served without a record")
            }
            return found
        }
        switch record.reason {
        case .finished, .reset:
            let peer = backend ?? source
            found += complete(client, to: backend, readerLeft: peer?.host.leavesBytes ?? true, record.up, name + " up")
            if let source {
                found += complete(source, to: client, readerLeft: client.host.leavesBytes, record.down, name + " down")
            }
            if record.reason == .finished, client.host.sawReset { found.append("\(name) finished, and was reset") }
        case .noBackend, .connectFailed, .abandoned, .shortage:
            if !client.host.received.isEmpty { found.append("\(name) received bytes without a backend") }
        case .idle:
            let hosts = [client.host, backend?.host, source?.host].compactMap { $0 }
            // A backend that nothing was sent to cannot be found by what it received.
            let isKnown = backend != nil || source != nil
            if isKnown, !hosts.contains(where: { $0.neverEnds || $0.neverReads }) {
                found.append("\(name) was ended for idleness")
            }
            if hosts.contains(where: { $0.isGone && $0.farewell == .reset }) {
                found.append("\(name) or its backend reset, and the session stayed until it was idle")
            }
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
