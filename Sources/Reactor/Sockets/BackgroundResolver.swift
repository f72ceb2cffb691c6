/// Looks names up on separate threads, so that a loop need not wait for a name server: getaddrinfo(3) blocks until one
/// answers or its timeouts have passed.
///
/// Threads exist only while names are being looked up. An answer makes an event in the loop that asked; each question
/// gets exactly one answer.
public struct BackgroundResolver: ~Copyable {
    /// Names to addresses; called on any thread, and may block.
    public typealias Lookup = @Sendable (HostName) throws(ResolverError) -> [SocketAddress]

    /// The answer to a question.
    public struct Answer: Sendable {
        /// The tag of the question.
        public let tag: Token
        /// The addresses, or why there are none.
        public let result: Result<[SocketAddress], ResolverError>
    }

    /// Threads at the most. More than one, so that a few names with dead name servers (10 s a question, resolv.conf(5))
    /// do not delay the others.
    public static let threadsMax = 4

    private let desk: Desk

    /// The system's resolver.
    public static let system: Lookup = { (name) throws(ResolverError) in
        try Resolver.addresses(of: name.host, port: name.port)
    }

    /// A resolver that has no questions yet.
    public init(_ lookUp: @escaping Lookup = system) throws(SystemCallError) {
        desk = try Desk(lookUp)
    }

    /// Adds it to the poller of the loop that asks: its event means that there are ``answers()``.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        desk.waker.add(to: poller, token)
    }

    /// Looks `name` up. The queue has no bound of its own: the caller has at most one question per name open.
    public func ask(_ name: HostName, tag: Token) {
        desk.put(name, tag)
    }

    /// Answers that have come, the oldest first and at most `count`; to be called when the event arrives. When it
    /// returns `count` of them there may be more, for which there is no further event.
    public func answers(atMost count: Int = .max) -> [Answer] {
        desk.waker.drain()
        return desk.takeAnswers(count)
    }
}

/// The questions and answers. It outlives the loop for as long as a thread waits for a name server.
///
/// Unchecked `Sendable`: the properties that change are only accessed with the lock held.
private final class Desk: @unchecked Sendable {
    let waker: Waker
    private let lookUp: BackgroundResolver.Lookup
    private let lock = Lock()
    private var questions: [(name: HostName, tag: Token)] = []
    /// How many of the questions have been taken. They are removed together: with each one all others would move, and
    /// of thousands that would take long, with the lock held.
    private var taken = 0
    private var answers: [BackgroundResolver.Answer] = []
    private var threads = 0

    init(_ lookUp: @escaping BackgroundResolver.Lookup) throws(SystemCallError) {
        waker = try Waker()
        self.lookUp = lookUp
    }

    func put(_ name: HostName, _ tag: Token) {
        lock.lock()
        questions.append((name, tag))
        let needsThread = threads < BackgroundResolver.threadsMax
        if needsThread { threads += 1 }
        lock.unlock()
        guard needsThread else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "resolver") { self.work() }
        } catch {
            refuse(error)
        }
    }

    func takeAnswers(_ count: Int) -> [BackgroundResolver.Answer] {
        lock.lock()
        defer { lock.unlock() }
        let taken = Array(answers.prefix(count))
        answers.removeFirst(taken.count)
        return taken
    }

    /// The body of a thread: answers questions until there are none.
    private func work() {
        while let (name, tag) = next() {
            do throws(ResolverError) {
                answer(tag, .success(try lookUp(name)))
            } catch {
                answer(tag, .failure(error))
            }
        }
    }

    /// The next question; nil when there is none, and the thread, which is then no longer counted, has to end.
    private func next() -> (HostName, Token)? {
        lock.lock()
        defer { lock.unlock() }
        if 2 * taken >= questions.count {
            questions.removeFirst(taken)
            taken = 0
        }
        if taken < questions.count {
            taken += 1
            return questions[taken - 1]
        }
        threads -= 1
        return nil
    }

    private func answer(_ tag: Token, _ result: Result<[SocketAddress], ResolverError>) {
        lock.lock()
        answers.append(.init(tag: tag, result: result))
        lock.unlock()
        waker.wake()
    }

    /// No thread could be started. If others run, they answer the question; otherwise all questions fail.
    private func refuse(_ error: SystemCallError) {
        lock.lock()
        threads -= 1
        let orphans = threads == 0 ? questions[taken...] : []
        if threads == 0 {
            questions.removeAll()
            taken = 0
        }
        lock.unlock()
        for (name, tag) in orphans {
            let reason = "\(error)"
            answer(tag, .failure(ResolverError(host: name.host, reason: reason, cause: .unanswered)))
        }
    }
}
