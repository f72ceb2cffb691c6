import Reactor

/// The far end of every load: it echoes, sends or takes what the first byte of each connection asks for.
///
/// It never ends a connection first, except after an upload's answer, so that TIME_WAIT stays with those who connect.
/// Bytes that are not the pattern's are answered with a reset, which the generator counts as an error.
@safe public struct Origin: ~Copyable {
    /// Connections at most.
    static let connectionsMax = LoadPlan.connectionsMax + LoadPlan.disturbersMax
    /// Bytes that one connection moves in a turn, per direction; then the others have theirs.
    static let shareBytes = 256 * 1024

    private enum Kind: UInt8 {
        case listener
        case connection
        case leash
    }

    /// What came of serving a connection; of two directions the later in this order counts.
    private enum Outcome: Int {
        case waiting
        case more
        case finished
        case reset
    }

    private let poller: Poller
    private let listener: Listener
    private var events = EventBuffer(capacity: 512)
    private var connections = Slab<OriginConnection>(capacity: Origin.connectionsMax)
    private var queue = TokenQueue(capacity: Origin.connectionsMax)
    private let pattern = Pattern()
    private let scratch: UnsafeMutableRawBufferPointer

    /// Listens on `address`.
    public init(_ address: SocketAddress) throws(SystemCallError) {
        let poller = try Poller()
        let listener = try Listener(address, keepalive: nil)
        if let errno = listener.add(to: poller, Token(kind: Kind.listener.rawValue, index: 0)) {
            throw SystemCallError(call: "epoll_ctl", subject: "listener", errno: errno)
        }
        self.poller = poller
        self.listener = listener
        unsafe scratch = .allocate(byteCount: Self.shareBytes, alignment: 4096)
    }

    deinit { unsafe scratch.deallocate() }

    /// The address it listens on.
    public var address: SocketAddress { listener.address }

    /// Serves until the process that holds the other end of descriptor `leash`, a pipe, has ended or closed it.
    public mutating func run(leash: CInt) throws(SystemCallError) {
        _ = poller.add(number: leash, Token(kind: Kind.leash.rawValue, index: 0), .input)
        var isHeld = true
        while isHeld {
            try poller.poll(into: &events, timeout: queue.isEmpty ? .never : .immediately)
            for index in 0..<events.count {
                let event = events[index]
                switch Kind(rawValue: event.token.kind) {
                case .listener: accept()
                case .connection:
                    guard connections.contains(event.token.key) else { continue }
                    connections[event.token.index].note(event.readiness)
                    serve(event.token.index)
                case .leash, nil: isHeld = false
                }
            }
            for _ in 0..<queue.count {
                guard let token = queue.popFirst() else { break }
                guard connections.contains(token.key) else { continue }
                connections[token.index].isQueued = false
                serve(token.index)
            }
        }
    }

    private mutating func accept() {
        while true {
            switch listener.accept() {
            case .accepted(let stream, _):
                guard let key = connections.insert(OriginConnection(stream)) else { continue }
                let token = Token(
                    kind: Kind.connection.rawValue, index: Int(key.index), generation: key.generation)
                let failure = connections[token.index].stream.add(to: poller, token)
                if failure != nil { _ = connections.remove(at: token.index) }
            case .wouldBlock: return
            case .exhausted: return
            case .aborted: continue
            }
        }
    }

    private mutating func serve(_ index: Int) {
        let outcome = move(index)
        switch outcome {
        case .waiting: break
        case .more:
            guard !connections[index].isQueued else { return }
            connections[index].isQueued = true
            let key = connections.key(at: index)
            queue.append(Token(kind: Kind.connection.rawValue, index: index, generation: key.generation))
        case .finished: _ = connections.remove(at: index)
        case .reset:
            connections[index].stream.resetOnClose()
            _ = connections.remove(at: index)
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
        case .both: return Self.worse(take(index), give(index))
        case nil: return .waiting
        }
    }

    private static func worse(_ one: Outcome, _ other: Outcome) -> Outcome {
        one.rawValue > other.rawValue ? one : other
    }

    /// Looks at the first byte; it stays where it is, for it is part of the stream.
    private mutating func learnWish(_ index: Int) -> Outcome {
        switch unsafe connections[index].stream.receive(into: .init(rebasing: scratch[..<1]), peek: true) {
        case .bytes:
            guard let wish = unsafe Wish(rawValue: scratch[0]) else { return .reset }
            connections[index].wish = wish
            connections[index].start = pattern.start(of: wish)
            return .more
        case .wouldBlock:
            connections[index].isReadable = false
            return .waiting
        case .endOfStream, .failed: return .finished
        }
    }

    // MARK: echo

    private mutating func echo(_ index: Int) -> Outcome {
        guard flush(index) else { return .finished }
        guard connections[index].pending.isEmpty else { return .waiting }
        guard !connections[index].hasEnded else { return .finished }
        guard connections[index].isReadable else { return .waiting }
        switch unsafe connections[index].stream.receive(into: scratch) {
        case .bytes(let count):
            // A short read has emptied the socket, unless its end is near.
            if unsafe count < scratch.count, !connections[index].isEnding { connections[index].isReadable = false }
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
            let rest = unsafe UnsafeRawBufferPointer(rebasing: scratch[done..<count])
            switch unsafe connections[index].stream.send(rest) {
            case .bytes(let taken): done += taken
            case .wouldBlock:
                connections[index].isWritable = false
                connections[index].pending = unsafe Array(rest)
                return true
            case .failed: return false
            }
        }
        return true
    }

    /// Sends what was kept. False when the connection has failed.
    private mutating func flush(_ index: Int) -> Bool {
        while !connections[index].pending.isEmpty, connections[index].isWritable {
            let pending = connections[index].pending
            let result = unsafe pending.withUnsafeBytes { unsafe connections[index].stream.send($0) }
            switch result {
            case .bytes(let taken): connections[index].pending.removeFirst(taken)
            case .wouldBlock: connections[index].isWritable = false
            case .failed: return false
            }
        }
        return true
    }

    // MARK: bulk

    /// Reads and checks a share of what comes.
    private mutating func take(_ index: Int) -> Outcome {
        guard connections[index].isReadable, !connections[index].hasEnded else { return .waiting }
        switch unsafe connections[index].stream.receive(into: scratch) {
        case .bytes(let count):
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: scratch[..<count])
            let isRight = unsafe pattern.matches(
                bytes, start: connections[index].start, position: connections[index].received)
            guard isRight else { return .reset }
            connections[index].received += UInt64(count)
            if unsafe count < scratch.count, !connections[index].isEnding { connections[index].isReadable = false }
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

    /// The number of bytes that came: eight bytes, which an idle socket always takes.
    private mutating func answer(_ index: Int) {
        var count = connections[index].received.littleEndian
        _ = unsafe withUnsafeBytes(of: &count) { unsafe connections[index].stream.send($0) }
    }

    /// Sends a share of the pattern.
    private mutating func give(_ index: Int) -> Outcome {
        guard connections[index].isWritable else { return .waiting }
        let run = unsafe pattern.run(
            start: connections[index].start, position: connections[index].sent, count: Self.shareBytes)
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
