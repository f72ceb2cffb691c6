import Glibc

/// The backend that a client's address leads to: the same one for as long as it may be picked, in every loop and process,
/// after every restart.
///
/// Weighted rendezvous hashing (D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", 1998;
/// weights: J. Mosko, "Weighted rendezvous hashing", draft-ietf-bess-weighted-hrw). For each backend a number in (0, 1) is made
/// from its name and the client's key, and the backend with the greatest
///
/// ```
///   weight / -ln(number)
/// ```
///
/// gets the client. When a backend leaves, only its clients move, each to its next best; when it comes back they return, and
/// nobody else moves. How the numbers are made is fixed for all time: docs/balancing.md.
public struct SourceHash: Policy, Hashable {
    /// What the operator may set.
    public struct Settings: Hashable, Sendable {
        /// Clients whose addresses have the first so many bits in common are one client: of IPv4, 1 to 32.
        public var prefix4 = 32
        /// Of IPv6, 1 to 128. By default the 64 bits that are one subscriber's (RFC 4291, 2.5.1).
        public var prefix6 = 64
        /// No backend gets more than this share, in millionths, of the sessions that it would have if all had as many as
        /// their weights say: a client whose backend has them goes to its next best. nil for no such limit. HAProxy's
        /// `hash-balance-factor`; bounded loads (V. Mirrokni, M. Thorup, M. Zadimoghaddam, 2018).
        public var loadMax: Int?

        /// What ``loadMax`` may be: at 100 % all backends would be filled evenly, whatever the hash says.
        public static let loadMaxRange = 1_010_000...10_000_000

        /// The defaults.
        public init() {}
    }

    /// Candidates of the same share, whose numbers alone decide among them.
    private struct Group: Hashable {
        let share: Int32
        let entries: Range<Int>
    }

    private struct Entry: Hashable {
        let key: UInt64
        let place: Int
    }

    private struct Load: Hashable {
        var sessions: UInt64 = 0
        var share: UInt64 = 0
    }

    /// Whom a pass considers. Each includes the ones before.
    private enum Circle {
        case belowLimit
        case unsuspected
        case all
    }

    /// All candidates, by their shares.
    private var entries: [Entry] = []
    private var groups: [Group] = []
    /// In millionths; nil for no limit.
    private let loadMax: UInt64?
    /// Of the candidates that are up, while there is a limit on loads: by place, and the sums.
    private var loads: [Load] = []
    private var sum = Load()

    /// `loadMax` is ``Settings/loadMax``.
    public init(loadMax: Int? = nil) {
        self.loadMax = loadMax.map { UInt64($0) }
    }

    /// Sessions count only where loads are limited.
    public var followsSessions: Bool { loadMax != nil }

