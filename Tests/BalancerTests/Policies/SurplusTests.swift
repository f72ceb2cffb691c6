import TestSupport
import Testing

@testable import Balancer

/// How many sessions end so that clients spread anew.
@Suite struct SurplusTests {
    private static func surplus(_ loads: [(Int32, Int32)], most: Int = 1_000_000) -> [Int32] {
        Surplus.sessions(of: loads.map { .init(sessions: $0.0, share: $0.1) }, most: most)
    }

    @Test func oneThatHasComeBackGetsItsPart() {
        #expect(Self.surplus([(100, 100), (0, 100)]) == [50, 0])
        #expect(Self.surplus([(90, 300), (0, 100), (6, 100)]) == [32, 0, 0])
    }

    @Test func atMostItsShareAtOnceAndOneInAnyCase() {
        #expect(Self.surplus([(100, 100), (0, 100)], most: 100_000) == [10, 0])
        #expect(Self.surplus([(101, 100), (0, 100)], most: 100_000) == [11, 0])
        #expect(Self.surplus([(5, 100), (0, 100)], most: 100_000) == [1, 0])
    }

    @Test func whatIsEvenStays() {
        #expect(Self.surplus([(50, 100), (50, 100)]) == [0, 0])
        #expect(Self.surplus([(54, 100), (46, 100)]) == [0, 0])
        #expect(Self.surplus([(57, 100), (43, 100)]) == [7, 0])
        #expect(Self.surplus([(1, 100), (0, 100)]) == [0, 0])
        #expect(Self.surplus([(2, 100), (0, 100)]) == [0, 0])
        #expect(Self.surplus([(3, 100), (0, 100), (0, 100)]) == [2, 0, 0])
        #expect(Self.surplus([]) == [])
        #expect(Self.surplus([(7, 0)]) == [0])
    }

    private static func add(to loads: inout [Surplus.Load]) {
        var least: Int?
        for index in loads.indices where loads[index].share > 0 {
            guard let before = least else {
                least = index
                continue
            }
            let own = Int(loads[index].sessions) * Int(loads[before].share)
            if own < Int(loads[before].sessions) * Int(loads[index].share) { least = index }
        }
        if let least { loads[least].sessions += 1 }
    }

    /// Whatever the loads are: nobody loses more than is above its part, and rounds come to an end.
    @Test func roundsComeToAnEnd() {
        var random = SplitMix64(seed: 7)
        for _ in 0..<200 {
            var loads = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Surplus.Load(
                    sessions: .random(in: 0...1000, using: &random), share: .random(in: 0...25600, using: &random))
            }
            var rounds = 0
            while true {
                let surplus = Surplus.sessions(of: loads, most: 100_000)
                guard surplus.contains(where: { $0 > 0 }) else { break }
                rounds += 1
                // What ends comes again at those with the least for their share.
                for index in loads.indices { loads[index].sessions -= surplus[index] }
                for _ in 0..<surplus.reduce(0, +) { Self.add(to: &loads) }
                let isSound = loads.allSatisfy { $0.sessions >= 0 }
                #expect(rounds < 200 && isSound, "\(loads)")
                guard rounds < 200 else { return }
            }
        }
    }
}
