import Reactor

/// What another thread asks of one loop.
enum LoopQuestion: Sendable {
    /// Whether it runs.
    case isAlive
    /// The sessions from this place on that match, a slice at a time.
    case sessions(SessionFilter, from: Int)
    /// One session.
    case session(SessionID)
    /// Ends one session.
    case kill(SessionID)
    /// Ends the sessions from this place on that are on one of these backends, a slice at a time.
    case killAll(of: Set<UInt32>, from: Int)

    /// It is of a slice of the session table.
    var isOfTable: Bool {
        switch self {
        case .sessions, .killAll: true
        case .isAlive, .session, .kill: false
        }
    }
}

/// The loop's answer.
enum LoopAnswer: Sendable {
    case alive(LoopLedger)
    /// Those of a slice that match, and where the next slice begins; nil after the last one.
    case sessions([NamedFacts], next: Int?)
    case session(NamedFacts?)
    /// How many were ended, and where the next slice begins.
    case killed(Int, next: Int?)
}

/// What a loop says of its bytes and descriptors, at one moment.
struct LoopLedger: Sendable {
    /// Bytes taken out of sockets.
    var bytesIn: UInt64
    /// Bytes delivered, and bytes of ended sessions that were not.
    var bytesOut: UInt64
    /// Descriptors that it must have open.
    var descriptors: Int
}

/// A session, with the texts that its numbers do not tell.
struct NamedFacts: Sendable {
    var facts: SessionFacts
    var listener: String
    /// The instant of the answer, by the loop's clock, which leaves stalls of the process out.
    var now: UInt64
    /// The server that its client named.
    var serverName: String?
}

/// Which sessions are asked for.
struct SessionFilter: Sendable {
    /// Their pools; nil for all.
    var pools: Set<UInt32>?
    /// Their backends; nil for all.
    var targets: Set<UInt32>?
    /// The name of their listener; nil for all.
    var listener: String?
    /// The network of their client; nil for all.
    var client: NetworkSet?
    /// They were accepted so long ago, in nanoseconds.
    var age: UInt64 = 0
    /// Nothing has moved in them for so long, in nanoseconds.
    var idle: UInt64 = 0
    /// Bytes wait for a side that does not take them.
    var isStalled = false

    func matches(_ facts: SessionFacts, _ now: Instant) -> Bool {
        if let pools, !pools.contains(facts.pool) { return false }
        if let targets, !targets.contains(facts.target) { return false }
        if let client, !client.contains(facts.client.address) { return false }
        return facts.accepted + age <= now.nanoseconds && facts.lastActive + idle <= now.nanoseconds
            && (!isStalled || facts.trace.client.isOn || facts.trace.backend.isOn)
    }
}

/// Questions of other threads to one loop, which answers some of them in each turn: bounded, so that nobody who asks delays a
/// byte.
final class Mailbox: Sendable {
    private let waker: Waker
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var letters: [Letter] = []
    nonisolated(unsafe) private var isClosed = false

    /// A question, and what is to be called with its answer: by the loop, so it must not wait.
    struct Letter: Sendable {
        let question: LoopQuestion
        let answer: @Sendable (LoopAnswer) -> Void
    }

    /// The most questions that wait.
    static let lettersMax = 256

    init() throws(SystemCallError) {
        waker = try Waker()
    }

    /// Asks the loop, from any thread. False when as many questions wait as may, or the loop has ended.
    func ask(_ question: LoopQuestion, answer: @escaping @Sendable (LoopAnswer) -> Void) -> Bool {
        lock.lock()
        let mayAsk = unsafe !isClosed && letters.count < Self.lettersMax
        if mayAsk { unsafe letters.append(Letter(question: question, answer: answer)) }
        lock.unlock()
        if mayAsk { waker.wake() }
        return mayAsk
    }

    /// Lets the loop's poller report questions.
    func add(to poller: borrowing Poller) throws(SystemCallError) {
        guard let errno = waker.add(to: poller, Self.token) else { return }
        throw SystemCallError(call: "epoll_ctl", subject: "questions", errno: errno)
    }

    /// Shares a kind with the wake-ups of other loops.
    private static var token: Token { Token(.waker, SlabKey(index: 2, generation: 0)) }

    /// True of the token with which a poller reports questions.
    static func isToken(_ token: Token) -> Bool { token.index == 2 }

    /// The next question; nil when there is none.
    func next() -> Letter? {
        lock.lock()
        defer { lock.unlock() }
        return unsafe letters.isEmpty ? nil : letters.removeFirst()
    }

    /// Forgets the wake-ups; to be called before ``next()``.
    func drain() { waker.drain() }

    /// The turn's share is used up: if there is more, the next turn goes on.
    func goOnIfAsked() {
        lock.lock()
        let isAsked = unsafe !letters.isEmpty
        lock.unlock()
        if isAsked { waker.wake() }
    }

    /// The loop has ended: nobody answers any more, and there is nothing to ask for.
    var hasEnded: Bool {
        lock.lock()
        defer { lock.unlock() }
        return unsafe isClosed
    }

    /// The loop ends.
    func close() {
        lock.lock()
        defer { lock.unlock() }
        unsafe isClosed = true
        unsafe letters = []
    }
}
