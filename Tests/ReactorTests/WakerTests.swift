import Foundation
import Reactor
import Testing

private let token = Token(kind: 4, index: 0)

/// Keeps what reads returned.
private final class ReadingKernel: ForwardingKernel {
    var reads: [(result: Int, count: UInt64)] = []

    override func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let result = unsafe super.read(descriptor, buffer)
        reads.append((result, result == 8 ? unsafe buffer.loadUnaligned(as: UInt64.self) : 0))
        return result
    }
}

/// Shares a waker between threads, as a loop's owner does.
private final class Shared: Sendable {
    let waker: Waker

    init() throws { waker = try Waker() }
}

@Suite struct WakerTests {
    @Test func anotherThreadEndsTheWait() throws {
        let poller = try Poller()
        let shared = try Shared()
        #expect(shared.waker.add(to: poller, token) == nil)
        var events = EventBuffer(capacity: 4)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
        Thread.detachNewThread { shared.waker.wake() }
        try poller.wait(into: &events)
        try #require(events.count == 1)
        #expect(events[0].token == token)
    }

    @Test func severalWakesMakeOneEvent() throws {
        let kernel = ReadingKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            let waker = try Waker()
            #expect(waker.add(to: poller, token) == nil)
            var events = EventBuffer(capacity: 4)
            for _ in 0..<2 {
                kernel.reads = []
                for _ in 0..<3 { waker.wake() }
                try poller.poll(into: &events, timeout: .immediately)
                #expect(events.count == 1)
                waker.drain()
                #expect(kernel.reads.map(\.count) == [3])
                try poller.poll(into: &events, timeout: .immediately)
                #expect(events.count == 0)
            }
        }
    }

    @Test func drainingInVainDoesNotWait() throws {
        let kernel = ReadingKernel()
        try withScriptedKernel(kernel) {
            let waker = try Waker()
            waker.drain()
            #expect(kernel.reads.map(\.result) == [-Int(EAGAIN)])
        }
    }
}
