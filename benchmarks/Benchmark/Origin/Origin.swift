import Reactor

/// The far end of every load: it echoes, sends or takes what the first byte of each connection asks for.
///
/// It never ends a connection first, except after the answer to an upload, so that TIME_WAIT stays on the connecting
/// side. Bytes that differ from the pattern are answered with a reset, which the generator counts as an error.
public struct Origin: ~Copyable {
    /// Connections at most.
    static let connectionsMax = LoadPlan.connectionsMax + LoadPlan.disturbersMax + LoadPlan.visitsMax
    /// Bytes that one connection moves in a turn, per direction, so that the others have their share.
    static let shareBytes = 256 * 1024
    /// The same of a metered download, whose long writes would delay the exchanges beside it.
    static let shareBytesMetered = 64 * 1024
    /// What the kernel may hold of a metered download before it sends it.
    static let unsentBytesMetered = 256 * 1024
    /// What asks for a metered download: the wish and the rate.
    private static let meteredRequestBytes = 9
    /// Connections accepted in a turn, so that those that stand have their share.
    static let acceptsPerTurn = 256
    /// Events taken from the kernel at a time.
    static let eventsPerTurn = 512

    private enum Kind: UInt8, TokenKind {
        /// The timerfd.
        case clock
        /// The listener, its place in the queue, and the end of a pause.
        case acceptor
        /// A connection's socket, and its place in the queue.
        case connection
        /// The pipe whose other end the coordinator holds.
        case leash
    }

    /// What came of serving a connection; of two directions the later in this order counts.
    private enum Outcome: Int {
        case waiting
        case more
        case finished
        case reset
    }

    private var core: LoopCore
    private var acceptor: Acceptor
    /// Ends a pause of the acceptor.
    private let pauseTimer: TimerID
    private var connections = Slab<OriginConnection>(capacity: Origin.connectionsMax)
    private let pattern = Pattern()
    private let buffer = ByteBuffer(count: Origin.shareBytes, alignment: ByteBuffer.pageBytes)
    private var isHeld = true

    /// Listens on `address`.
    public init(_ address: SocketAddress) throws(SystemCallError) {
        // The acceptor has the one timer, and stands in the queue beside the connections.
        var core = try LoopCore(
            clock: .monotonic, timers: 1, ready: Self.connectionsMax + 1, eventsPerTurn: Self.eventsPerTurn,
            clockToken: Token(Kind.clock))
        let listener = try Listener(address, keepalive: nil)
        if let errno = listener.add(to: core.poller, Token(Kind.acceptor)) {
            throw SystemCallError(call: "epoll_ctl", subject: "listener", errno: errno)
        }
        pauseTimer = core.timers.add(Token(Kind.acceptor))
        self.core = core
        acceptor = Acceptor(listener)
    }

    /// The address it listens on.
    public var address: SocketAddress { acceptor.listener.address }

    /// Serves until the process that holds the other end of descriptor `leash`, a pipe, has ended or closed it.
    public mutating func run(leash: CInt) throws(SystemCallError) {
        _ = core.poller.add(number: leash, Token(Kind.leash), .input)
        while isHeld { try turn(.never) }
    }

    /// Waits for events, at most so long, and handles them.
    mutating func turn(_ timeout: Poller.Timeout) throws(SystemCallError) {
        try core.beginTurn(timeout)
        repeat {
            for index in 0..<core.events.count { handle(core.events[index]) }
        } while try core.looksAgain()
        while core.popDue() != nil { resumeAccepting() }
        serveQueue()
        core.endTurn()
    }

    private mutating func handle(_ event: Event) {
        switch Kind(of: event.token) {
        case .clock: break
        case .acceptor:
            acceptor.markReadable()
            queueAcceptor()
        case .connection:
            guard connections.contains(event.token.key) else { return }
            connections[event.token.index].note(event.readiness)
            serve(event.token.index)
        case .leash: isHeld = false
        }
    }

