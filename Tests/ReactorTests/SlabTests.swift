import Reactor
import TestSupport
import Testing

/// Counts the ends of the elements that share it.
private final class Tally {
    var ends: [Int: Int] = [:]
}

private struct Element: ~Copyable {
    let number: Int
    let tally: Tally

    deinit { tally.ends[number, default: 0] += 1 }
}

@Suite struct SlabTests {
    @Test func anElementIsFoundUntilItIsRemoved() throws {
        var slab = Slab<Int>(capacity: 2)
        let key = try #require(slab.insert(7) as SlabKey?)
        #expect(slab.contains(key) as Bool)
        #expect(slab.isTaken(0) as Bool)
        #expect(slab.key(at: 0) == key)
        #expect(slab[0] == 7)
        slab[0] = 8
        #expect(slab.count == 1)
        #expect(slab.remove(at: 0) == 8)
        #expect(!slab.contains(key) as Bool)
        #expect(!slab.isTaken(0) as Bool)
        #expect(slab.count == 0)
    }

    @Test func anElementLearnsItsOwnKey() throws {
        var slab = Slab<SlabKey>(capacity: 2)
        _ = slab.insert(SlabKey.none)
        let key = try #require(slab.insert { $0 } as SlabKey?)
        #expect(key.index == 1)
        #expect(slab[1] == key)
    }

    @Test func aFullSlabRefuses() {
        var slab = Slab<Int>(capacity: 2)
        #expect(!slab.isFull as Bool)
        #expect(slab.insert(1) != nil)
        #expect(slab.insert(2) != nil)
        #expect(slab.isFull as Bool)
        #expect(slab.insert(3) == nil)
        #expect(slab.insert { _ in 3 } == nil)
        #expect(slab.count == 2)
        #expect(slab.remove(at: 0) == 1)
        #expect(!slab.isFull as Bool)
        #expect(slab.insert(4)?.index == 0)
        #expect(slab.isFull as Bool)
    }

    @Test func aSlabWithoutPlacesIsFull() {
        var slab = Slab<Int>(capacity: 0)
        #expect(slab.isFull as Bool)
        #expect(slab.insert(1) == nil)
        #expect(slab.index(after: -1) == nil)
    }

    @Test func thePlaceFreedLastIsTakenFirst() {
        var slab = Slab<Int>(capacity: 4)
        for number in 0..<3 { _ = slab.insert(number) }
        for index in [0, 2, 1] { _ = slab.remove(at: index) }
        #expect(slab.insert(10)?.index == 1)
        #expect(slab.insert(11)?.index == 2)
        #expect(slab.insert(12)?.index == 0)
        #expect(slab.insert(13)?.index == 3)
    }

