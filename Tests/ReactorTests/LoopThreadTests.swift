import Foundation
import Glibc
import Synchronization
import Testing

@testable import Reactor

/// What threads leave for the test.
private final class Notes: Sendable {
    let names = Mutex<[String]>([])
    let count = Atomic(0)
    let lock = Lock()
    /// Only touched with the lock.
    nonisolated(unsafe) var number = 0

    func noteName() {
        let name = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
        names.withLock { $0.append(name) }
    }
}

private final class ClockKernel: ForwardingKernel {
    override func monotonicNanoseconds() -> UInt64 { 42 }
}

@Suite struct LoopThreadTests {
    @Test func itHasANameAndIsWaitedFor() throws {
        let notes = Notes()
        let thread = try LoopThread(name: "balancer/63 and more") { notes.noteName() }
        thread.join()
        #expect(notes.names.withLock { $0 } == ["balancer/63 and\n"])
    }

    @Test func oneThatIsNotWaitedForRunsAllTheSame() throws {
        let notes = Notes()
        _ = try LoopThread(name: "left") { notes.count.add(1, ordering: .relaxed) }
        #expect(eventually { notes.count.load(ordering: .relaxed) == 1 })
    }

    @Test func itsKernelIsItsMakers() throws {
        let notes = Notes()
        let read: @Sendable () -> Void = {
            notes.count.store(Int(Clock.monotonic.now().nanoseconds), ordering: .relaxed)
        }
        try withScriptedKernel(ClockKernel()) { try LoopThread(name: "scripted", read).join() }
        #expect(notes.count.load(ordering: .relaxed) == 42)
        try LoopThread(name: "real", read).join()
        #expect(notes.count.load(ordering: .relaxed) > 42)
    }

    /// What a thread closes last of all are its maker's descriptors too: with the machine's kernel it would close another's.
    @Test func itsKernelIsThereUntilNothingOfItIsLeft() throws {
        final class Last: Sendable {
            let notes: Notes
            init(_ notes: Notes) { self.notes = notes }
            deinit { notes.count.store(Int(Clock.monotonic.now().nanoseconds), ordering: .relaxed) }
        }
        let notes = Notes()
        /// The maker has let go of the body, so the thread has the last reference.
        func start() throws -> LoopThread {
            let last = Last(notes)
            return try LoopThread(name: "scripted") {
                while notes.count.load(ordering: .relaxed) == 0 { sched_yield() }
                withExtendedLifetime(last) {}
            }
        }
        try withScriptedKernel(ClockKernel()) {
            let thread = try start()
            notes.count.store(1, ordering: .relaxed)
            thread.join()
        }
        #expect(notes.count.load(ordering: .relaxed) == 42)
    }

    @Test func theLockIsHeldByOne() throws {
        let notes = Notes()
        var threads = Slab<LoopThread>(capacity: 4)
        for _ in 0..<4 {
            let thread = try LoopThread(name: "counts") {
                for _ in 0..<10_000 {
                    notes.lock.lock()
                    unsafe notes.number += 1
                    notes.lock.unlock()
                }
            }
            _ = threads.insert(thread)
        }
        for place in 0..<4 { threads.remove(at: place).join() }
        #expect(unsafe notes.number == 40_000)
    }
}
