/// A backend as a policy sees it: the inputs of an algorithm, without sockets.
///
/// A loop keeps the candidates of each pool in one array, in the order of the configuration, and changes them in place;
/// a pick copies nothing. With several loops ``sessions`` and ``sessionsMax`` are those of all loops together.
public struct Candidate: Hashable, Sendable {
    /// The backend's id; never reused.
    public let id: TargetID
    /// The place of its state in ``Targets``, which `TriedTargets` uses as well; -1 while its name has no address.
    let place: Int32
    /// Its share relative to the others', 0 to ``Limits/weightMax``. At 0 it gets no new sessions.
    public internal(set) var weight: Int32
    /// How much of its weight counts, in percent: less than 100 while it starts slowly (``SlowStart``), and as much as an
    /// operator has set (``TargetSteering/Weight``).
    public internal(set) var percent: Int32 = 100
    /// Sessions of all loops connected or connecting to it; only maintained for policies with
    /// ``Policy/followsSessions``, and where there is a limit. Of other loops' sessions it is a recent number:
    /// ``SharedLoad``.
    public package(set) var sessions: Int32 = 0
    /// The most sessions that may be sent to it.
    public internal(set) var sessionsMax = Int32.max
    /// True when it may get new sessions: its health allows them, it has an address and a weight above 0, and if it is a
    /// backup, it is needed.
    public internal(set) var isUp: Bool
    /// A client's connect to it has failed, or has had no answer for long, and neither a connect nor a probe has succeeded
    /// since: it is picked after all others.
    public internal(set) var isSuspect = false
    /// It is up only while no other backend of the pool is, besides further backups.
    public let isBackup: Bool
    /// A hash of its name, the same in every process and version: the key for hashing policies.
    public let scoreKey: UInt64

    /// True when it has as many sessions as it may have.
    @inline(__always) public var isFull: Bool { sessions >= sessionsMax }

    /// True when it may be picked for a client that has not tried it.
    @inline(__always) public var isAvailable: Bool { isUp && !isFull }

    /// What of its weight counts now, in hundredths of a weight of 1.
    @inline(__always) public var share: Int32 { weight * percent }

    /// What its load would be with one session more, relative to its share: the policies that balance by load compare
    /// this. In units of 2^-24 sessions per share; a weight of 0 has the greatest.
    ///
    /// With the session that is to come, and not without it, so that of backends without sessions the one with the most
    /// weight is first.
    @inline(__always) public var nextLoad: UInt64 {
        share > 0 ? (UInt64(sessions) + 1) << 24 / UInt64(share) : .max
    }

    package init(id: TargetID, place: Int32, weight: Int32, isUp: Bool, isBackup: Bool = false, scoreKey: UInt64) {
        self.id = id
        self.place = place
        self.weight = weight
        self.isUp = isUp
        self.isBackup = isBackup
        self.scoreKey = scoreKey
    }

    /// FNV-1a, 64 bits (draft-eastlake-fnv). Swift's own `Hasher` has another seed in each process.
    package static func scoreKey(of name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// The session that a backend is picked for.
public struct PickRequest {
    /// The backends that were already tried for the session: none of them is picked again.
    let tried: TriedTargets
    /// The key for hashing policies: see ``ClientPrefix``.
    public let clientKey: UInt64

    package init(tried: TriedTargets, clientKey: UInt64) {
        self.tried = tried
        self.clientKey = clientKey
    }

    /// True for a session that an earlier pick has failed: it comes once more, and is no new client.
    @inline(__always) public var hasTried: Bool { !tried.isEmpty }

    /// True when `candidate` may be picked.
    @inline(__always) public func allows(_ candidate: Candidate) -> Bool {
        candidate.isAvailable && !tried.contains(Int(candidate.place))
    }
}
