import Reactor

/// What limits the attempts to connect for one session of a pool: ``Configuration/Retries``, in the units of the data path.
struct ConnectLimits: Hashable {
    private let attempts: UInt16
    /// In nanoseconds; `.max` for none.
    private let time: UInt64

    init(_ retries: Configuration.Retries) {
        attempts = UInt16(clamping: retries.max ?? .max)
        time = retries.timeout?.wholeNanoseconds ?? .max
    }

    /// Why a session that was accepted at `accepted` gets no attempt after so many; nil when it may get one. The first
    /// is never refused.
    @inline(__always) func reached(_ count: UInt16, accepted: Instant, now: Instant) -> ConnectLimit? {
        guard count > 0 else { return nil }
        if count >= attempts { return .attempts }
        return now >= end(accepted) ? .time : nil
    }

    /// When the time for all attempts of a session is over.
    @inline(__always) func end(_ accepted: Instant) -> Instant { accepted.advanced(nanoseconds: time) }
}
