import Reactor

/// One loop's state of one backend at one address. A backend that moves gets a new state, and the old one is kept until
/// its last session has ended: so a session's record has the address that the session connected to.
struct TargetState: ~Copyable {
    let id: TargetID
    let address: SocketAddress
    /// What the operator calls it; nil where that is its name or address.
    let label: String?
    /// Its identity in its pool, for lines of the log.
    let name: String
    /// The place of its pool.
    let pool: Int
    /// The name of its pool, which may have left when a session ends.
    let poolName: String
    let poolID: PoolID
    /// Its place among the candidates of its pool; -1 once it has left the roster, or has moved.
    var position: Int
    /// Sessions that are on it, and sessions that tried it and are not connected yet. A state that has left the roster
    /// is removed with the last of them.
    var holds: Int32 = 0
    /// Sessions connected or connecting to it.
    var sessions: Int32 = 0
    /// ``Candidate/sessions`` is maintained: the policy of its pool needs it (``Policy/followsSessions``), or it has a
    /// limit.
    private(set) var isFollowed = false
    /// A copy of ``Candidate/isSuspect``, and what makes it so.
    var suspicion = Suspicion()
    /// How many of its idle sessions are to end, so that others have them: ``Configuration/Rebalance``.
    var surplus: Int32 = 0
    /// How much of its weight it has while it starts slowly, in percent.
    var percent = SlowStart.percentMax
    /// How much of its weight an operator lets it have, in percent.
    var steeredPercent: Int32
    /// How often it had come back from being down or ejected, as the loop knows it.
    var comebacks: UInt32
    /// It has joined a pool that served already: it starts slowly when it is up for the first time.
    var isNew = false
    /// What sockets of sessions are bound to; nil when that is not needed.
    var boundSource: SocketAddress?
    /// Several sources of its connections; otherwise ``boundSource`` counts.
    var sources: SourceTurns
    /// What its probes have shown, as the loop knows it.
    var probes: ProbeHistory
    /// The timeouts of its sessions: those of its pool.
    var timeouts: SessionTimeouts
    /// TCP_USER_TIMEOUT of its sockets, in milliseconds; 0 for the kernel's own time.
    var userTimeout: CInt
    /// Keepalive of its sockets, once a session has lasted; nil for none.
    var keepalive: Keepalive?
    /// The header with which its sessions begin; nil for none.
    var proxy: Configuration.ProxySend?
    /// What connects to it meet in a drill; ``TargetSteering/State/ready`` outside of one.
    var drill = TargetSteering.State.ready
    /// Why its sessions are to end; nil while they may go on.
    var closing: EndReason?
    /// Connections held ready for new sessions.
    var warm: WarmConnections
    /// A socket can only connect to itself when the backend's port is in the range from which the kernel takes source
    /// ports; for other backends the check is skipped.
    let mayMeetItself: Bool
    /// This loop's counters of it.
    let cells: CounterCells
    /// Keeps `cells` alive, and has what all loops share.
    private let counters: TargetCounters

    init(
        _ entry: TargetEntry, at address: SocketAddress, pool: Int, named poolName: String, _ poolID: PoolID,
        position: Int,
        _ settings: PoolSettings, warmMax: Int, loop: Int, ephemeralPortMin: UInt16
    ) {
        id = entry.id
        self.address = address
        label = entry.label
        name = entry.name
        self.pool = pool
        self.poolName = poolName
        self.poolID = poolID
        self.position = position
        boundSource = entry.boundSource
        sources = SourceTurns(settings.sources(towards: address))
        probes = entry.probes
        comebacks = entry.comebacks
        timeouts = SessionTimeouts(settings.timeouts, settings.socketOptions.keepalive)
        userTimeout = settings.socketOptions.userTimeoutMilliseconds
        keepalive = settings.socketOptions.keepalive?.settings
        proxy = settings.proxy
        drill = entry.drill
        steeredPercent = entry.steeredPercent
        warm = WarmConnections(max: warmMax)
        mayMeetItself = address.port >= ephemeralPortMin
        counters = entry.counters
        cells = entry.counters.cells(ofLoop: loop)
    }

    /// How much of its weight counts, in percent: what an operator lets it have of what it has while it starts slowly.
    var percentNow: Int32 { max(1, percent * steeredPercent / 100) }

    /// Its pool has other settings: they hold for its sessions at their next check, and for its next sockets.
    mutating func set(_ settings: PoolSettings) {
        sources = SourceTurns(settings.sources(towards: address))
        timeouts = SessionTimeouts(settings.timeouts, settings.socketOptions.keepalive)
        userTimeout = settings.socketOptions.userTimeoutMilliseconds
        keepalive = settings.socketOptions.keepalive?.settings
        proxy = settings.proxy
    }

