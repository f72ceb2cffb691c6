/// Something that is made on one thread and used by another, such as a poller.
///
/// Unchecked `Sendable`: only the thread to which it is handed uses it, which the compiler cannot see: a closure that may run
/// on another thread cannot capture a value that is not copied.
public final class Handed<Value: ~Copyable>: @unchecked Sendable {
    /// For that thread alone.
    public let value: Value

    /// Takes it from the thread that has made it.
    public init(_ value: consuming Value) { self.value = value }
}
