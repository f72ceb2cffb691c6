import Glibc
import Testing

@testable import Reactor

/// What containers do when there is no memory for more: they keep what they have, and take more once there is some.
@Suite struct ScarceMemoryTests {
    private let kernel = ScarceMemoryKernel()

    @Test func aSlabRefusesAndGoesOnLater() throws {
        withScriptedKernel(kernel) {
            var slab = Slab<String>(capacity: 1000, reserving: 2)
            for number in 0..<2 { #expect(slab.insert("\(number)") != nil) }
            kernel.isOutOfMemory = true
            #expect(slab.insert("x") == nil)
            let hasRoom = slab.makeRoom()
            #expect(!hasRoom && !slab.isFull && slab.count == 2)
            // A place that becomes free needs no memory.
            #expect(slab.remove(at: 0) == "0")
            #expect(slab.insert("again")?.index == 0)
            kernel.isOutOfMemory = false
            for number in 2..<100 { #expect(slab.insert("\(number)")?.index == Int32(number)) }
            #expect(slab[0] == "again" && slab[1] == "1" && slab[99] == "99")
        }
    }

    @Test func aSlabThatGotNoMemoryAtTheStartAsksAgain() {
        withScriptedKernel(kernel) {
            kernel.isOutOfMemory = true
            var slab = Slab<String>(capacity: 8)
            #expect(slab.insert("x") == nil)
            kernel.isOutOfMemory = false
            #expect(slab.insert("y")?.index == 0)
            #expect(slab[0] == "y")
        }
    }

    @Test func aColumnKeepsItsValues() {
        withScriptedKernel(kernel) {
            var column = Column<Int>(capacity: 2)
            column.set(7, at: 1)
            kernel.isOutOfMemory = true
            let refused = column.reserve(3)
            #expect(!refused)
            kernel.isOutOfMemory = false
            let granted = column.reserve(1000)
            #expect(granted)
            column.set(8, at: 999)
            #expect(column.value(at: 1) == 7 && column.value(at: 999) == 8)
        }
    }

    @Test func aWheelAndAQueueTellBeforeTheyAreFull() {
        withScriptedKernel(kernel) {
            var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: 0))
            _ = wheel.add(Token(kind: 1, index: 0))
            var queue = TokenQueue(capacity: 2)
            kernel.isOutOfMemory = true
            #expect(!wheel.makeRoom() as Bool)
            #expect(!queue.reserve(3) as Bool)
            #expect(queue.reserve(2) as Bool)
            kernel.isOutOfMemory = false
            #expect(wheel.makeRoom() as Bool)
            #expect(queue.reserve(3) as Bool)
        }
    }

    @Test func aLoopWithoutMemoryIsAnErrorOfItsStart() {
        withScriptedKernel(kernel) {
            kernel.isOutOfMemory = true
            let error = #expect(throws: SystemCallError.self) {
                _ = try LoopCore(
                    clock: .monotonic, timers: 8, ready: 8, eventsPerTurn: 8, clockToken: Token(kind: 1, index: 0))
            }
            #expect(error?.errno == .outOfMemory)
        }
        #expect(kernel.opened.sorted() == kernel.closed.sorted())
    }

    @Test func aMappedBufferIsWrittenAndRead() throws {
        try withScriptedKernel(kernel) {
            guard let buffer = ByteBuffer(mapping: 100_000) else { throw Errno.outOfMemory }
            #expect(buffer.count == 100_000)
            unsafe buffer.room(100_000)[99_999] = 7
            #expect(unsafe buffer.prefix(100_000)[99_999] == 7)
            #expect(unsafe buffer.prefix(100_000)[0] == 0)
            kernel.isOutOfMemory = true
            switch ByteBuffer(mapping: 1) {
            case .some: Issue.record("there is no memory")
            case .none: break
            }
        }
    }

    @Test func theStartIsRefusedWithAnErrorOfTheCall() {
        withScriptedKernel(kernel) {
            #expect(throws: Never.self) { try MemoryLimit.checkRoom(1 << 20) }
            kernel.isOutOfMemory = true
            let error = #expect(throws: SystemCallError.self) { try MemoryLimit.checkRoom(3 << 20) }
            #expect(error?.description == "mmap 3 MiB: Cannot allocate memory")
        }
    }
}
