/// A backend as a policy sees it: the inputs of an algorithm, without sockets.
///
/// A loop keeps the candidates of each pool in one array, in the order of the configuration, and changes them in place;
/// a pick copies nothing. All numbers are this loop's own: with several loops each balances what it accepts.
public struct Candidate: Hashable, Sendable {
    /// The backend's id; never reused.
    public let id: TargetID
    /// The place of its state in ``Targets``, which `TriedTargets` uses as well; -1 while its name has no address.
    let place: Int32
    /// Its share relative to the others', 0 to ``Limits/weightMax``. At 0 it gets no new sessions.
    public internal(set) var weight: Int32
    /// Sessions connected or connecting to it; only maintained for policies with ``Policy/followsSessions``, and where
    /// there is a limit.
    public internal(set) var sessions: Int32 = 0
    /// The most sessions that this loop may send to it.
    public internal(set) var sessionsMax = Int32.max
    /// True when it may get new sessions: its health allows them, it has an address and a weight above 0, and if it is a
    /// backup, it is needed.
    public internal(set) var isUp: Bool
    /// The last connect to it failed: a policy may avoid it before a probe has judged.
    public internal(set) var isSuspect = false
    /// It is up only while no other backend of the pool is, besides further backups.
    public let isBackup: Bool
    /// A hash of its name, the same in every process and version: the key for hashing policies.
    public let scoreKey: UInt64

    /// True when it has as many sessions as it may have.
    @inline(__always) public var isFull: Bool { sessions >= sessionsMax }

    init(id: TargetID, place: Int32, weight: Int32, isUp: Bool, isBackup: Bool = false, scoreKey: UInt64) {
        self.id = id
        self.place = place
        self.weight = weight
        self.isUp = isUp
        self.isBackup = isBackup
        self.scoreKey = scoreKey
    }

    /// FNV-1a, 64 bits (draft-eastlake-fnv). Swift's own `Hasher` has another seed in each process.
    static func scoreKey(of name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// The session that a backend is picked for.
public struct PickRequest {
    /// The backends that were already tried for the session: none of them is picked again.
    let tried: TriedTargets
    /// The key for hashing policies: the client's address without its port, IPv6 by its first 64 bits.
    public let clientKey: UInt64

    /// True for a session that an earlier pick has failed: it comes once more, and is no new client.
    @inline(__always) public var hasTried: Bool { !tried.isEmpty }

    /// True when `candidate` may be picked.
    @inline(__always) public func allows(_ candidate: Candidate) -> Bool {
        candidate.isUp && !candidate.isFull && !tried.contains(Int(candidate.place))
    }
}
