/// The bounds of a balancer. Every queue, buffer and inner loop has one of them.
public struct Limits: Hashable, Sendable {
    /// The one read buffer of a loop, in bytes. A bulk transfer measured 0.80 s/GB with 64 KiB and 0.57 s/GB with 256
    /// KiB; nothing is gained beyond it.
    public var chunkBytes = 256 * 1024
    /// Sessions at the same time. At the limit, new clients wait in the kernel's backlog.
    public var sessionsMax: Int
    /// Blocks of ``chunkBytes`` for bytes that a slow side has not taken, over all sessions. Beyond it no byte is read
    /// before the other side has taken it, so nothing stops; it only costs a second read. 1,024 blocks are 256 MiB.
    public var blocksMax = 1024
    /// Pipes of ``chunkBytes`` that bulk transfers are spliced through, over all sessions. A transfer holds one only
    /// while its reader lags; those without one are copied. 64 pipes are 16 MiB, a quarter of what a user without
    /// privilege may have (`pipe-user-pages-soft`, pipe(7)).
    public var pipesMax = 64

    /// Bounds for a number of sessions.
    public init(sessionsMax: Int = 1024) {
        self.sessionsMax = sessionsMax
    }

    /// The most sessions that a balancer can be set to.
    public static let sessionsCeiling = 1 << 20
    /// The largest read buffer.
    public static let chunkBytesMax = 16 << 20
    /// The most connections held ready to one backend.
    public static let warmConnectionsMax = 256
    /// What may go with a SYN: less than fits into its segment.
    public static let fastOpenBytesMax = 1024
    /// The most blocks.
    public static let blocksCeiling = 1 << 20
    /// The most pipes.
    public static let pipesCeiling = 1 << 16
    /// The most backends of all pools.
    public static let backendsMax = 4096
    /// The most listeners.
    public static let listenersMax = 256

    /// The most threads: the loops that wait for something are the bits of a word.
    public static let threadsMax = SharedPlaces.loopsMax

    /// What one direction of a session may move in one turn before the others get theirs, in chunks.
    public static let chunksPerTurn = 4
    /// How often one direction may read in one turn: many small reads cost the others as much as a few large ones.
    public static let readsPerTurn = 32
    /// What one listener may accept in one turn at the most.
    public static let acceptsPerTurn = 64
    /// What one listener may accept in any turn.
    public static let acceptsPerTurnMin = 2
    /// Between these two, one accept for so many events: each is followed by a connect, the dearest thing that a turn
    /// can hold. With 64 whatever the turn, ping-pongs beside a storm of new connections had half their speed.
    public static let eventsPerAccept = 16
    /// How many that wait may be closed in one turn, when there are no descriptors for them.
    public static let turnedAwayPerTurn = 64
    /// How many that ask for the state may be answered in one turn.
    public static let statusAnswersPerTurn = 16
    /// Events taken from the kernel in one turn.
    public static let eventsPerTurn = 512
    /// What is read and dropped from a side whose other side has gone, before it is closed all the same.
    public static let lingerBytesMax: UInt32 = 64 << 20
    /// Blocks kept for the next stall; more are given back to the system.
    public static let blocksKept = 16

    /// A read of this fraction of ``chunkBytes``, 64 KiB, is large: what follows is spliced.
    public static let bulkFraction = 4
    /// After so many reads in a row that were not large, bytes are copied again.
    public static let smallSplicesMax: Int8 = 8
    /// After so many refusals to splice in a row, each for another direction, a loop stops splicing: the kernel or a
    /// filter of system calls forbids it, not one kind of socket.
    public static let spliceRefusalsMax = 8

    /// Descriptors that are not sessions: the loop's own, standard streams, and room for libraries.
    static let descriptorsReserved = 32

    /// Descriptors of each further loop, beside its listeners: epoll, timer, waker, reserve.
    static let descriptorsPerLoop = 4

    /// How many sessions a limit on descriptors allows: two descriptors each, beside those of listeners, probes, warm
    /// connections, pipes and the loops themselves. At least one.
    public static func sessionsMax(
        descriptors: Int, listeners: Int, backends: Int, threads: Int = 1, warmConnections: Int = 0
    ) -> Int {
        // A wrong number is somebody else's to refuse, but must not overflow here.
        let threads = min(max(threads, 1), threadsMax)
        let warm = threads * backends * min(max(0, warmConnections), warmConnectionsMax)
        let loops = threads * listeners + (threads - 1) * descriptorsPerLoop
        let others = descriptorsReserved + loops + backends + warm + 2 * pipesMax(descriptors: descriptors)
        return min(sessionsCeiling, max(1, (descriptors - others) / 2))
    }

    /// The bounds of one of several loops that share these. Any loop may get all sessions, which costs no memory before
    /// it does; memory for slow readers and pipes are dealt out.
    func share(of loops: Int) -> Limits {
        var share = self
        share.blocksMax = (blocksMax + loops - 1) / loops
        share.pipesMax = (pipesMax + loops - 1) / loops
        return share
    }

    /// How many pipes a limit on descriptors allows: with few descriptors, sessions need them more.
    public static func pipesMax(descriptors: Int) -> Int {
        min(Limits().pipesMax, descriptors / descriptorsPerPipe)
    }

    /// Of so many descriptors, one pipe has its two.
    static let descriptorsPerPipe = 64
}

/// What the event log says.
public enum LogMode: String, Sendable, CaseIterable {
    /// The lines of the reference system's guide: each probe's result, each session's end.
    case guide
    /// Changes of health, and trouble.
    case changes
    /// Changes of health, trouble, and one line per session: its record.
    case sessions
    /// Nothing.
    case none
}
