import Reactor
import TestSupport
import Testing

@testable import Balancer

@Suite struct NetworkTableTests {
    /// Networks one by one: the longest prefix that an address is in, and of the same one denial.
    private struct Model {
        var allow: [Network]
        var deny: [Network]

        func allows(_ address: SocketAddress) -> Bool {
            if case .unix = address { return true }
            let allowed = longest(allow, address)
            let denied = longest(deny, address)
            return if allowed == nil, denied == nil { allow.isEmpty } else { (allowed ?? -1) > (denied ?? -1) }
        }

        func longest(_ networks: [Network], _ address: SocketAddress) -> Int? {
            networks.filter { Network(clearing: address, length: $0.length) == $0 }.map(\.length).max()
        }
    }

    private static func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(host: text, port: 4711), "\(text)")
    }

    /// Few different bits, so that networks lie in one another and addresses in them.
    private static func randomAddress(_ dice: inout SplitMix64) -> SocketAddress {
        let edge = Int.random(in: 0..<8, using: &dice)
        if Bool.random(using: &dice) {
            let host = edge == 0 ? 0 : edge == 1 ? UInt32.max : UInt32(truncatingIfNeeded: dice.next()) & 0xC101_0183
            return .ipv4(host, port: 1)
        }
        let high = edge == 0 ? 0 : edge == 1 ? UInt64.max : dice.next() & 0xC000_0001_0000_0003
        let low = edge == 0 ? 0 : edge <= 2 ? UInt64.max : dice.next() & 0xC000_0000_8000_0003
        return .ipv6(high: high, low: low, scope: 0, port: 1)
    }

    private static func randomNetwork(_ dice: inout SplitMix64) throws -> Network {
        let address = randomAddress(&dice)
        let bits = if case .ipv4 = address { 32 } else { 128 }
        let length = [0, bits, Int.random(in: 0...bits, using: &dice)].randomElement(using: &dice) ?? bits
        return try #require(Network(clearing: address, length: length))
    }

    /// The first and the last address of a network, and their neighbours.
    private static func edges(of network: Network) -> [SocketAddress] {
        switch network.base {
        case .ipv4(let first):
            let last = first | Network.hostMask(UInt32.self, network.length)
            return [first, first &- 1, first &+ 1, last, last &- 1, last &+ 1].map { .ipv4($0, port: 7) }
        case .ipv6(let first):
            let last = first | Network.hostMask(UInt128.self, network.length)
            return [first, first &- 1, first &+ 1, last, last &- 1, last &+ 1].map {
                .ipv6(high: UInt64($0 >> 64), low: UInt64(truncatingIfNeeded: $0), scope: 9, port: 7)
            }
        }
    }

    @Test(arguments: UInt64(1)...200) func asTheLongestPrefixSays(seed: UInt64) throws {
        var dice = SplitMix64(seed: seed)
        let allow = try (0..<Int.random(in: 0...12, using: &dice)).map { _ in try Self.randomNetwork(&dice) }
        var deny = try (0..<Int.random(in: 0...12, using: &dice)).map { _ in try Self.randomNetwork(&dice) }
        deny += allow.filter { _ in Int.random(in: 0..<4, using: &dice) == 0 }
        let table = NetworkTable(allow: allow, deny: deny)
        let model = Model(allow: allow, deny: deny)
        let set = NetworkSet(allow)
        var addresses = (0..<100).map { _ in Self.randomAddress(&dice) }
        addresses += (allow + deny).flatMap(Self.edges(of:))
        for address in addresses {
            #expect(table.allows(address) == model.allows(address), "seed \(seed): \(address), \(allow), not \(deny)")
            let isIn = model.longest(allow, address) != nil
            #expect(set.contains(address) == isIn, "seed \(seed): \(address) in \(allow)")
        }
        #expect(NetworkTable(allow: allow.shuffled(using: &dice), deny: deny + deny) == table, "seed \(seed)")
        #expect(NetworkSet(allow + allow) == set, "seed \(seed)")
    }

    @Test func whoMayCome() throws {
        let nobody = NetworkTable(allow: [], deny: [])
        let office = NetworkTable(allow: [try Network("10.0.0.0/8")], deny: [try Network("10.1.0.0/16")])
        let noV6 = NetworkTable(allow: [], deny: [try Network("::/0")])
        let noV4 = NetworkTable(allow: [], deny: [try Network("0.0.0.0/0")])
        let v4 = try Self.address("10.2.3.4")
        let v6 = try Self.address("fd00::1")
        let unix = SocketAddress.unix(path: "")
        #expect(nobody.allows(v4) && nobody.allows(v6) && nobody.allows(unix) && nobody.isEmpty)
        #expect(office.allows(v4) && !office.allows(v6) && office.allows(unix) && !office.isEmpty)
        #expect(try !office.allows(Self.address("10.1.3.4")) && !office.allows(Self.address("11.0.0.0")))
        #expect(noV6.allows(v4) && !noV6.allows(v6) && noV6.allows(unix) && !noV6.isEmpty)
        #expect(!noV4.allows(v4) && noV4.allows(v6) && noV4.allows(unix))
        // As a listener on `::` might have it, were it not made canonical.
        let mapped = SocketAddress.ipv6(high: 0, low: 0xFFFF_0A02_0304, scope: 0, port: 1)
        #expect(office.allows(mapped) && noV6.allows(mapped) && !noV4.allows(mapped))
        #expect(try NetworkSet([Network("10.0.0.0/8")]).contains(mapped))
        #expect(try !NetworkSet([Network("::/0"), Network("0.0.0.0/0")]).contains(unix))
        #expect(NetworkSet([]).isEmpty && !NetworkSet([]).contains(v4))
    }

    @Test func whatMeansTheSameIsEqual() throws {
        let halves = NetworkTable(allow: try ["10.0.0.0/9", "10.128.0.0/9"].map { try Network($0) }, deny: [])
        let whole = NetworkTable(allow: [try Network("10.0.0.0/8"), try Network("10.3.0.0/16")], deny: [])
        #expect(halves == whole)
        #expect(halves != NetworkTable(allow: [], deny: []))
        let all = NetworkTable(allow: try ["0.0.0.0/0", "::/0"].map { try Network($0) }, deny: [])
        #expect(all == NetworkTable(allow: [], deny: []) && all.isEmpty)
    }

    /// Every second /32 and /128 of a range, in any order, and a shorter one around them.
    @Test func oneHundredThousandNetworks() throws {
        var dice = SplitMix64(seed: 5)
        var allow: [Network] = []
        for place in UInt32(0)..<50_000 {
            let host = 0x0A00_0000 + 2 * place
            allow.append(try #require(Network(.ipv4(host, port: 0), length: 32)))
            allow.append(try #require(Network(.ipv6(high: 1, low: UInt64(host), scope: 0, port: 0), length: 128)))
        }
        let table = NetworkTable(allow: allow.shuffled(using: &dice), deny: [try Network("10.0.0.0/8")])
        for host in stride(from: UInt32(0x0A00_0000), to: 0x0A00_0000 + 100_100, by: 1) {
            let isIn = host % 2 == 0 && host < 0x0A00_0000 + 100_000
            let v4 = table.allows(.ipv4(host, port: 1))
            let v6 = table.allows(.ipv6(high: 1, low: UInt64(host), scope: 3, port: 1))
            guard v4 == isIn, v6 == isIn else {
                Issue.record("seed 5: \(host): \(v4) and \(v6), not \(isIn)")
                return
            }
        }
    }
}
