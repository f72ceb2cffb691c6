import Reactor

/// The limits of a balancer. Every queue, buffer and inner loop has one of them.
public struct Limits: Hashable, Sendable {
    /// The one read buffer of a loop, in bytes. A bulk transfer measured 0.80 s/GB with 64 KiB and 0.57 s/GB with 256
    /// KiB; nothing is gained beyond it.
    public var chunkBytes = 256 * 1024
    /// Concurrent sessions. At the limit, new clients wait in the kernel's backlog.
    public var sessionsMax: Int
    /// How many connections the kernel keeps for a listener until they are accepted; nil for as many as it allows
    /// (`net.core.somaxconn`), to which it lowers any number.
    public var backlog: Int?
    /// Blocks of ``chunkBytes`` for bytes that a slow side has not taken, over all sessions. When all are in use, no
    /// byte is removed from its source before the other side has taken it: nothing stops, it only costs a second read.
    /// 1,024 blocks are 256 MiB. See ``blocksMax(memory:)``.
    public var blocksMax = 1024
    /// Pipes of ``chunkBytes`` that bulk transfers are spliced through, over all sessions. A transfer holds one only
    /// while its reader lags; transfers without one are copied. 64 pipes are 16 MiB, a quarter of what a user without
    /// privilege may have (`pipe-user-pages-soft`, pipe(7)).
    public var pipesMax = 64
    /// Directions that may wait for a slow reader at the same time, before others get small kernel buffers. One costs
    /// about 1.1 MiB of the kernel's memory for sockets (measured), so 256 of them cost 280 MiB. Beyond that a
    /// direction that becomes bulk costs 0.2 MiB, and is slower on paths with a long round trip.
    public var stalledMax = 256
    /// How many sessions a loop reserves memory for at the start, unless ``sessionsMax`` is smaller; the tables are
    /// doubled when there are more. Untouched memory costs nothing, but counts where address space or committed memory
    /// is limited.
    var sessionsReserved = 16_384
    /// What a turn may do; other numbers than the usual ones are for tests.
    var shares = TurnShares()

    /// Limits for a number of sessions.
    public init(sessionsMax: Int = 1024) {
        self.sessionsMax = sessionsMax
    }

    /// The most sessions that a balancer can be set to.
    public static let sessionsCeiling = 1 << 20
    /// The largest read buffer.
    public static let chunkBytesMax = 16 << 20
    /// The most connections held ready to one backend.
    public static let warmConnectionsMax = 256
    /// The most bytes that are sent with a SYN: less than fits into its segment.
    public static let fastOpenBytesMax = 1024
    /// The most blocks.
    public static let blocksCeiling = 1 << 20
    /// The most pipes.
    public static let pipesCeiling = 1 << 16
    /// The most backends of all pools.
    public static let backendsMax = 4096
    /// The most pools.
    public static let poolsMax = 1024
    /// The largest weight of a backend, as in HAProxy.
    public static let weightMax: Int32 = 256
    /// The most source addresses of a pool: so many times a connect may be begun for one attempt.
    public static let sourcesMax = 16
    /// The most routes of a listener by server name and protocol.
    public static let routesMax = 4096
    /// The most networks of a listener that may come, or may not, or are trusted: a table of 16 bytes each.
    public static let networksMax = 1 << 20
    /// The most of a rate, in whatever time it is said.
    public static let rateMax = 1_000_000_000
    /// The most bytes that are looked at before the first of them goes to a backend: a PROXY header and a ClientHello.
    static let prefaceBytesMax = ProxyHeader.bytesMax + ClientHello.bytesMax
    /// The memory for a PROXY header that is sent and the client's first bytes behind it, in one write.
    static let openingBytes = 8192
    /// When a client is looked at again whose time is over, and whose bytes the turn had no share for.
    static let shareLook: Duration = .milliseconds(1)
    /// How often a client that waits for one of its own sessions to end is looked at.
    static let clientLook: Duration = .milliseconds(100)
    /// The longest label of a backend, in bytes.
    public static let labelBytesMax = 128
    /// Timers besides those of sessions and backends: memory is reserved for them as well.
    static let timersReserved = 8
    /// What stands in the ready queue: the steward and the prober, each once.
    static let readyReserved = 2
    /// The most listeners.
    public static let listenersMax = 256

    /// The most threads: the loops that wait for a place are the bits of a word.
    public static let threadsMax = UInt64.bitWidth

    // What a turn may do. On the machines of benchmarks/RESULTS.md a message costs some 15 us, a session from accept to
    // connect 45 us, and 256 KiB of a bulk transfer 80 us; so a turn with all of its shares used up takes about 1 ms.

