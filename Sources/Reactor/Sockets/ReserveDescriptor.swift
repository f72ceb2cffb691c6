import Glibc

/// A descriptor kept in reserve, so that when none is left a client can still be accepted and told by a close that it
/// will not be served; without it the client would wait in the backlog and the listener would report it for ever.
/// The idea is libuv's.
public struct ReserveDescriptor: ~Copyable {
    private var descriptor: FileDescriptor

    /// Opens the reserve; it is empty when there is no descriptor to be had.
    public init() {
        descriptor = Self.open()
    }

    private static func open() -> FileDescriptor {
        FileDescriptor(owning: max(-1, kernel.open("/dev/null", flags: O_RDONLY)))
    }

    /// Gives up the reserve for a moment to accept one waiting connection and close it; one that ended before it was
    /// accepted is as good as turned away. False when nobody was waiting, or when another took the descriptor.
    public mutating func turnAway(at listener: borrowing Listener) -> Bool {
        accept(at: listener) { _ in }
    }

    /// The same with something to say before the close.
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
