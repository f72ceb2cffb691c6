import Reactor

@testable import Balancer

/// What must hold of clients with leads once a run is over.
struct PrefaceOracle {
    private let run: SimulationRun
    private let book: PrefaceBook
    private let fates: [PrefaceFate]
    /// The network has no faults, and nothing was changed: what becomes of a client follows from what it has sent.
    private let isPeaceful: Bool

    init(_ run: SimulationRun, _ book: PrefaceBook) {
        self.run = run
        self.book = book
        let faults = run.kernel.faults
        fates = run.kernel.clients.enumerated().map {
            PrefaceFate($1, book.rules(for: $1, at: $0), isLate: faults.freezePercent > 0)
        }
        isPeaceful =
            faults.resetPercent + faults.closePercent + faults.refusedPercent + faults.silentPercent
            + faults.failedConnectPercent + faults.freezePercent + faults.neverEndsPercent == 0
            && run.script.count == 0 && run.drainAfter == nil
    }

    /// What does not hold, for people.
    func violations(_ records: [Int: [PrintedRecord]]) -> [String] {
        var found: [String] = []
        var unrecorded = 0
        for (place, client) in run.kernel.clients.enumerated() where client.wasAccepted {
            let name = "client \(client.host.id) at \(client.listener)"
            guard let record = records[place]?.first else {
                unrecorded += 1
                if !fates[place].mayHaveNoSession { found.append("\(name) was accepted, and has no record") }
                continue
            }
            found += check(record, client, fates[place]).map { "\(name) \($0): \(fates[place])" }
            if record.reason == .clientLimit { found += checkWait(record, place).map { "\(name) \($0)" } }
        }
        let refused = [Counter.denied, .overLimit, .untrusted].reduce(0) { $0 + (run.watch.counts.all[$1] ?? 0) }
        if refused != unrecorded { found.append("\(refused) clients were refused, and \(unrecorded) have no record") }
        found += lookAtBackends() + lookAtLog(unrecorded)
        return found
    }

    private func check(_ record: PrintedRecord, _ client: SimulatedSocket, _ fate: PrefaceFate) -> [String] {
        let reason = record.reason
        var found: [String] = []
        // One that has left before anything was known of it is called by its peer's address.
        if !fate.sources.contains(record.client), record.client != client.address || !fate.reasons.contains(reason) {
            if reason != .abandoned, reason != .cut { found.append("is recorded as \(record.client)") }
        }
        if reason.isOfPreface {
            if record.attempts > 0 { found.append("was sent to a backend, and ended as \(reason)") }
            // The pool of its route may have left.
            let hasLeft = reason == .noRoute && run.script.count > 0
            if !fate.reasons.contains(reason), !hasLeft { found.append("ended as \(reason)") }
        } else if reason == .shortage, run.kernel.faults.failedConnectPercent == 0 {
            found.append("ended for a shortage that there was not")
        } else if reason != .abandoned, reason != .cut, fate.ways.isEmpty {
            found.append("ended as \(reason) without a way to a backend")
        }
        if let pool = record.backend.flatMap(RosterScript.pool(of:)), !fate.ways.contains(where: { $0.pool == pool }) {
            found.append("was sent to pool \(pool)")
        }
        guard isPeaceful, !fate.mayHaveNoSession else { return found }
        let mayBe: Set<EndReason> = client.host.neverEnds ? [.finished, .idle] : [.finished]
        if fate.reasons.isEmpty, !mayBe.contains(reason) { found.append("was to be served, and ended as \(reason)") }
        if fate.ways.isEmpty, fate.reasons.count == 1, !fate.reasons.contains(reason) {
            found.append("ended as \(reason)")
        }
        return found
    }

    /// One that has waited for its client's limits has waited as long as it may.
    private func checkWait(_ record: PrintedRecord, _ place: Int) -> [String] {
        let client = run.kernel.clients[place]
        let all = book.rules(for: client, at: place)
        guard all.count == 1, let limits = all[0].settings.clients.perClient else { return [] }
        let wasHeld = run.watch.prefaces.held.contains(ObjectIdentifier(client))
        if wasHeld, limits.excess == .close { return ["has waited, and was to be closed"] }
        if wasHeld, record.milliseconds < limits.timeout.milliseconds - 1 {
            return ["has waited for \(record.milliseconds) ms only"]
        }
        return []
    }

    // MARK: what backends get