    /// Events taken from the kernel in one poll; what does not fit comes with the next. To note what an event reports
    /// costs next to nothing, and it shows who has to wait for whom.
    public static let eventsPerTurn = 512
    /// Reads of all sessions in one turn; the end of a session counts as one. Sessions that have an event when they are
    /// used up go on in the next turn, before those of its events.
    public static let readsPerTurn = 32
    /// Bytes of all sessions in one turn, in chunks: likewise.
    public static let chunksPerTurn = 4
    /// Of these, what sessions in bulk may move between two looks at the poller, and may always move: in chunks.
    public static let bulkChunksPerTurn = 1
    /// The same in a turn in which no other session has read anything.
    public static let bulkChunksPerTurnAlone = 4
    /// Reads of one direction before the other sessions are served; and at most one chunk.
    public static let readsPerQuantum = 8
    /// Connects in one turn, over all sessions. A session that has more backends to try than are left goes on in the next
    /// turn, after those that wait already.
    public static let connectsPerTurn = 8
    /// For how many backends of a pool a pick looks how many sessions other loops have there: see ``Targets``.
    static let loadsComparedPerPick = 4
    /// So many backends must be up, and then fail at once, for that to be taken as a sign that this machine has failed: of one
    /// or two it is likely enough that it is them.
    public static let frozenBackendsMin = 3
    /// Clients accepted in one turn, over all listeners of a loop. With 64, ping-pong sessions had half their speed
    /// during a storm of new connections: each accept is followed by a connect, the most expensive work of a turn.
    public static let acceptsPerTurn = 4
    /// Clients that one listener may accept before the others have their turn.
    public static let acceptsPerListener = 2
    /// Failed accepts in a row after which a listener pauses.
    static let acceptFailuresMax = 64
    /// Calls of accept(2) in one turn, over all listeners: clients that have left are passed over.
    public static let acceptAttemptsPerTurn = 64
    /// The longest backlog that can be set.
    public static let backlogMax = 1 << 20
    /// How many clients can wait at a listener: the kernel keeps one more than its backlog.
    var backlogClients: Int {
        let allowed = Listener.backlogMax()
        return min(backlog ?? allowed, allowed) + 1
    }
    /// Timers that run in one turn; the others that are due wait for the next. The dearest ends a session, some 10 us.
    public static let timersPerTurn = 32
    /// Sessions that are ended in one turn because their backend is down or was removed; the others follow in the next.
    public static let closesPerTurn = 16
    /// How many sessions are looked at in one turn for that. To look at one takes some 50 ns when it is in no cache.
    static let closeLooksPerTurn = 1024
    /// Probes that begin in one turn; the others that are due wait for the next. Each costs a socket, a connect and its
    /// place in the poller, some 30 us.
    public static let probesPerTurn = 8
    /// So many backends are probed in the same instant: all of them at the start of the process, and in each interval.
    /// The probes of more backends are spread: see ``ProbeRhythm``.
    public static let probesAtOnce = 8
    /// Reads of all probes in one turn; those beyond it go on in the next. A read of ``probeChunkBytes`` costs some 2 us.
    public static let probeReadsPerTurn = 32
    /// Bytes that a probe reads at once.
    static let probeChunkBytes = 4096
    /// Bytes that a probe reads in all, of a server that does not end its answer: four times the buffer in which HAProxy
    /// looks at an answer (`tune.bufsize`, 16 KiB).
    public static let probeAnswerBytesMax = 64 << 10
    /// The longest head of an answer in HTTP, in bytes: what HAProxy and nginx have for one.
    public static let probeHeadBytesMax = 16 << 10
    /// The most steps of a probe by exchange.
    public static let exchangeStepsMax = 32
    /// The most bytes of a step, and of what else a probe says or wants: each may be written with four characters, and a
    /// text of a configuration file has at most 4,096.
    public static let exchangeBytesMax = 1024
    /// The longest line of an agent, in bytes: its words, and a description.
    public static let agentLineBytesMax = 512
    /// How many bytes of a wrong answer the log tells.
    static let answerBytesTold = 48
    /// In this time, or an interval if that is shorter, each of many new backends is probed for the first time.
    public static let firstProbesWithin: Duration = .seconds(1)
    /// The first round of probes is over after so long, whatever has not ended: a name server that never answers must not
    /// keep the process from being ready until the service manager gives it up, which systemd does after 90 s. Long enough
    /// for a look-up of 5 s (resolv.conf's timeout) and a probe.
    public static let firstRoundMax: Duration = .seconds(10)
    /// Connections to be held ready that are begun in one turn, over all backends: as dear as probes.
    public static let warmConnectsPerTurn = 8
    /// Names for which a look-up begins in one turn; and how many are looked up together, periodically.
    public static let lookUpsPerTurn = 16
    /// Answers to look-ups that are handled in one turn.
    public static let lookUpAnswersPerTurn = 64
    /// Questions of other threads that a loop answers in a turn.
    static let questionsPerTurn = 4
    /// Places of the session table that it looks at for one question: at some 200 ns each.
    static let placesPerQuestion = 64
    /// The most bytes that are read and discarded from a side whose other side has gone, while its host has not
    /// acknowledged everything: one that must finish a write before it reads can still finish that one.
    public static let lingerBytesMax: UInt32 = 1 << 20
    /// How many of them at each check of a lingering session.
    static let lingerChunkBytes = 64 << 10
    /// How many of them in one turn, over all sessions of a loop.
    static let lingerBytesPerTurn = 1 << 20