    /// A socket for a connection to it, not connected yet.
    mutating func makeStream() throws(Errno) -> Stream {
        let stream = try Stream(for: address, from: sources.take() ?? boundSource)
        guard !address.isUnix else { return stream }
        stream.keepUrgentInline()
        if userTimeout > 0 { stream.setUserTimeout(milliseconds: userTimeout) }
        return stream
    }

    /// True when it gets no more sessions: it was removed from the roster, or has moved.
    var hasLeft: Bool { position < 0 }

    /// It leaves: its sessions count no more for its pool.
    mutating func leave() {
        follow(false)
        surplus = 0
        position = -1
    }

    // MARK: sessions of all loops

    /// Whether its sessions are to count in ``Candidate/sessions``.
    mutating func follow(_ isFollowed: Bool) {
        guard isFollowed != self.isFollowed else { return }
        self.isFollowed = isFollowed
        _ = counters.load.change(by: isFollowed ? sessions : -sessions)
    }

    /// Counts a session in, unless all loops together have as many as there may be. Returns how many they have then; nil
    /// when there is no place.
    @inline(__always) mutating func reserve(of most: Int32) -> Int32? {
        counters.load.add(atMost: most)
    }

    /// Counts a session out; returns how many all loops have then.
    @inline(__always) mutating func giveBack() -> Int32 { counters.load.change(by: -1) }

    /// Sessions of all loops, where they are followed.
    @inline(__always) var load: Int32 { counters.load.count }

    /// A client has met a failure: a connect that failed, or a reset before the first byte.
    func report(to reports: FailureReports) { reports.report(id, counters) }

    /// Notes what this loop makes of it, for those who ask.
    func tellMark(_ loop: Int) { counters.mark(loop, isSuspect: suspicion.isOn, percent: percent) }

    /// Clients go to others first from now on.
    mutating func suspect() { suspicion.begin(counters.countSuspicion()) }
}

/// One loop's state of one pool.
struct PoolState: ~Copyable {
    let id: PoolID
    let name: String
    private(set) var settings: PoolSettings
    /// How often, and for how long, its backends are tried for a session.
    private(set) var connectLimits: ConnectLimits
    /// The roster has it no more; its place is kept until ``holds`` is 0.
    var hasLeft = false
    /// Sessions that are not connected yet: they may still pick from it.
    var holds: Int32 = 0
    /// When its sessions are looked at next by ``Configuration/Rebalance``; nil for never.
    var rebalancesAt: Instant?
    /// Clients of this loop that wait for a place.
    var queue = PoolQueue()
    /// Its clients wait for a place: a copy of whether ``PoolSettings/queue`` is there.
    private(set) var hasQueue = false
    /// What all loops have of it together.
    let shared: SharedPool
    /// This loop's counters of it.
    let cells: CounterCells
    /// ``SharedPool/load`` is maintained: it has a limit.
    private(set) var isCounted = false
    /// The rank of the candidates that are up.
    var rank = TargetRank.primary
    private(set) var candidates: [Candidate] = []
    private var policy: any Policy
    /// See ``Policy/followsSessions``: read once, since the call costs more than a round robin.
    private(set) var followsSessions: Bool
    /// Some candidates have limits on their sessions.
    private(set) var hasLimits = false
    /// Which clients are one for the policy; nil when it does not ask for them.
    private(set) var clientPrefix: ClientPrefix?
    /// The candidate whose count is compared next with those of the other loops.
    private var nextToCompare = 0
    /// What keeps its clients from a backend.
    var troubles = PoolTroubles()

    init(_ entry: PoolEntry, share: Double, seed: UInt64, loop: Int) {
        let policy = entry.settings.makePolicy(share: share, seed: seed)
        self.init(id: entry.id, name: entry.name, policy: policy, entry.settings, entry.shared, loop: loop)
    }

    init(
        id: PoolID, name: String, policy: any Policy, _ settings: PoolSettings = .init(),
        _ shared: SharedPool = .init(loops: 1), loop: Int = 0
    ) {
        self.shared = shared
        cells = shared.counters.cells(ofLoop: loop)
        isCounted = settings.sessionsMax != nil
        hasQueue = settings.queue != nil
        self.settings = settings
        connectLimits = ConnectLimits(settings.retries)
        clientPrefix = settings.clientPrefix
        self.id = id
        self.name = name
        self.policy = policy
        followsSessions = policy.followsSessions
    }

    /// Takes other settings over. Another policy begins without a memory; ``replace(_:)`` has to follow.
    mutating func set(_ settings: PoolSettings, share: Double, seed: UInt64) {
        connectLimits = ConnectLimits(settings.retries)
        clientPrefix = settings.clientPrefix
        hasQueue = settings.queue != nil
        defer { self.settings = settings }
        guard settings.hasOtherPolicy(than: self.settings) else { return }
        policy = settings.makePolicy(share: share, seed: seed)
        followsSessions = policy.followsSessions
    }

