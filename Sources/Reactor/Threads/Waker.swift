/// Wakes a loop that waits, from another thread: eventfd(2).
public struct Waker: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Opens an eventfd.
    public init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(kernel.eventCreate(), "eventfd"))
    }

    /// Adds it to the poller of the loop that is to be woken.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .arrivals)
    }

    /// Makes an event in the loop. Several before the loop has run make one. Safe from any thread.
    public func wake() {
        var one: UInt64 = 1
        _ = unsafe withUnsafeBytes(of: &one) { unsafe kernel.write(descriptor.rawValue, $0) }
    }

    /// To be called when its event arrives, so that the counter never fills.
    public func drain() {
        var count: UInt64 = 0
        _ = unsafe withUnsafeMutableBytes(of: &count) { unsafe kernel.read(descriptor.rawValue, $0) }
    }
}
