import TestSupport
import Testing

@testable import Reactor

@Suite struct TokenQueueTests {
    @Test(arguments: Seeds.all) func behavesLikeAnArrayHoweverMuchItHolds(seed: UInt64) {
        var random = Randomness(seed: seed)
        var queue = TokenQueue(capacity: Int.random(in: 0...8, using: &random))
        var model: [Token] = []
        for step in 0..<2_000 {
            // Grows in the first half and shrinks in the second, so that the ring turns at every size.
            if random.oneIn(step < 1_000 ? 3 : 2) {
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "SEED=\(seed), step \(step)")
            } else {
                queue.append(Token(kind: 1, index: step))
                model.append(Token(kind: 1, index: step))
            }
            guard queue.count == model.count, queue.isEmpty == model.isEmpty else {
                Issue.record("SEED=\(seed), step \(step): \(queue.count) tokens, the model has \(model.count)")
                return
            }
        }
        #expect(queue.reserve(5000) as Bool)
        while let token = queue.popFirst() { #expect(token == model.removeFirst(), "SEED=\(seed)") }
        #expect(model.isEmpty, "SEED=\(seed)")
    }

    /// A million sessions have room for as many tokens in each queue of a loop, and mostly a few wait.
    @Test func aQueueUsesNoMoreMemoryThanForTheMostThatEverWaited() {
        let kernel = MarkedMemoryKernel()
        withScriptedKernel(kernel) {
            var queue = TokenQueue(capacity: 1000)
            for step in 0..<10_000 {
                for offset in 0...step % 3 { queue.append(Token(kind: 1, index: step + offset)) }
                for offset in 0...step % 3 { #expect(queue.popFirst() == Token(kind: 1, index: step + offset)) }
            }
            #expect(kernel.untouched(from: 3 * MemoryLayout<Token>.stride))
        }
    }
}

/// Marks the memory that it gives, and knows which of it has been written to since.
@safe private final class MarkedMemoryKernel: ForwardingKernel {
    private var given = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private static let mark: UInt8 = 0xA5

    override func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
        guard let given = unsafe super.resizeMemory(memory, bytes: bytes) else { return nil }
        if unsafe memory == nil { unsafe given.initializeMemory(as: UInt8.self, repeating: Self.mark, count: bytes) }
        unsafe self.given = UnsafeRawBufferPointer(start: given, count: bytes)
        return unsafe given
    }

    /// True when nothing from this offset on was written to, in the memory that was given last.
    func untouched(from offset: Int) -> Bool { unsafe given[offset...].allSatisfy { $0 == Self.mark } }
}

@Suite struct ColumnTests {
    @Test func aColumnGrowsAndKeepsItsValues() {
        var column = Column<UInt32>(capacity: 0)
        for place in 0..<1000 {
            #expect(column.reserve(place + 1) as Bool)
            column.set(UInt32(place), at: place)
            for earlier in stride(from: 0, through: place, by: 97) { #expect(column.value(at: earlier) == earlier) }
        }
        #expect(column.reserve(100_001) as Bool)
        column.set(7, at: 100_000)
        #expect(column.value(at: 100_000) == 7)
        #expect(column.value(at: 999) == 999)
    }
}
