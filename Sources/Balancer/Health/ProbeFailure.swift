import Reactor

/// Why a probe failed.
enum ProbeFailure: Hashable, Sendable {
    /// It did not connect in time.
    case timeout
    /// It answered something else than was wanted, or ended before it had answered: why, in words.
    case answer(String)
    /// A system call failed, or the connect did.
    case error(Errno)
    /// The address is one of the balancer's own listeners.
    case itself
    /// The backend's name has no address, for this reason.
    case noAddress(String)
}
