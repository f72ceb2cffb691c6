import Reactor

/// A value that several threads share, behind a lock that the thread sanitizer knows: see `Lock`.
///
/// Unchecked `Sendable`: the value is only accessed with the lock held.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = Lock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
