import Glibc

/// Descriptors that are kept open for nothing, to be closed when the process has none left for a client of
/// administration.
final class SpareDescriptors {
    /// How many there are.
    static let most = 8
    /// How many of them are kept for clients of the Unix socket.
    static let keptForSocket = 4

    private var spares: [CInt] = []

    deinit { closeAll() }

    /// Whether the process has room for these, and for the few that an event loop opens.
    static func hasRoom() -> Bool {
        let ofLoop = 8
        var descriptors: [CInt] = []
        defer { for descriptor in descriptors { _ = close(descriptor) } }
        while descriptors.count < most + ofLoop {
            let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            descriptors.append(descriptor)
        }
        return true
    }

    /// Opens those that are missing; true when there are all.
    @discardableResult
    func refill() -> Bool {
        while spares.count < Self.most {
            let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            spares.append(descriptor)
        }
        return true
    }

    /// Closes one, so that a client can be accepted; false when there is none for it.
    func release(for kind: ListenSocket.Kind) -> Bool {
        guard spares.count > (kind == .tcp ? Self.keptForSocket : 0), let descriptor = spares.popLast() else {
            return false
        }
        _ = close(descriptor)
        return true
    }

    /// Closes all of them.
    func closeAll() {
        for descriptor in spares { _ = close(descriptor) }
        spares = []
    }
}