    /// Directions whose kernel buffers are not limited (``BulkBuffers``), over all sessions. Each may leave 10 MiB in
    /// the kernel when its reader stops (`tcp_wmem` and `tcp_rmem`), and costs a third less processor time per byte.
    public static let raisedMax = 32
    /// Bytes that the kernel takes for a limited direction and has not sent yet (TCP_NOTSENT_LOWAT). Without this limit
    /// a client that stops reading leaves up to 4 MiB in its send buffer (`tcp_wmem`).
    static let unsentBytesMax = 128 << 10
    /// The same in a shortage: see ``stalledMax``.
    static let unsentBytesMin = 16 << 10
    /// SO_RCVBUF of the source of a limited direction that is less than ``nearMicroseconds`` away. The kernel would let
    /// the buffer grow up to `tcp_rmem`, 6 MiB and more, and a reader that stops leaves it full; so near, this suffices
    /// for 500 MB/s. The kernel lowers it to `net.core.rmem_max`.
    static let receiveBytesNear = 512 << 10
    static let nearMicroseconds = 1000
    /// The same in a shortage, at any distance.
    static let receiveBytesMin = 64 << 10
    /// The same for a direction without limits on a kernel that cannot adapt the buffer again.
    static let receiveBytesMax = 4 << 20
    /// Unused blocks that are kept for the next slow reader; the others are freed.
    public static let blocksKept = 16

    /// A read of this fraction of ``chunkBytes``, 64 KiB, is large: what follows is spliced.
    public static let bulkFraction = 4
    /// After so many reads in a row that were not large, a direction is no longer in bulk: its bytes are copied again.
    public static let smallReadsMax: UInt8 = 8
    /// After so many refusals to splice in a row, each in another direction, a loop stops splicing: the kernel or a
    /// filter of system calls forbids it, not one kind of socket.
    public static let spliceRefusalsMax = 8

    /// Descriptors that sessions do not use: the loop's own, standard streams, and room for libraries.
    static let descriptorsReserved = 32

    /// Descriptors of each further loop, besides its listeners: epoll, timer, waker, reserve.
    static let descriptorsPerLoop = 4

    /// How many sessions a limit on descriptors allows: two descriptors each, besides those of listeners, probes, warm
    /// connections, pipes and the loops themselves. At least one.
    public static func sessionsMax(
        descriptors: Int, listeners: Int, backends: Int, threads: Int = 1, warmConnections: Int = 0
    ) -> Int {
        // A wrong number is rejected by ``Configuration``, but must not overflow here.
        let threads = min(max(threads, 1), threadsMax)
        let warm = threads * backends * min(max(0, warmConnections), warmConnectionsMax)
        let loops = threads * listeners + (threads - 1) * descriptorsPerLoop
        let others = descriptorsReserved + loops + backends + warm + 2 * pipesMax(descriptors: descriptors)
        return min(sessionsCeiling, max(1, (descriptors - others) / 2))
    }

    /// How many sessions memory is reserved for at the start.
    var sessionsAtStart: Int { min(sessionsMax, sessionsReserved) }

    /// The limits of one of several loops that share these. Any loop may get all sessions, which costs no memory in
    /// advance; blocks and pipes are divided among the loops.
    func share(of loops: Int) -> Limits {
        var share = self
        share.blocksMax = (blocksMax + loops - 1) / loops
        share.pipesMax = (pipesMax + loops - 1) / loops
        share.stalledMax = (stalledMax + loops - 1) / loops
        return share
    }

    /// How many pipes a limit on descriptors allows: with few descriptors, sessions need them more.
    public static func pipesMax(descriptors: Int) -> Int {
        min(Limits().pipesMax, descriptors / descriptorsPerPipe)
    }

    /// One pipe, which has two of them, is allowed for so many descriptors.
    static let descriptorsPerPipe = 64
}

/// What all sessions and listeners of a loop, and its timers, may do together in one turn.
struct TurnShares: Hashable, Sendable {
    var reads = Limits.readsPerTurn
    var chunks = Limits.chunksPerTurn
    var bulkChunks = Limits.bulkChunksPerTurn
    var bulkChunksAlone = Limits.bulkChunksPerTurnAlone
    var readsPerQuantum = Limits.readsPerQuantum
    var connects = Limits.connectsPerTurn
    var accepts = Limits.acceptsPerTurn
    var timers = Limits.timersPerTurn
}