    /// Serves everything that was in the queue when the turn came to it, each once.
    private mutating func serveQueue() {
        for _ in 0..<core.ready.count {
            guard let token = core.ready.popFirst() else { return }
            switch Kind(of: token) {
            case .acceptor: accept()
            case .connection:
                guard connections.contains(token.key) else { continue }
                connections[token.index].isQueued = false
                serve(token.index)
            case .clock, .leash: preconditionFailure("only the acceptor and connections stand in the queue")
            }
        }
    }

    // MARK: accepting

    private mutating func queueAcceptor() {
        guard acceptor.mayAccept, !acceptor.isQueued else { return }
        acceptor.isQueued = true
        core.ready.append(Token(Kind.acceptor))
    }

    private mutating func accept() {
        acceptor.isQueued = false
        guard acceptor.mayAccept else { return }
        for _ in 0..<Self.acceptsPerTurn {
            switch acceptor.accept() {
            case .accepted(let stream, _): admit(stream)
            case .aborted: continue
            case .wouldBlock: return
            // No connection is turned away: one that waits for a descriptor is only late, a closed one would count as a
            // failure of the subject.
            case .exhausted: return pauseAccepting()
            }
        }
        queueAcceptor()
    }

    private mutating func admit(_ stream: consuming Stream) {
        guard let key = connections.insert(OriginConnection(stream)) else { return }
        let index = Int(key.index)
        let failure = connections[index].stream.add(to: core.poller, Token(Kind.connection, key))
        if failure != nil { _ = connections.remove(at: index) }
    }

    private mutating func pauseAccepting() {
        guard acceptor.pause() else { return }
        core.timers.arm(pauseTimer, at: core.now + Acceptor.pauseAfterShortage)
    }

    /// The listener is edge-triggered: connections that came before or during the pause are not reported again.
    private mutating func resumeAccepting() {
        guard acceptor.resume() else { return }
        core.timers.disarm(pauseTimer)
        queueAcceptor()
    }

    // MARK: connections

    /// Ends a connection: the only way to.
    private mutating func close(_ index: Int) {
        _ = connections.remove(at: index)
        // A descriptor is free again, which a shortage may have waited for.
        resumeAccepting()
    }

    private mutating func serve(_ index: Int) {
        let outcome = move(index)
        switch outcome {
        case .waiting: break
        case .more:
            guard !connections[index].isQueued else { return }
            connections[index].isQueued = true
            core.ready.append(Token(Kind.connection, connections.key(at: index)))
        case .finished: close(index)
        case .reset:
            connections[index].stream.resetOnClose()
            close(index)
        }
    }

    private mutating func move(_ index: Int) -> Outcome {
        if connections[index].wish == nil {
            guard connections[index].isReadable else { return .waiting }
            let outcome = learnWish(index)
            guard outcome == .more else { return outcome }
        }
        switch connections[index].wish {
        case .echo: return echo(index)
        case .download: return Self.worse(take(index), give(index))
        case .upload: return take(index)
        case .metered: return give(index)
        case .both: return Self.worse(take(index), give(index))
        case nil: return .waiting
        }
    }

    private static func worse(_ one: Outcome, _ other: Outcome) -> Outcome {
        one.rawValue > other.rawValue ? one : other
    }

    /// Peeks at the first byte, which is part of the stream. A rate that follows it is not, and is read.
    private mutating func learnWish(_ index: Int) -> Outcome {
        switch unsafe connections[index].stream.receive(into: buffer.room(Self.meteredRequestBytes), peek: true) {
        case .bytes(let count):
            guard let wish = unsafe Wish(rawValue: buffer.memory[0]) else { return .reset }
            if wish == .metered {
                guard count == Self.meteredRequestBytes else {
                    connections[index].isReadable = false
                    return connections[index].isEnding ? .finished : .waiting
                }
                limitRate(index)
            }
            connections[index].wish = wish
            connections[index].start = pattern.start(of: wish)
            return .more
        case .wouldBlock:
            connections[index].isReadable = false
            return .waiting
        case .endOfStream, .failed: return .finished
        }
    }

