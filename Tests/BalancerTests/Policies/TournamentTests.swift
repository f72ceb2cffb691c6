import TestSupport
import Testing

@testable import Balancer

/// The two trees that policies find places with, against a plain search.
@Suite struct TournamentTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func theLeastIsFound(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...40, using: &random)
        let candidates = (0..<count).map {
            Candidate(id: TargetID(rawValue: UInt32($0)), place: Int32($0), weight: 1, isUp: true, scoreKey: 0)
        }
        func key() -> Tournament.Key {
            let load = Int.random(in: 0..<6, using: &random)
            return .init(load: load == 5 ? .max : UInt64(load), turn: UInt64.random(in: 0..<8, using: &random))
        }
        var keys = candidates.map { _ in key() }
        var tournament = Tournament()
        tournament.reset(keys)
        for _ in 0..<300 {
            let place = Int.random(in: 0..<count, using: &random)
            keys[place] = key()
            tournament.set(keys[place], at: place)
            var tried = TriedTargets()
            for place in 0..<count where Int.random(in: 0..<3, using: &random) == 0 { tried.insert(place) }
            let found = tournament.first(of: candidates.span, for: PickRequest(tried: tried, clientKey: 0))
            let allowed = (0..<count).filter { keys[$0].load < .max && !tried.contains($0) }
            #expect(found.map { keys[$0] } == allowed.map { keys[$0] }.min())
            #expect(found.map { allowed.contains($0) } ?? allowed.isEmpty)
        }
    }

    @Test func withoutPlacesNothingIsFound() {
        var tournament = Tournament()
        let request = PickRequest(tried: TriedTargets(), clientKey: 0)
        #expect(tournament.first(of: [Candidate]().span, for: request) == nil)
        tournament.reset([])
        #expect(tournament.first(of: [Candidate]().span, for: request) == nil)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func everyLotFallsToItsPlace(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var weights = (0..<Int.random(in: 1...40, using: &random)).map { _ in Int32.random(in: 0...4, using: &random) }
        var sums = WeightSums()
        sums.reset(weights)
        for _ in 0..<50 {
            let place = weights.indices.randomElement(using: &random) ?? 0
            weights[place] = Int32.random(in: 0...4, using: &random)
            sums.set(weights[place], at: place)
            let lots = weights.indices.flatMap { place in Array(repeating: place, count: Int(weights[place])) }
            #expect(Int(sums.total) == lots.count)
            for (lot, place) in lots.enumerated() { #expect(sums.place(of: UInt64(lot)) == place) }
            #expect(sums.weight(at: place) == weights[place])
            #expect(Int(sums.sum(before: place)) == weights[..<place].reduce(0) { $0 + Int($1) })
        }
    }
}
