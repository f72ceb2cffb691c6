/// A value that several threads share, behind a ``Lock``.
///
/// Unchecked `Sendable`: the value is only reached with the lock held, which the compiler cannot see.
public final class Guarded<Value>: @unchecked Sendable {
    private let lock = Lock()
    private var value: Value

    /// Shares `value`.
    public init(_ value: sending Value) { self.value = value }

    /// Runs `body` with the lock held: it must be short, and take no other lock.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
