/// Ends the wait of a loop from another thread: eventfd(2).
public struct Waker: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Opens an eventfd.
    public init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(kernel.eventCreate(), "eventfd"))
    }

    /// Adds it to the poller of the loop whose wait it ends.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .arrivals)
    }

    /// Makes an event in the loop. Several calls before the loop has run make one event. Safe from any thread.
    public func wake() {
        var one: UInt64 = 1
        _ = unsafe withUnsafeBytes(of: &one) { unsafe kernel.write(descriptor.rawValue, $0) }
    }

    /// For a thread without a loop: waits for a ``wake()``, at most so long (-1: without a limit); false when there was
    /// none. An event that a loop has not drained counts as well.
    public func wait(milliseconds: CInt) -> Bool {
        guard kernel.isReadable(descriptor.rawValue, milliseconds: milliseconds) else { return false }
        drain()
        return true
    }

    /// To be called when the event arrives, so that the counter never fills up.
    public func drain() {
        var count: UInt64 = 0
        _ = unsafe withUnsafeMutableBytes(of: &count) { unsafe kernel.read(descriptor.rawValue, $0) }
    }
}