    /// The best that is not suspect and below its limit on loads; one beyond the limit, or a suspect one, only where there
    /// is no other.
    ///
    /// - Complexity: O(candidates): each has a number for each client.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        let client = Self.mix(request.clientKey)
        return best(in: .belowLimit, candidates, request, client)
            ?? (loadMax == nil ? nil : best(in: .unsuspected, candidates, request, client))
            ?? best(in: .all, candidates, request, client)
    }

    private func best(
        in circle: Circle, _ candidates: Span<Candidate>, _ request: borrowing PickRequest, _ client: UInt64
    ) -> Int? {
        var best: Int?
        var bestScore = -Double.infinity
        for group in groups {
            guard let (place, number) = greatest(of: group, circle, candidates, request, client) else { continue }
            // In the middle of one of 2^53 parts of (0, 1): never 0 and never 1.
            let fraction = (Double(number >> 11) + 0.5) * 0x1p-53
            let score = groups.count == 1 ? 0 : Double(group.share) / -log(fraction)
            if score > bestScore { (best, bestScore) = (place, score) }
        }
        return best
    }

    /// The one of a group with the greatest number. Of most only that is computed: the others are looked at when it is
    /// the greatest up to there.
    @inline(__always) private func greatest(
        of group: Group, _ circle: Circle, _ candidates: Span<Candidate>, _ request: borrowing PickRequest,
        _ client: UInt64
    ) -> (place: Int, number: UInt64)? {
        var place = -1
        var number: UInt64 = 0
        for index in group.entries {
            let next = Self.mix(entries[index].key ^ client)
            if next >= number, isIn(circle, entries[index].place, candidates, request) {
                (place, number) = (entries[index].place, next)
            }
        }
        return place < 0 ? nil : (place, number)
    }

    private func isIn(
        _ circle: Circle, _ place: Int, _ candidates: Span<Candidate>, _ request: borrowing PickRequest
    ) -> Bool {
        guard request.allows(candidates[place]) else { return false }
        return switch circle {
        case .belowLimit: !candidates[place].isSuspect && !isAboveLimit(place)
        case .unsuspected: !candidates[place].isSuspect
        case .all: true
        }
    }

    /// True when one session more would be above the limit: `loadMax` of what it would have if all sessions, with the new
    /// one, were spread by weight, rounded up.
    private func isAboveLimit(_ place: Int) -> Bool {
        guard let loadMax, sum.share > 0 else { return false }
        let whole = 1_000_000 * sum.share
        let most = (loadMax * (sum.sessions + 1) * loads[place].share + whole - 1) / whole
        return loads[place].sessions + 1 > most
    }

    /// Its sessions or its health have changed.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        guard loadMax != nil else { return }
        count(loads[place], out: true)
        loads[place] = Self.load(candidates[place])
        count(loads[place], out: false)
    }

    /// Names and weights are all that the choice depends on, besides limits on loads.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        var places = Array(candidates.indices)
        places.removeAll { candidates[$0].share == 0 }
        places.sort { (candidates[$0].share, $0) < (candidates[$1].share, $1) }
        entries.removeAll(keepingCapacity: true)
        groups.removeAll(keepingCapacity: true)
        for place in places {
            let (share, first) = (candidates[place].share, groups.last?.entries.lowerBound ?? 0)
            entries.append(Entry(key: candidates[place].scoreKey, place: place))
            if groups.last?.share == share {
                groups[groups.count - 1] = Group(share: share, entries: first..<entries.count)
            } else {
                groups.append(Group(share: share, entries: entries.count - 1..<entries.count))
            }
        }
        guard loadMax != nil else { return }
        loads.removeAll(keepingCapacity: true)
        sum = Load()
        for place in candidates.indices {
            loads.append(Self.load(candidates[place]))
            count(loads[place], out: false)
        }
    }

    private mutating func count(_ load: Load, out: Bool) {
        sum.sessions = out ? sum.sessions - load.sessions : sum.sessions + load.sessions
        sum.share = out ? sum.share - load.share : sum.share + load.share
    }

    private static func load(_ candidate: Candidate) -> Load {
        candidate.isUp ? Load(sessions: UInt64(candidate.sessions), share: UInt64(candidate.share)) : Load()
    }

    /// A bijection of 64 bits in which each bit of the argument changes each of the result with probability 1/2: the last
    /// steps of SplitMix64 (S. Vigna; D. Stafford's variant 13).
    static func mix(_ value: UInt64) -> UInt64 {
        var value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Which clients are one client for a hashing policy: those whose addresses begin with the same bits.
public struct ClientPrefix: Hashable, Sendable {
    private let mask4: UInt32
    private let high6: UInt64
    private let low6: UInt64

    /// As many bits of an IPv4 address, and of an IPv6 address.
    public init(prefix4: Int, prefix6: Int) {
        mask4 = UInt32.max << UInt32(32 - prefix4)
        high6 = UInt64.max << UInt64(max(0, 64 - prefix6))
        low6 = prefix6 > 64 ? UInt64.max << UInt64(128 - prefix6) : 0
    }

    /// The key of an IPv4 address: its first bits, the others 0.
    @inline(__always) public func key(_ host: UInt32) -> UInt64 { UInt64(host & mask4) }

    /// The key of an IPv6 address: the first half, with what counts of the second half mixed in.
    @inline(__always) public func key(high: UInt64, low: UInt64) -> UInt64 {
        high & high6 ^ SourceHash.mix(low & low6)
    }
}
