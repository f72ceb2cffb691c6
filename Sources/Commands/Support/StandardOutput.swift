import Glibc
import Reactor
import Synchronization

/// What `print` has written and the kernel has not taken yet.
public enum StandardOutput {
    /// The number of the first error; 0 when there was none. Relaxed suffices: nothing else is published with it.
    private static let errorNumber = Atomic<Int32>(0)

    /// Writes what is buffered. An error is remembered, since the C library discards what it could not write, and the
    /// program ends with that error.
    public static func flush() {
        guard fflush(nil) != 0 else { return }
        _ = errorNumber.compareExchange(expected: 0, desired: errno, ordering: .relaxed)
    }

    /// Why standard output has not taken everything. A reader that has gone wants no more: that is no error.
    static var fault: Errno? {
        let number = errorNumber.load(ordering: .relaxed)
        return number == 0 || number == EPIPE ? nil : Errno(rawValue: number)
    }
}
