import Glibc
import Reactor

/// Clients of a drill's own: connects to a listener at a steady rate, on a thread of its own, and holds each connection
/// until it is released, has ended, or has waited too long.
final class ProbeLine: Sendable {
    /// How clients connect, and what they say.
    struct Settings: Sendable {
        /// Where they connect to.
        var address: SocketAddress
        /// How many begin per second.
        var rate: Int
        /// One that is neither served nor ended after this time is given up.
        var patience: Duration
        /// What is sent when the connection to the balancer is there; empty for nothing.
        var sent: [UInt8] = []
        /// What the answer must contain; empty for anything.
        var expected: [UInt8] = []
        /// An answer is waited for: something is sent or expected.
        var isAnswerAwaited: Bool { !sent.isEmpty || !expected.isEmpty }
        /// Each has another address of the loopback network, so that a policy that goes by addresses sees many clients, and
        /// limits on each client are not reached.
        var hasManySources: Bool {
            if case .ipv4 = address { address.isLoopback } else { false }
        }
    }

    /// A client whose connection is open.
    struct Open: Sendable {
        let number: Int
        /// Its address and port, as the balancer names them.
        var client: String
        let began: Instant
        /// When its answer was complete; nil before.
        var answered: Instant?
    }

    /// A client whose connection has ended.
    struct Ended: Sendable {
        var open: Open
        let ended: Instant
        /// Why, in words.
        let reason: String
    }

    /// So many are open at the same time, at most.
    static let openMax = 256
    /// The network of the clients' addresses, of ``Settings/hasManySources``.
    static let sources = "127.88.0.0/16"
    /// So many of the last ones are remembered, at least.
    private static let clientsMax = 2048
    /// Why a client was given up.
    static let givenUp = "no answer"
    /// More of an answer is not looked at.
    private static let answerBytesMax = 65_536

    private struct State {
        var open: [Int: Open] = [:]
        var ended: [Ended] = []
        var released: [Int] = []
        /// The addresses of the last that have begun.
        var clients: [String] = []
        var skipped = 0
        var isStarting = true
        var isOver = false
    }

    private let settings: Settings
    private let state = Guarded(State())

    /// Starts the thread.
    static func start(_ settings: Settings) throws(SystemCallError) -> ProbeLine {
        let poller = try Poller()
        let line = ProbeLine(settings)
        let handed = Handed(poller)
        try LoopThread.startWithoutSignals(name: "drill/probes") { line.run(handed.value) }
        return line
    }

    private init(_ settings: Settings) { self.settings = settings }

    // MARK: what the judge asks for

    /// Those that are open.
    func open() -> [Open] { state.withLock { $0.open.values.sorted { $0.number < $1.number } } }

    /// Those that have ended since the last call.
    func takeEnded() -> [Ended] { state.withLock { exchange(&$0.ended, with: []) } }

    /// The addresses and ports of the last that have begun, also of those that are gone: the balancer may still know them.
    var clients: Set<String> { Set(state.withLock { $0.clients }) }

    /// How many were not begun, because too many were open.
    var skipped: Int { state.withLock { $0.skipped } }

    /// Closes one: everything is known about it.
    func release(_ number: Int) {
        state.withLock { state in
            guard state.open.removeValue(forKey: number) != nil else { return }
            state.released.append(number)
        }
    }

    /// Begins no more.
    func stopStarting() { state.withLock { $0.isStarting = false } }

    /// Closes all, and ends the thread.
    func stop() { state.withLock { $0.isOver = true } }

    // MARK: the thread

    /// A connection; used by the thread alone.
    private final class Connection {
        let number: Int
        let stream: Stream
        let began: Instant
        var hasSent = false
        var answer: [UInt8] = []
        var isAnswered = false

        init(_ number: Int, _ stream: consuming Stream, _ began: Instant) {
            self.number = number
            self.stream = stream
            self.began = began
        }
    }

    /// Longer sleeps would delay releases.
    private static let stepMillisecondsMax: CInt = 20

    private func run(_ poller: borrowing Poller) {
        var connections: [Int: Connection] = [:]
        var events = EventBuffer(capacity: Self.openMax)
        var pace = Pace(rate: settings.rate)
        while true {
            let (isOver, isStarting, released) = state.withLock { state in
                (state.isOver, state.isStarting, exchange(&state.released, with: []))
            }
            if isOver { return }
            for number in released { connections[number] = nil }
            let now = Clock.monotonic.now()
            giveUp(now, &connections)
            if isStarting, let number = pace.number(now) { begin(number, now, &connections, poller) }
            let wait = isStarting ? min(pace.millisecondsLeft, Self.stepMillisecondsMax) : Self.stepMillisecondsMax
            // It fails for no reason that would go away.
            guard (try? poller.poll(into: &events, timeout: .milliseconds(wait))) != nil else { return }
            for index in 0..<events.count {
                // Events may be of connections that are gone.
                guard let connection = connections[events[index].token.index],
                    let reason = step(connection, events[index].readiness)
                else { continue }
                connections[connection.number] = nil
                end(connection.number, reason)
            }
        }
    }