    @Test func aKeyOfAnEarlierTurnIsRecognised() throws {
        var slab = Slab<Int>(capacity: 1)
        var keys: [SlabKey] = []
        for turn in 0..<100 {
            let key = try #require(slab.insert(turn) as SlabKey?)
            #expect(key.index == 0)
            #expect(key.generation % 2 == 1)
            #expect(slab.contains(key) as Bool)
            for key in keys { #expect(!slab.contains(key) as Bool) }
            keys.append(key)
            _ = slab.remove(at: 0)
            #expect(!slab.contains(key) as Bool)
        }
        #expect(Set(keys).count == 100)
    }

    @Test func keysThatNoSlabHandsOutAreNotContained() {
        var slab = Slab<Int>(capacity: 2)
        _ = slab.insert(1)
        _ = slab.insert(2)
        _ = slab.remove(at: 1)
        #expect(!slab.contains(.none) as Bool)
        #expect(!slab.contains(SlabKey(index: 2, generation: 1)) as Bool)
        #expect(!slab.contains(SlabKey(index: -1, generation: 1)) as Bool)
        // The generation of a free place is even, and no key's.
        #expect(!slab.contains(SlabKey(index: 1, generation: 2)) as Bool)
        #expect(!slab.isTaken(-1) as Bool)
        #expect(!slab.isTaken(2) as Bool)
    }

    @Test func elementsMayBeRemovedDuringIteration() {
        var slab = Slab<Int>(capacity: 8)
        for number in 0..<8 { _ = slab.insert(number) }
        _ = slab.remove(at: 0)
        var seen: [Int] = []
        var place = slab.index(after: -1)
        while let index = place {
            seen.append(slab.remove(at: index))
            // The one after next goes as well, before it is reached.
            if slab.isTaken(index + 2) { _ = slab.remove(at: index + 2) }
            place = slab.index(after: index)
        }
        #expect(seen == [1, 2, 5, 6])
        #expect(slab.count == 0)
        #expect(slab.index(after: -1) == nil)
    }

    @Test func anElementInsertedAheadDuringIterationIsMet() {
        var slab = Slab<Int>(capacity: 4)
        for number in 0..<3 { _ = slab.insert(number) }
        _ = slab.remove(at: 2)
        var seen: [Int] = []
        var place = slab.index(after: -1)
        while let index = place {
            seen.append(slab[index])
            if index == 0 { _ = slab.insert(20) }
            place = slab.index(after: index)
        }
        #expect(seen == [0, 1, 20])
    }

    @Test func elementsMayBeRemovedWhileTheRangeIsWalked() {
        var slab = Slab<Int>(capacity: 8)
        for number in 0..<8 { _ = slab.insert(number) }
        _ = slab.remove(at: 0)
        var seen: [Int] = []
        for index in slab.indexRange where slab.isTaken(index) {
            seen.append(slab.remove(at: index))
            // The one after next goes as well, before it is reached.
            if slab.isTaken(index + 2) { _ = slab.remove(at: index + 2) }
        }
        #expect(seen == [1, 2, 5, 6])
        #expect(slab.count == 0)
    }

    @Test func growingKeepsKeysElementsAndGenerations() throws {
        var slab = Slab<Int>(capacity: 1000, reserving: 1)
        let stale = try #require(slab.insert(-1) as SlabKey?)
        _ = slab.remove(at: 0)
        let keys = try (0..<1000).map { number in try #require(slab.insert(number) as SlabKey?) }
        #expect(slab.isFull as Bool)
        #expect(!slab.contains(stale) as Bool)
        for (number, key) in keys.enumerated() {
            #expect(slab.contains(key) && slab[Int(key.index)] == number)
        }
        #expect(slab.insert(1000) == nil)
    }

    @Test func eachElementEndsOnce() {
        let tally = Tally()
        do {
            var slab = Slab<Element>(capacity: 4)
            for number in 0..<4 { _ = slab.insert(Element(number: number, tally: tally)) }
            #expect(tally.ends.isEmpty)
            // Refused: it ends at once.
            #expect(slab.insert(Element(number: 4, tally: tally)) == nil)
            #expect(tally.ends == [4: 1])
            _ = slab.remove(at: 1)
            #expect(tally.ends == [4: 1, 1: 1])
            _ = slab.insert(Element(number: 5, tally: tally))
            _ = slab.remove(at: 3)
            #expect(tally.ends == [4: 1, 1: 1, 3: 1])
        }
        #expect(tally.ends == [0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1])
    }

    @Test(arguments: Seeds.all) func behavesLikeADictionary(seed: UInt64) {
        var random = Randomness(seed: seed)
        let tally = Tally()
        let capacity = Int.random(in: 1...40, using: &random)
        var made = 0
        do {
            // A reserve smaller than the capacity is outgrown in the run.
            var slab = Slab<Element>(capacity: capacity, reserving: Int.random(in: 0...capacity, using: &random))
            var model: [SlabKey: Int] = [:]
            var keys: [SlabKey] = []
            var stale: [SlabKey] = []
            for _ in 0..<2_000 {
                // The bias turns now and then, so that the slab is both filled and emptied.
                if random.oneIn(made / 200 % 2 == 0 ? 3 : 2), let place = random.place(in: keys.count) {
                    let key = keys.remove(at: place)
                    #expect(slab.remove(at: Int(key.index)).number == model.removeValue(forKey: key), "SEED=\(seed)")
                    stale.append(key)
                } else {
                    let key = slab.insert(Element(number: made, tally: tally))
                    #expect((key == nil) == (model.count == capacity), "SEED=\(seed)")
                    if let key {
                        #expect(model.updateValue(made, forKey: key) == nil, "SEED=\(seed)")
                        keys.append(key)
                    }
                    made += 1
                }
                guard slab.count == model.count, slab.isFull == (model.count == capacity) else {
                    Issue.record("SEED=\(seed): \(slab.count) elements, the model has \(model.count)")
                    return
                }
            }
            for (key, number) in model {
                #expect(slab.contains(key) && slab[Int(key.index)].number == number, "SEED=\(seed)")
            }
            for key in stale { #expect(!slab.contains(key) as Bool, "SEED=\(seed)") }
            var places: [Int] = []
            for index in slab.indexRange where slab.isTaken(index) { places.append(index) }
            #expect(places == model.keys.map { Int($0.index) }.sorted(), "SEED=\(seed)")
        }
        #expect(tally.ends.count == made, "SEED=\(seed)")
        #expect(tally.ends.values.allSatisfy { $0 == 1 }, "SEED=\(seed)")
    }

    @Test func anEmptyPlaceIsATrap() async {
        await #expect(processExitsWith: .failure) {
            var slab = Slab<Int>(capacity: 4)
            _ = slab.insert(1)
            _ = slab.remove(at: 0)
            _ = slab.remove(at: 0)
        }
        await #expect(processExitsWith: .failure) {
            let slab = Slab<Int>(capacity: 4)
            print(slab[0])
        }
        await #expect(processExitsWith: .failure) {
            let slab = Slab<Int>(capacity: 4)
            print(slab.key(at: 4))
        }
    }
}