    private func lookAtBackends() -> [String] {
        run.kernel.backends.compactMap { backend in
            guard !backend.resetsOnClose, !backend.host.received.isEmpty,
                let pool = backend.address.flatMap(RosterScript.pool(of:))
            else { return nil }
            let received = backend.host.received
            guard let proxy = book.proxy(of: pool) else {
                let isRight = carries(received[...]) { $0.pool == pool }
                return isRight ? nil : "backend \(backend.host.id) got bytes that are no client's of its pool"
            }
            // A probe's: clients have addresses here.
            if received == ProxyHeaderWriter.probe(proxy.version, from: nil, to: nil) { return nil }
            switch ProxyHeader.read(received.span) {
            case .incomplete: return nil
            case .header(let header, let count):
                let name = header.authority.map { String(decoding: received[$0], as: UTF8.self) }
                let isRight = carries(received[count...]) { way in
                    way.pool == pool && header.version == proxy.version && count == Self.length(way, proxy)
                        && header.addresses == ProxyAddresses(source: way.source, destination: way.destination)
                        && name == (proxy.hasAuthority ? way.name : nil)
                }
                return isRight
                    ? nil : "backend \(backend.host.id) got a header, or bytes, that are no client's: \(header)"
            case .absent, .malformed: return "backend \(backend.host.id) got no right header"
            }
        }
    }

    /// The length of the header that a pool sends.
    private static func length(_ way: PrefaceFate.Way, _ proxy: Configuration.ProxySend) -> Int {
        var options: ProxyHeaderWriter.Options = []
        if proxy.hasChecksum { options.insert(.checksum) }
        if proxy.hasUniqueID { options.insert(.uniqueID) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: ProxyHeaderWriter.bytesMax) { buffer, count in
            count = unsafe ProxyHeaderWriter.write(
                proxy.version, source: way.source, destination: way.destination, options: options, uniqueID: 1,
                authority: proxy.hasAuthority ? way.name.map { Array($0.utf8) } : nil,
                into: UnsafeMutableRawBufferPointer(buffer))
        }
        return bytes.count
    }

    /// The bytes are the beginning of what a client has sent, behind its own header, which has such a way.
    private func carries(_ bytes: ArraySlice<UInt8>, _ isRight: (PrefaceFate.Way) -> Bool) -> Bool {
        fates.indices.contains { place in
            let host = run.kernel.clients[place].host
            return fates[place].ways.contains { way in
                isRight(way) && bytes.count <= host.sent - way.skipped
                    && bytes.indices.allSatisfy { bytes[$0] == host.byte(at: way.skipped + $0 - bytes.startIndex) }
            }
        }
    }

    // MARK: the log

    private static func troubles(_ reason: EndReason) -> [ListenerTrouble] {
        switch reason {
        case .denied: [.denied]
        case .clientLimit: [.overLimit]
        case .badHeader: [.header]
        case .prefaceTimeout: [.header, .name]
        case .noRoute: [.name]
        default: []
        }
    }

    /// Whoever is sent away is so within an episode of its trouble, which begins once and ends once.
    private func lookAtLog(_ unrecorded: Int) -> [String] {
        var on: [ListenerTrouble: Int] = [:]
        var told: [ListenerTrouble: Int] = [:]
        var refused = unrecorded
        let rest = run.kernel.newEvents + run.kernel.newOutput
        for line in (run.kernel.turnsOutput + rest).split(separator: "\n") {
            for trouble in ListenerTrouble.allCases {
                if line.contains(trouble.beginning.description) { on[trouble, default: 0] += 1 }
                guard let end = line.firstRange(of: trouble.end.description) else { continue }
                on[trouble, default: 0] -= 1
                told[trouble, default: 0] += Int(line[end.upperBound...]) ?? 0
            }
            if on.values.contains(where: { !(0...book.versions.count).contains($0) }) {
                return ["an episode has begun or ended twice: \(line)"]
            }
            guard let record = PrintedRecord(line) else { continue }
            let troubles = Self.troubles(record.reason)
            if troubles.isEmpty { continue }
            refused += 1
            if !troubles.contains(where: { on[$0] ?? 0 > 0 }) { return ["the log has no event for \(line)"] }
        }
        told[.rate] = nil
        let sum = told.values.reduce(0, +)
        let areAllOver = on.allSatisfy { $0.key == .rate || $0.value == 0 }
        if sum > refused || areAllOver && sum < refused {
            return ["the log tells of \(sum) clients that were sent away, and \(refused) were"]
        }
        return []
    }
}