    // MARK: its own limit on sessions

    /// Whether ``SharedPool/load`` is maintained from now on; this loop has so many sessions on its backends.
    mutating func count(_ isCounted: Bool, sessions: Int32) {
        guard isCounted != self.isCounted else { return }
        self.isCounted = isCounted
        _ = shared.load.change(by: isCounted ? sessions : -sessions)
    }

    /// True when it has as many sessions as it may have.
    @inline(__always) var isFull: Bool { isCounted && shared.load.count >= settings.sessionsMax ?? .max }

    /// Counts a session in where there is a limit; false when all loops together have as many as there may be.
    @inline(__always) mutating func reserve() -> Bool {
        !isCounted || shared.load.add(atMost: settings.sessionsMax ?? .max) != nil
    }

    /// Counts so many sessions out.
    @inline(__always) mutating func giveBack(_ sessions: Int32 = 1) {
        if isCounted { _ = shared.load.change(by: -sessions) }
    }

    // MARK: candidates

    /// Remembers what the policy saw: the candidate that it picked, and those around it.
    func trace(_ trace: inout PickTrace, picked: Int, _ tried: TriedTargets) {
        trace.begin(of: candidates.count, hasSessions: countsSessions)
        let shown = min(candidates.count, PickTrace.candidatesMax)
        let first = min(max(0, picked - shown / 2), candidates.count - shown)
        for position in first..<first + shown {
            let verdict: PickVerdict =
                position == picked
                ? .picked
                : PickVerdict(candidates[position], isTried: tried.contains(Int(candidates[position].place)))
            trace.add(candidates[position], verdict)
        }
    }

    /// The position of a candidate that `request` allows; nil when there is none.
    mutating func pick(for request: borrowing PickRequest) -> Int? {
        Self.pick(&policy, candidates, request)
    }

    /// The candidate has so many sessions.
    mutating func set(_ position: Int, sessions: Int32) {
        candidates[position].sessions = sessions
        candidateChanged(position)
    }

    mutating func note(_ position: Int, isSuspect: Bool) {
        guard candidates[position].isSuspect != isSuspect else { return }
        candidates[position].isSuspect = isSuspect
        candidateChanged(position)
    }

    mutating func note(_ position: Int, isUp: Bool) {
        candidates[position].isUp = isUp
        candidates[position].isSuspect = false
        candidateChanged(position)
    }

    /// Changes a limit; `sessions` is the count that was not maintained while there was none.
    mutating func limit(_ position: Int, _ sessionsMax: Int32, sessions: Int32) {
        candidates[position].sessionsMax = sessionsMax
        candidates[position].sessions = sessions
        hasLimits = candidates.contains { $0.sessionsMax < .max }
        candidateChanged(position)
    }

    mutating func replace(_ candidates: [Candidate]) {
        self.candidates = candidates
        candidatesChanged()
    }

    /// How much of a candidate's weight counts; true when that is new, and ``candidatesChanged()`` has to follow.
    mutating func grow(_ position: Int, percent: Int32) -> Bool {
        guard candidates[position].percent != percent else { return false }
        candidates[position].percent = percent
        return true
    }

    /// Changes one candidate; ``candidatesChanged()`` has to follow.
    mutating func set(_ position: Int, _ candidate: Candidate) { candidates[position] = candidate }

    /// Tells the policy that its candidates are others.
    mutating func candidatesChanged() {
        hasLimits = candidates.contains { $0.sessionsMax < .max }
        Self.changed(&policy, candidates)
    }

    private mutating func candidateChanged(_ position: Int) { Self.changed(&policy, position, candidates) }

    /// True when sessions of other loops matter for a pick.
    var countsSessions: Bool { followsSessions || hasLimits }

    /// The position of the candidate whose count is to be compared next; nil without candidates.
    mutating func positionToCompare() -> Int? {
        guard !candidates.isEmpty else { return nil }
        if nextToCompare >= candidates.count { nextToCompare = 0 }
        defer { nextToCompare += 1 }
        return nextToCompare
    }

    var hasAnyUp: Bool { candidates.contains(where: \.isUp) }

    // Generic functions, which open the existential: Swift 6.3 treats a call through `any Policy` with a span of
    // another property of the same value as two accesses to the policy. Opened, the policy is mutated in place.

    private static func pick(
        _ policy: inout some Policy, _ candidates: borrowing [Candidate], _ request: borrowing PickRequest
    ) -> Int? {
        policy.pick(from: candidates.span, for: request)
    }

    private static func changed(
        _ policy: inout some Policy, _ position: Int, _ candidates: borrowing [Candidate]
    ) {
        policy.candidateChanged(position, of: candidates.span)
    }

    private static func changed(_ policy: inout some Policy, _ candidates: borrowing [Candidate]) {
        policy.candidatesChanged(candidates.span)
    }
}