    /// Reads the request that was just peeked at, and has the kernel keep to its rate.
    private mutating func limitRate(_ index: Int) {
        _ = unsafe connections[index].stream.receive(into: buffer.room(Self.meteredRequestBytes))
        let rate = unsafe UInt64(littleEndian: buffer.memory.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        if rate > 0 { connections[index].stream.limitRate(bytesPerSecond: Int(clamping: rate)) }
        connections[index].stream.limitUnsent(bytes: Self.unsentBytesMetered)
    }

    // MARK: echo

    private mutating func echo(_ index: Int) -> Outcome {
        guard flush(index) else { return .finished }
        guard connections[index].pending.isEmpty else { return .waiting }
        guard !connections[index].hasEnded else { return .finished }
        guard connections[index].isReadable else { return .waiting }
        switch unsafe connections[index].stream.receive(into: buffer.memory) {
        case .bytes(let count):
            // A short read has emptied the socket, unless its end is near.
            if count < buffer.count, !connections[index].isEnding { connections[index].isReadable = false }
            guard giveBack(index, count) else { return .finished }
            return connections[index].isReadable && connections[index].pending.isEmpty ? .more : .waiting
        case .endOfStream: return .finished
        case .wouldBlock:
            connections[index].isReadable = false
            return .waiting
        case .failed: return .finished
        }
    }

    /// Sends back what was just read, and keeps what is not taken. False when the connection has failed.
    private mutating func giveBack(_ index: Int, _ count: Int) -> Bool {
        var done = 0
        while done < count {
            let rest = unsafe buffer.bytes(in: done..<count)
            switch unsafe connections[index].stream.send(rest) {
            case .bytes(let taken): done += taken
            case .wouldBlock:
                connections[index].isWritable = false
                // At most a share waits, and nothing is read before it has gone: it fits.
                return unsafe connections[index].pending.append(rest)
            case .failed: return false
            }
        }
        return true
    }

    /// Sends what was kept. False when the connection has failed.
    private mutating func flush(_ index: Int) -> Bool {
        while !connections[index].pending.isEmpty, connections[index].isWritable {
            switch unsafe connections[index].stream.send(connections[index].pending.bytes) {
            case .bytes(let taken): connections[index].pending.removeFirst(taken)
            case .wouldBlock: connections[index].isWritable = false
            case .failed: return false
            }
        }
        return true
    }

    // MARK: bulk

    /// Reads and checks a share of the stream.
    private mutating func take(_ index: Int) -> Outcome {
        guard connections[index].isReadable, !connections[index].hasEnded else { return .waiting }
        switch unsafe connections[index].stream.receive(into: buffer.memory) {
        case .bytes(let count):
            let isRight = unsafe pattern.matches(
                buffer.prefix(count), start: connections[index].start, position: connections[index].received)
            guard isRight else { return .reset }
            connections[index].received += UInt64(count)
            if count < buffer.count, !connections[index].isEnding { connections[index].isReadable = false }
            return connections[index].isReadable ? .more : .waiting
        case .endOfStream:
            connections[index].hasEnded = true
            if connections[index].wish == .upload { answer(index) }
            return .finished
        case .wouldBlock:
            connections[index].isReadable = false
            return .waiting
        case .failed: return .finished
        }
    }

    /// Sends the number of bytes that came: eight bytes, which an idle socket always takes.
    private mutating func answer(_ index: Int) {
        var count = connections[index].received.littleEndian
        _ = unsafe withUnsafeBytes(of: &count) { unsafe connections[index].stream.send($0) }
    }

    /// Sends a share of the pattern.
    private mutating func give(_ index: Int) -> Outcome {
        guard connections[index].isWritable else { return .waiting }
        let run = unsafe pattern.run(
            start: connections[index].start, position: connections[index].sent,
            count: connections[index].wish == .metered ? Self.shareBytesMetered : Self.shareBytes)
        switch unsafe connections[index].stream.send(run) {
        case .bytes(let taken):
            connections[index].sent += UInt64(taken)
            return .more
        case .wouldBlock:
            connections[index].isWritable = false
            return .waiting
        case .failed: return .finished
        }
    }
}
