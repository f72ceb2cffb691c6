import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Which backend a client's address leads to.
@Suite struct SourceHashTests {
    private static func names(_ count: Int) -> [String] { (1...count).map { "10.0.0.\($0):80" } }

    private static func stage(_ weights: [Int32], loadMax: Int? = nil) -> PolicyStage {
        PolicyStage(SourceHash(loadMax: loadMax), weights: weights, names: names(weights.count))
    }

    private static func picks(_ stage: inout PolicyStage, clients: Int) -> [Int?] {
        (0..<clients).map { stage.pick(client: UInt64($0)) }
    }

    /// Fixed for all time, as docs/balancing.md has it: after an upgrade, and in every other process, the same.
    @Test func theChoiceIsFixed() throws {
        let clients = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "203.0.113.9", "2001:db8::1", "2001:db8:0:1::1"]
        let prefix = ClientPrefix(prefix4: 32, prefix6: 64)
        let keys = try clients.map { text in
            switch try #require(SocketAddress(host: text, port: 0)) {
            case .ipv4(let host, _): prefix.key(host)
            case .ipv6(let high, let low, _, _): prefix.key(high: high, low: low)
            case .unix: UInt64(0)
            }
        }
        #expect(keys[0] == 0xC000_0201 && keys[4] == 0x2001_0db8_0000_0000)
        #expect(SourceHash.mix(0) == 0 && SourceHash.mix(1) == 0x5692_161D_100B_05E5)
        var equal = Self.stage([1, 1, 1])
        var weighted = Self.stage([1, 2, 4])
        #expect(keys.map { equal.pick(client: $0) } == Self.expectedEqual)
        #expect(keys.map { weighted.pick(client: $0) } == Self.expectedWeighted)
    }

    // What the program in docs/balancing.md prints.
    private static let expectedEqual: [Int?] = [0, 2, 2, 2, 2, 1]
    private static let expectedWeighted: [Int?] = [2, 2, 2, 2, 2, 1]

    /// Addresses that differ only behind the prefix are one client.
    @Test func aPrefixIsOneClient() {
        let prefix = ClientPrefix(prefix4: 24, prefix6: 56)
        #expect(
            prefix.key(0xC000_0201) == prefix.key(0xC000_02FF) && prefix.key(0xC000_0201) != prefix.key(0xC000_0301))
        #expect(
            prefix.key(high: 0x2001_0db8_0000_0001, low: 7) == prefix.key(high: 0x2001_0db8_0000_00FF, low: 9))
        #expect(prefix.key(high: 0x2001_0db8_0000_0100, low: 0) != prefix.key(high: 0x2001_0db8_0000_0000, low: 0))
        let whole = ClientPrefix(prefix4: 1, prefix6: 128)
        #expect(whole.key(high: 1, low: 1) != whole.key(high: 1, low: 2))
        #expect(whole.key(0x7FFF_FFFF) == 0 && whole.key(0x8000_0001) == 0x8000_0000)
    }

    /// Simulated with 100,000 keys: the fullest of 3, 10 and 50 has 1.002, 1.016, 1.069 of the mean.
    @Test(arguments: [(3, 1.03), (10, 1.05), (50, 1.15)]) func sharesAreEven(count: Int, most: Double) {
        var stage = Self.stage(Array(repeating: 1, count: count))
        var counts = Array(repeating: 0, count: count)
        for client in 0..<50_000 { counts[stage.pick(client: UInt64(client)) ?? 0] += 1 }
        #expect(Double(counts.max() ?? 0) / (50_000 / Double(count)) < most, "\(counts)")
    }

    @Test(arguments: [[1, 2, 3], [10, 1], [256, 128, 1]] as [[Int32]]) func sharesAreThoseOfTheWeights(weights: [Int32])
    {
        var stage = Self.stage(weights)
        var counts = weights.map { _ in 0 }
        for client in 0..<10_000 { counts[stage.pick(client: UInt64(client)) ?? 0] += 1 }
        let sum = Double(weights.reduce(0, +))
        for (place, weight) in weights.enumerated() {
            #expect(abs(Double(counts[place]) - 10_000 * Double(weight) / sum) < 200, "\(counts)")
        }
    }

    /// One that leaves moves only its own clients, each to its next best; when it comes back they return.
    @Test(arguments: [[1, 1, 1, 1, 1], [3, 1, 2, 1, 1]] as [[Int32]]) func oneThatLeavesMovesNobodyElse(
        weights: [Int32]
    ) {
        var stage = Self.stage(weights)
        let before = Self.picks(&stage, clients: 5000)
        stage.set(2) { $0.isUp = false }
        let during = Self.picks(&stage, clients: 5000)
        for (old, new) in zip(before, during) { #expect(old == 2 ? new != 2 : new == old) }
        // They are spread over the others.
        #expect(Set(zip(before, during).filter { $0.0 == 2 }.map(\.1)).count == 4)
        stage.set(2) { $0.isUp = true }
        #expect(Self.picks(&stage, clients: 5000) == before)
        // The same for one that was tried, is full or suspect.
        stage.set(2) { $0.sessionsMax = 0 }
        #expect(Self.picks(&stage, clients: 5000) == during)
        stage.set(2) { $0.sessionsMax = .max }
        stage.set(2) { $0.isSuspect = true }
        #expect(Self.picks(&stage, clients: 5000) == during)
        #expect((0..<5000).map { stage.pick(client: UInt64($0), tried: [2]) } == during)
    }

    /// Places mean nothing: the order of the backends may change, and others may come.
    @Test func namesDecideAndNotPlaces() {
        var stage = Self.stage([1, 2, 1])
        var turned = PolicyStage(
            SourceHash(), weights: [1, 2, 1], names: ["10.0.0.3:80", "10.0.0.2:80", "10.0.0.1:80"])
        for client in 0..<1000 as Range<UInt64> {
            #expect(stage.pick(client: client).map { 2 - $0 } == turned.pick(client: client))
        }
    }

    /// A weight that grows takes clients of the others, and gives none away.
    @Test func aWeightThatGrowsOnlyTakes() {
        var before = Self.stage([2, 2, 2])
        var after = Self.stage([2, 2, 3])
        for client in 0..<5000 as Range<UInt64> {
            let (old, new) = (before.pick(client: client), after.pick(client: client))
            #expect(new == old || new == 2)
        }
    }

    /// All clients are one address, and come and go: no backend has more than the limit on loads, rounded up, and one.
    @Test(arguments: [[1, 1, 1, 1], [1, 2, 3, 4]] as [[Int32]], [1_100_000, 1_250_000, 2_000_000])
    func noLoadExceedsTheLimit(weights: [Int32], loadMax: Int) {
        var random = SeededGenerator(seed: 3)
        var stage = Self.stage(weights, loadMax: loadMax)
        let sum = Double(weights.reduce(0, +))
        for _ in 0..<4000 {
            guard Int.random(in: 0..<3, using: &random) > 0 else {
                stage.leave(Int.random(in: weights.indices, using: &random))
                continue
            }
            let isHot = Bool.random(using: &random)
            guard let place = stage.take(client: isHot ? 7 : random.next()) else { continue }
            let total = Double(stage.sessions.reduce(0, +))
            let most = Double(loadMax) / 1_000_000 * total * Double(weights[place]) / sum
            #expect(Double(stage.sessions[place]) <= most.rounded(.up) + 1, "\(stage.sessions)")
        }
    }

    /// A client returns to its own as soon as that has room again.
    @Test func aClientReturnsWhenThereIsRoom() {
        var stage = Self.stage([1, 1, 1], loadMax: 1_200_000)
        let own = stage.pick(client: 7)
        var places: [Int?] = []
        for _ in 0..<30 { places.append(stage.take(client: 7)) }
        #expect(Set(places).count == 3)
        for place in 0..<3 { while stage.sessions[place] > 0 { stage.leave(place) } }
        #expect(stage.pick(client: 7) == own)
    }
}
