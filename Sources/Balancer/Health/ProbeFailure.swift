import Reactor

/// Why a probe failed.
enum ProbeFailure: Hashable, Sendable {
    /// It did not connect in time.
    case timeout
    /// A system call failed, or the connect did.
    case error(Errno)
    /// The backend's name has no address, for this reason.
    case noAddress(String)
}
