import Foundation
import Reactor
import Testing

/// A clock that stands still; all else is real.
private final class StoppedKernel: ForwardingKernel {
    let nanoseconds: UInt64

    init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    override func monotonicNanoseconds() -> UInt64 { nanoseconds }
}

private struct Failure: Error {}

/// Where another thread puts what it read.
private final class Reading: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private var value: UInt64 = 0

    func set(_ value: UInt64) {
        self.value = value
        done.signal()
    }

    func get() -> UInt64? { done.wait(timeout: .now() + 20) == .success ? value : nil }
}

private func now() -> UInt64 { Clock.monotonic.now().nanoseconds }

@Suite struct ScriptedKernelTests {
    @Test func theScriptAnswersWhileTheBodyRuns() {
        #expect(withScriptedKernel(StoppedKernel(nanoseconds: 5)) { now() } == 5)
        #expect(now() > 5)
    }

    @Test func anotherThreadHasTheRealKernel() throws {
        let reading = Reading()
        let value = withScriptedKernel(StoppedKernel(nanoseconds: 5)) {
            Thread.detachNewThread { reading.set(now()) }
            return reading.get()
        }
        #expect(try #require(value) > 5)
    }

    @Test func theOuterScriptIsBackAfterTheInner() {
        withScriptedKernel(StoppedKernel(nanoseconds: 5)) {
            withScriptedKernel(StoppedKernel(nanoseconds: 6)) {
                #expect(now() == 6)
            }
            #expect(now() == 5)
            withScriptedKernel(StoppedKernel(nanoseconds: 7)) {
                #expect(now() == 7)
            }
            #expect(now() == 5)
        }
        #expect(now() > 7)
    }

    @Test func anErrorEndsTheScriptAsWell() {
        #expect(throws: Failure.self) {
            try withScriptedKernel(StoppedKernel(nanoseconds: 5)) { throw Failure() }
        }
        #expect(now() > 5)
    }

    @Test func theScriptIsReleased() {
        weak var weakly: StoppedKernel?
        do {
            let kernel = StoppedKernel(nanoseconds: 5)
            weakly = kernel
            withScriptedKernel(kernel) { #expect(now() == 5) }
        }
        #expect(weakly == nil)
    }
}
