import Reactor

/// The rate of a listener as a whole, for all loops: a ``TokenBucket`` under a lock; without one everything may come.
///
/// Unchecked: accessed only with the lock held, which the compiler cannot see.
final class SharedRate: @unchecked Sendable {
    private let lock = Lock()
    private var bucket: TokenBucket?
    /// Tokens that were taken and were not there: of several loops that have seen the same one, each may have had a client.
    private var owed = 0

    /// As many loops as there may be, and one.
    private static let owedMax = 64

    /// A full bucket; nil for no limit. Clocks are in nanoseconds.
    init(_ rate: Rate?, burst: Int? = nil, now: UInt64) {
        bucket = rate.map { TokenBucket($0, burst: burst, now: now) }
    }

    /// Takes a token for somebody who has come: several may have seen the same one, and then the next come later.
    func charge(now: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        if bucket?.take(now: now) == false { owed = min(owed + 1, Self.owedMax) }
    }

    /// Gives a token back that was taken for nobody.
    func giveBack() {
        lock.lock()
        defer { lock.unlock() }
        if owed > 0 { owed -= 1 } else { bucket?.giveBack() }
    }

    /// The nanoseconds until there is a token, 0 when there is one.
    func wait(now: UInt64) -> UInt64 {
        lock.lock()
        defer { lock.unlock() }
        while owed > 0, bucket?.take(now: now) == true { owed -= 1 }
        return bucket?.wait(now: now) ?? 0
    }

    /// Another rate from now on. Tokens stay, as far as they fit; where there was no limit the bucket is full.
    func change(to rate: Rate?, burst: Int? = nil, now: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        guard let rate else {
            (bucket, owed) = (nil, 0)
            return
        }
        if bucket?.change(to: rate, burst: burst, now: now) == nil {
            bucket = TokenBucket(rate, burst: burst, now: now)
        }
    }
}
