import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Random calls of a ``ClientTable`` and of a model of it.
@Suite struct ClientTableModelTests {
    @Test(arguments: UInt64(1)...60) func asTheModel(seed: UInt64) {
        var trial = Trial(seed: seed)
        for step in 0..<3000 {
            trial.step()
            if let fault = trial.fault {
                Issue.record("seed \(seed), step \(step): \(fault)")
                return
            }
        }
        trial.endAll()
        if let fault = trial.fault { Issue.record("seed \(seed), at the end: \(fault)") }
    }

    private struct Trial: ~Copyable {
        private var dice: SplitMix64
        private var table: ClientTable
        private var model: ClientModel
        private var now: UInt64
        private var inside: [(ClientTable.Entry, Network?)] = []
        private var held: [(ClientTable.Entry, Network?)] = []
        private(set) var fault: String?

        init(seed: UInt64) {
            dice = SplitMix64(seed: seed)
            now = dice.next() >> 2
            let settings = Self.randomSettings(&dice)
            let idleMax = Int.random(in: 0...8, using: &dice)
            table = ClientTable(settings, idleMax: idleMax, seed: dice.next())
            model = ClientModel(settings, idleMax: idleMax)
        }

        private static func randomSettings(_ dice: inout SplitMix64) -> ClientTable.Settings {
            var settings = ClientTable.Settings()
            settings.sessionsMax = [nil, 0, 1, 3, 100].randomElement(using: &dice) ?? nil
            let rate = Rate(count: [1, 3, 10].randomElement(using: &dice) ?? 1, per: .seconds(1))
            settings.rate = Int.random(in: 0..<4, using: &dice) == 0 ? nil : rate
            settings.burst = [nil, 1, 4].randomElement(using: &dice) ?? nil
            settings.prefix4 = [32, 32, 31, 24, 0].randomElement(using: &dice) ?? 32
            settings.prefix6 = [64, 64, 128, 127, 65, 63, 56, 0].randomElement(using: &dice) ?? 64
            return settings
        }

        private mutating func randomAddress() -> SocketAddress {
            let port = UInt16(truncatingIfNeeded: dice.next())
            switch Int.random(in: 0..<20, using: &dice) {
            case 0: return .unix(path: "")
            case 1...10: return .ipv4(0x0A00_0000 | UInt32(truncatingIfNeeded: dice.next() & 0x10F), port: port)
            case 11: return .ipv6(high: 0, low: 0xFFFF_0A00_0000 | dice.next() & 0xF, scope: 0, port: port)
            default:
                return .ipv6(
                    high: 0xFD00_0000_0000_0000 | dice.next() & 0x103, low: dice.next() & 0x8000_0000_0000_0003,
                    scope: UInt32(truncatingIfNeeded: dice.next() & 1), port: port)
            }
        }

        mutating func step() {
            now += [0, 0, 1, 50_000_000, 400_000_000].randomElement(using: &dice) ?? 0
            switch Int.random(in: 0..<100, using: &dice) {
            case 0..<45: admit()
            case 45..<80: leave()
            case 80..<89: hold()
            case 89..<98: release()
            case 98:
                let settings = Self.randomSettings(&dice)
                table.change(settings)
                model.change(settings)
            default:
                // Some time in which all buckets fill, and at times a step back.
                let isBack = Int.random(in: 0..<4, using: &dice) == 0
                now = isBack ? now - min(now, 700_000_000) : now + 5_000_000_000
            }
            compare()
        }

        private mutating func admit() {
            let address = randomAddress()
            switch (table.admit(address, now: now), model.admit(address, now: now)) {
            case (.admitted(let entry), .admitted(let network)):
                // A table finds its own clients by their places: the same one for the same network, and only for it.
                if (network == nil) != (entry == .none) { fault = "\(address): counted, or not" }
                for (other, otherNetwork) in inside where (other == entry) != (otherNetwork == network) {
                    fault = "\(address): not the entry of its network"
                }
                inside.append((entry, network))
            case (.tooMany, .tooMany): break
            case (.tooFast(let wait), .tooFast(let expected)) where wait == expected: break
            case (let verdict, let expected): fault = "\(address): \(verdict) and not \(expected)"
            }
        }

        private mutating func leave() {
            guard let place = inside.indices.randomElement(using: &dice) else { return }
            let (entry, network) = inside.remove(at: place)
            table.leave(entry)
            model.leave(network)
        }

        private mutating func hold() {
            let address = randomAddress()
            switch (table.hold(address), model.hold(address)) {
            case (nil, .none): break
            case (let entry?, .some(let network)): held.append((entry, network))
            case (let entry, let network): fault = "\(address): held \(entry as Any) and not \(network as Any)"
            }
        }

        private mutating func release() {
            guard let place = held.indices.randomElement(using: &dice) else { return }
            let (entry, network) = held.remove(at: place)
            table.release(entry)
            model.release(network)
        }

        mutating func endAll() {
            while !inside.isEmpty { leave() }
            while !held.isEmpty { release() }
            compare()
            if table.sessions != 0 || table.waiting != 0 { fault = "somebody is left" }
        }

        private mutating func compare() {
            if fault != nil { return }
            let counts = [table.sessions, table.waiting, table.entries, table.idle]
            let expected = [model.sessions, model.waiting, model.clients.count, model.idle.count]
            if counts != expected { fault = "counts \(counts) and not \(expected)" }
            if table.entries > table.sessions + table.waiting + table.idleMax { fault = "beyond the bound" }
            fault = fault ?? table.fault(model)
        }
    }
}

extension ClientTable {
    /// What is wrong inside: each client of the model is there with its address and its counts, and the idle are in
    /// their order.
    fileprivate borrowing func fault(_ model: ClientModel) -> String? {
        for (network, client) in model.clients {
            let key = network.clientKey
            guard let place = index.find(key, tag: index.tag(of: key), in: clients) else { return "no \(network)" }
            let (sessions, waiting) = (clients[place].sessions, clients[place].waiting)
            if (sessions, waiting) != (client.sessions, client.waiting) {
                return "\(network): \(sessions) sessions, \(waiting) waiting, and not \(client)"
            }
        }
        var order: [ClientKey] = []
        var (place, before) = (oldest, Int32(-1))
        while place >= 0 {
            if clients[Int(place)].older != before { return "the idle are not linked backwards" }
            order.append(clients[Int(place)].key)
            (place, before) = (clients[Int(place)].newer, place)
        }
        if before != newest { return "the newest is another" }
        return order == model.idle.map(\.clientKey) ? nil : "the idle are in another order"
    }
}

extension Network {
    fileprivate var clientKey: ClientKey {
        switch base {
        case .ipv4(let host): ClientKey(high: 0, low: 0xFFFF << 32 | UInt64(host), length: UInt8(96 + length))
        case .ipv6(let host):
            ClientKey(high: UInt64(host >> 64), low: UInt64(truncatingIfNeeded: host), length: UInt8(length))
        }
    }
}
