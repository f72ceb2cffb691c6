import Glibc

/// A descriptor kept in reserve, so that when none is left a client can still be accepted and closed at once. Without
/// it the client would wait in the backlog until a descriptor is free or it gives up. The idea is libuv's.
public struct ReserveDescriptor: ~Copyable {
    private var descriptor: FileDescriptor

    /// Opens the reserve. It is empty when no descriptor is left.
    public init() {
        descriptor = Self.open()
    }

    private static func open() -> FileDescriptor {
        FileDescriptor(owning: max(-1, kernel.open("/dev/null", flags: O_RDONLY)))
    }

    /// False when no descriptor was left for the reserve itself.
    public var isOpen: Bool { descriptor.isOpen }

    /// Closes the reserve for a moment to accept one waiting connection and close it. A connection that ended before it
    /// was accepted counts as turned away. False when none was waiting, or when another thread took the descriptor.
    public mutating func turnAway(at listener: borrowing Listener) -> Bool {
        accept(at: listener) { _ in }
    }

    /// The same, with a function that may write to the connection before the close.
    public mutating func accept(at listener: borrowing Listener, _ serve: (borrowing Stream) -> Void) -> Bool {
        if !descriptor.isOpen {
            descriptor = Self.open()
            if !descriptor.isOpen { return false }
        }
        descriptor = .empty
        let isOne = Self.acceptAndClose(at: listener, serve)
        descriptor = Self.open()
        return isOne
    }

    private static func acceptAndClose(at listener: borrowing Listener, _ serve: (borrowing Stream) -> Void) -> Bool {
        switch listener.accept() {
        case .accepted(let stream, _):
            serve(stream)
            return true
        case .wouldBlock: return false
        case .aborted: return true
        case .exhausted: return false
        }
    }
}
