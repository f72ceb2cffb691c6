import Reactor
import TestSupport
import Testing

extension ByteQueue {
    fileprivate mutating func append(_ added: [UInt8]) -> Bool {
        unsafe added.withUnsafeBytes { unsafe append($0) }
    }

    fileprivate var contents: [UInt8] { unsafe Array(bytes) }
}

@Suite struct ByteQueueTests {
    @Test func bytesLeaveInTheOrderInWhichTheyCame() {
        var queue = ByteQueue(limit: 10)
        #expect(queue.isEmpty as Bool)
        #expect(queue.append([1, 2, 3]) as Bool)
        #expect(queue.append([]) as Bool)
        #expect(queue.append([4]) as Bool)
        #expect(queue.contents == [1, 2, 3, 4])
        queue.removeFirst(2)
        #expect(queue.append([5]) as Bool)
        #expect(queue.contents == [3, 4, 5])
        queue.removeLast(2)
        #expect(queue.contents == [3])
        queue.removeFirst(1)
        #expect(queue.isEmpty && queue.contents.isEmpty)
    }

    @Test func whatDoesNotFitIsRefusedWhole() {
        var queue = ByteQueue(limit: 4)
        #expect(queue.append([1, 2, 3]) as Bool)
        #expect(!queue.append([4, 5]) as Bool)
        #expect(queue.contents == [1, 2, 3])
        #expect(queue.append([4]) as Bool)
        #expect(!queue.append([5]) as Bool)
        queue.removeFirst(1)
        #expect(queue.append([5]) as Bool)
        #expect(queue.contents == [2, 3, 4, 5])
    }

    @Test func aQueueWithoutRoomTakesNothing() {
        var queue = ByteQueue(limit: 0)
        #expect(queue.append([]) as Bool)
        #expect(!queue.append([1]) as Bool)
        var reserved = ByteQueue(reserving: 0)
        #expect(!reserved.append([1]) as Bool)
    }

    /// The address of its bytes shows that a reserved queue never changes its memory, however small it is.
    @Test func aReservedQueueNeverAllocates() {
        let limit = 64
        var queue = ByteQueue(reserving: limit)
        var places: Set<UInt> = []
        for round in 0..<1000 {
            #expect(queue.append([UInt8](repeating: 1, count: limit - queue.count)) as Bool)
            places.insert(UInt(bitPattern: unsafe queue.bytes.baseAddress))
            queue.removeFirst(1 + round % limit)
        }
        let lowest = places.min() ?? 0
        #expect(places.allSatisfy { $0 < lowest + UInt(2 * limit) })
    }

    @Test(arguments: Seeds.all) func behavesLikeAnArray(seed: UInt64) {
        var random = Randomness(seed: seed)
        // Every third queue outgrows its first memory.
        let isLarge = random.oneIn(3)
        let limit = isLarge ? 2 * ByteQueue.firstBytes : Int.random(in: 1...300, using: &random)
        var queue = random.oneIn(2) ? ByteQueue(limit: limit) : ByteQueue(reserving: limit)
        var model: [UInt8] = []
        var next: UInt8 = 0
        for step in 0..<(isLarge ? 200 : 2_000) {
            switch random.next() % 4 {
            case 0, 1:
                let count = Int.random(in: 0...(limit / (random.oneIn(4) ? 1 : 8)), using: &random)
                let added = (0..<count).map { next &+ UInt8(truncatingIfNeeded: $0) }
                next &+= UInt8(truncatingIfNeeded: count)
                let fits = model.count + count <= limit
                if fits { model += added }
                #expect(queue.append(added) == fits, "SEED=\(seed), step \(step)")
            case 2:
                let count = Int.random(in: 0...model.count, using: &random)
                queue.removeFirst(count)
                model.removeFirst(count)
            default:
                let count = Int.random(in: 0...model.count, using: &random) / 4
                queue.removeLast(count)
                model.removeLast(count)
            }
            guard queue.count == model.count, queue.contents == model else {
                Issue.record("SEED=\(seed), step \(step): \(queue.count) bytes, the model has \(model.count)")
                return
            }
        }
    }

    @Test func removingMoreThanThereIsIsATrap() async {
        await #expect(processExitsWith: .failure) {
            var queue = ByteQueue(limit: 4)
            _ = queue.append([1])
            queue.removeFirst(2)
        }
        await #expect(processExitsWith: .failure) {
            var queue = ByteQueue(limit: 4)
            queue.removeLast(1)
        }
    }
}

@Suite struct ByteBufferTests {
    @Test func theWindowsShowTheSameMemory() {
        let buffer = ByteBuffer(count: 8)
        #expect(buffer.count == 8)
        unsafe buffer.room(8).copyBytes(from: [0, 1, 2, 3, 4, 5, 6, 7])
        #expect(unsafe Array(buffer.prefix(3)) == [0, 1, 2])
        #expect(unsafe Array(buffer.bytes(in: 2..<5)) == [2, 3, 4])
        #expect(unsafe buffer.room(5).count == 5)
        #expect(unsafe buffer.prefix(0).isEmpty)
    }

    @Test func largeBuffersBeginAtAPage() {
        let buffer = ByteBuffer(count: 1, alignment: ByteBuffer.pageBytes)
        let address = UInt(bitPattern: unsafe buffer.memory.baseAddress)
        #expect(address % UInt(ByteBuffer.pageBytes) == 0)
    }
}
