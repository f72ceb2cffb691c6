import TestSupport
import Testing

@testable import Balancer

@Suite struct TriedTargetsTests {
    @Test func placesAreASet() {
        var tried = TriedTargets()
        for place in [0, 5, 63, 64, 127, 128, 4095] {
            #expect(!tried.contains(place))
            tried.insert(place)
            tried.insert(place)
            #expect(tried.contains(place))
        }
        #expect(tried.count == 7)
        for place in [1, 62, 65, 126, 4094, 4096, 1 << 20] { #expect(!tried.contains(place), "\(place)") }
    }

    /// A candidate without an address has no place, and is in no set.
    @Test func noPlaceIsInNoSet() {
        var few = TriedTargets()
        for place in 0..<64 { few.insert(place) }
        #expect(!few.contains(-1))
        var many = few
        many.insert(64)
        #expect(!many.contains(-1))
    }

    @Test func aCopyIsAnother() {
        var first = TriedTargets()
        first.insert(100)
        var second = first
        second.insert(101)
        #expect(first.removeFirst() == 100)
        #expect(!first.contains(101) && second.contains(100) && second.count == 2)
    }

    /// Against a set of the standard library: `limit` decides whether places beyond the first word come.
    @Test(arguments: [64, 65, 300]) func anyHistory(limit: Int) {
        for seed in UInt64(1)...40 {
            var random = SeededGenerator(seed: seed)
            var tried = TriedTargets()
            var model = Set<Int>()
            for step in 0..<300 {
                let place = Int.random(in: 0..<limit, using: &random)
                if random.chance(60) {
                    tried.insert(place)
                    model.insert(place)
                } else {
                    let first = model.min()
                    #expect(tried.removeFirst() == first, "seed \(seed), step \(step)")
                    if let first { model.remove(first) }
                }
                #expect(tried.isEmpty == model.isEmpty, "seed \(seed), step \(step)")
                #expect(tried.count == model.count, "seed \(seed), step \(step)")
                #expect(tried.contains(place) == model.contains(place), "seed \(seed), step \(step)")
            }
            for place in 0..<limit + 70 {
                #expect(tried.contains(place) == model.contains(place), "seed \(seed), place \(place)")
            }
            while let first = tried.removeFirst() { #expect(model.remove(first) != nil, "seed \(seed)") }
            #expect(model.isEmpty, "seed \(seed)")
        }
    }
}
