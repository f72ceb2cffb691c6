import Glibc
import Reactor

/// What is counted, per backend and in total. Counters never decrease.
enum Counter: Int, CaseIterable {
    /// Clients accepted. Only in total.
    case accepted
    /// Bytes written to the backend's socket.
    case bytesUp
    /// Bytes written to the client's socket.
    case bytesDown
    /// Bytes that were read and not delivered to the other side.
    case bytesDiscarded
    /// Attempts to connect to a backend.
    case connects
    /// Ends of what ``connects`` began: a failed attempt, or the end of a session. Only per backend: the difference is the
    /// number of sessions that are on it.
    case disconnects
    /// Attempts to connect that follow a failed one: each is on another backend.
    case redispatches
    /// Times that a backend got no clients for a while, for what others had met there: ``PassiveHealth``. Only per backend.
    case ejections
    /// Events for an owner that had ended earlier in the same batch, or whose place was reused. Only in total.
    case staleEvents
    /// Stalls of the process. Only in total.
    case stalls
    /// Nanoseconds that stalls lasted. Only in total.
    case stalledNanoseconds

    /// Clients that were closed at the accept: their network may not come. Only in total.
    case denied
    /// Clients that were closed at the accept: they had as much as they may. Only in total.
    case overLimit
    /// Clients that were closed at the accept: a PROXY header of theirs would not be believed. Only in total.
    case untrusted

    // How sessions ended: ``EndReason``.
    case endedFinished, endedReset, endedIdle, endedHalfClosed, endedSessionAge, endedBackendDown,
        endedBackendRemoved, endedRebalanced, endedNoBackend, endedBackendsFull, endedQueueFull, endedQueueTimeout,
        endedConnectFailed, endedAbandoned, endedDenied, endedClientLimit, endedBadHeader, endedPrefaceTimeout,
        endedNoRoute,
        endedShortage
    case endedKilled, endedCut

    // Why attempts to connect failed: ``Counter/init(failure:)``.
    case failedRefused, failedTimedOut, failedUnreachable, failedReset, failedNoDescriptor, failedNoPort, failedNoMemory
    case failedOtherwise

    /// Times that bytes of sessions waited for a side that did not take them, when that was over: for clients, and for
    /// backends. In microseconds. Only per backend.
    case clientStallMicroseconds, backendStallMicroseconds
    /// Nanoseconds for which a listener has accepted nobody. Only per listener.
    case pausedNanoseconds

    /// How many there are.
    static var count: Int { Counter.pausedNanoseconds.rawValue + 1 }
}

extension EndReason {
    var counter: Counter {
        switch self {
        case .finished: .endedFinished
        case .reset: .endedReset
        case .idle: .endedIdle
        case .halfClosed: .endedHalfClosed
        case .sessionAge: .endedSessionAge
        case .backendDown: .endedBackendDown
        case .backendRemoved: .endedBackendRemoved
        case .rebalanced: .endedRebalanced
        case .noBackend: .endedNoBackend
        case .backendsFull: .endedBackendsFull
        case .queueFull: .endedQueueFull
        case .queueTimeout: .endedQueueTimeout
        case .connectFailed: .endedConnectFailed
        case .abandoned: .endedAbandoned
        case .denied: .endedDenied
        case .clientLimit: .endedClientLimit
        case .badHeader: .endedBadHeader
        case .prefaceTimeout: .endedPrefaceTimeout
        case .noRoute: .endedNoRoute
        case .shortage: .endedShortage
        case .killed: .endedKilled
        case .cut: .endedCut
        }
    }
}

extension Counter {
    /// Why an attempt to connect failed: errno(3) values, grouped by what an operator would do about them.
    init(failure errno: Errno) {
        self =
            switch errno.rawValue {
            // EAGAIN: the queue of a Unix socket's listener is full (connect(2)).
            case ECONNREFUSED, EAGAIN: .failedRefused
            case ETIMEDOUT: .failedTimedOut
            case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN: .failedUnreachable
            case ECONNRESET, EPIPE, ECONNABORTED: .failedReset
            case EMFILE, ENFILE: .failedNoDescriptor
            case EADDRNOTAVAIL, EADDRINUSE: .failedNoPort
            case ENOMEM, ENOBUFS: .failedNoMemory
            default: .failedOtherwise
            }
    }
}
