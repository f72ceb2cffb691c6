import NIOCore
import Synchronization

/// The way of other threads to the server's event loop. It stays when the loop has ended: answers of the balancer may
/// come later, and are then dropped.
final class LoopDoor: Sendable {
    /// The server's event loop.
    let eventLoop: any EventLoop
    private let isOpen = Mutex(true)
    /// True while a body of ``runOnce(_:)`` waits for its turn.
    private let isWaiting = Atomic(false)

    /// A way to this loop.
    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Runs `body` on the loop soon.
    func run(_ body: @escaping @Sendable () -> Void) {
        // With the lock held, so that nothing is handed to a loop that has ended.
        isOpen.withLock { isOpen in
            if isOpen { eventLoop.execute(body) }
        }
    }

    /// Like ``run(_:)``, but once for all calls until it has begun: a burst of events costs the callers one wake-up.
    func runOnce(_ body: @escaping @Sendable () -> Void) {
        guard !isWaiting.exchange(true, ordering: .acquiringAndReleasing) else { return }
        run { [self] in
            isWaiting.store(false, ordering: .releasing)
            body()
        }
    }

    /// Runs `body` on the loop, waits for that, and closes the way: nothing runs any more. Without effect the second time.
    func runLast(_ body: @escaping @Sendable () -> Void) {
        let end = isOpen.withLock { isOpen -> EventLoopFuture<Void>? in
            guard isOpen else { return nil }
            isOpen = false
            return eventLoop.submit(body)
        }
        try? end?.wait()
    }
}