    /// When the next client begins.
    private struct Pace {
        private let gap: Duration
        private var next = Clock.monotonic.now()
        private var number = 0

        init(rate: Int) { gap = .nanoseconds(1_000_000_000 / max(1, rate)) }

        /// The number of the client that is to begin now; nil when none is.
        mutating func number(_ now: Instant) -> Int? {
            guard now >= next else { return nil }
            // What was missed is not made up for: clients would come in bursts.
            next = max(next + gap, now)
            number += 1
            return number
        }

        var millisecondsLeft: CInt {
            CInt(clamping: Int((next - Clock.monotonic.now()).milliseconds.rounded(.up)))
        }
    }

    private func begin(
        _ number: Int, _ now: Instant, _ connections: inout [Int: Connection], _ poller: borrowing Poller
    ) {
        guard connections.count < Self.openMax else { return state.withLock { $0.skipped += 1 } }
        let place = number % Token.indexLimit
        var open = Open(number: place, client: "", began: now)
        do throws(Errno) {
            let stream = try Stream(for: settings.address, from: settings.hasManySources ? Self.source(number) : nil)
            let result = stream.connect(to: settings.address)
            if case .failed(let errno) = result { throw errno }
            if let errno = stream.add(to: poller, Token(kind: 0, index: place)) { throw errno }
            open.client = stream.localAddress?.description ?? ""
            connections[place] = Connection(place, stream, now)
            let shown = open
            state.withLock { state in
                state.open[place] = shown
                if state.clients.count >= 2 * Self.clientsMax { state.clients.removeFirst(Self.clientsMax) }
                state.clients.append(shown.client)
            }
        } catch {
            let ended = Ended(open: open, ended: Clock.monotonic.now(), reason: "connect: \(error)")
            state.withLock { $0.ended.append(ended) }
        }
    }

    /// Addresses of ``sources``, in an order that spreads over the whole network.
    private static func source(_ number: Int) -> SocketAddress {
        .ipv4(0x7F58_0000 | UInt32(truncatingIfNeeded: number &* 40_503) & 0xFFFF, port: 0)
    }

    /// Handles readiness; returns why the connection has ended, nil while it has not.
    private func step(_ connection: Connection, _ readiness: Readiness) -> String? {
        if readiness.contains(.writable), !connection.hasSent {
            if let errno = connection.stream.takeError() { return "connect: \(errno)" }
            connection.hasSent = true
            if !settings.sent.isEmpty {
                let result = unsafe settings.sent.withUnsafeBytes { unsafe connection.stream.send($0) }
                if case .failed(let errno) = result { return "\(errno)" }
            }
        }
        guard !readiness.isDisjoint(with: [.readable, .ending]) else { return nil }
        return unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while true {
                switch unsafe connection.stream.receive(into: buffer) {
                case .wouldBlock: return nil
                case .endOfStream: return "closed"
                case .failed(let errno): return "\(errno)"
                case .bytes(let count): unsafe take(Array(buffer[..<count]), connection)
                }
            }
        }
    }

    private func take(_ bytes: [UInt8], _ connection: Connection) {
        guard settings.isAnswerAwaited, !connection.isAnswered else { return }
        connection.answer += bytes.prefix(Self.answerBytesMax - connection.answer.count)
        guard settings.expected.isEmpty || connection.answer.contains(settings.expected) else { return }
        connection.isAnswered = true
        let now = Clock.monotonic.now()
        state.withLock { $0.open[connection.number]?.answered = now }
    }

    private func giveUp(_ now: Instant, _ connections: inout [Int: Connection]) {
        for connection in connections.values where now - connection.began > settings.patience {
            connections[connection.number] = nil
            end(connection.number, Self.givenUp)
        }
    }

    private func end(_ number: Int, _ reason: String) {
        let now = Clock.monotonic.now()
        state.withLock { state in
            guard let open = state.open.removeValue(forKey: number) else { return }
            state.ended.append(Ended(open: open, ended: now, reason: reason))
        }
    }
}
