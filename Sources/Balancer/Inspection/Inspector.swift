import AdministrationAPI
import Glibc
import Reactor

/// What a running balancer tells those who ask, and what it does for them: the balancer's side of administration.
///
/// What loops share (roster, counters) is read on the asker's thread, without a loop; what only a loop has (its sessions) is
/// asked for by its ``Mailbox``, and put into words here. Orders go to the loop with the duties.
public final class Inspector: RunningBalancer {
    let access: LoopAccess
    let version: String
    let hooks: Hooks
    let heartbeats: Heartbeats
    let turns: TurnWindows
    let tables = TableTurns()
    private let differences = SharedAnswer<Result<ConfigurationDifference, Refusal>>()
    private let thread: InspectionThread

    /// What the balancer itself does not know: where its configuration comes from.
    public struct Hooks: Sendable {
        /// The configuration as a file; nil where it was none.
        public var configuration: @Sendable () -> String?
        /// What a reload would change, given what there is.
        public var difference: @Sendable (Status) -> Result<ConfigurationDifference, Refusal>
        /// Begins to read the configuration again; `answer` gets what came of it, once. Nil where there is no file.
        public var reload: (@Sendable (_ answer: @escaping @Sendable (Result<String, Refusal>) -> Void) -> Void)?
        /// Reads what a new backend of the pool is to be.
        public var backend: @Sendable (NewBackend, _ pool: String) -> Result<Configuration.Backend, Refusal>

        /// All of it.
        public init(
            configuration: @escaping @Sendable () -> String?,
            difference: @escaping @Sendable (Status) -> Result<ConfigurationDifference, Refusal>,
            reload: (@Sendable (_ answer: @escaping @Sendable (Result<String, Refusal>) -> Void) -> Void)?,
            backend: @escaping @Sendable (NewBackend, _ pool: String) -> Result<Configuration.Backend, Refusal>
        ) {
            self.configuration = configuration
            self.difference = difference
            self.reload = reload
            self.backend = backend
        }
    }

    /// How long a loop may take to answer; then it is stuck.
    public static let answerTime: Duration = .seconds(1)

    /// Inspects the loops of `access`. Throws where there is no thread for it.
    public init(_ access: LoopAccess, version: String, _ hooks: Hooks) throws(SystemCallError) {
        self.access = access
        self.version = version
        self.hooks = hooks
        heartbeats = Heartbeats(loops: access.mailboxes.count)
        turns = TurnWindows()
        thread = try InspectionThread()
        beat()
    }

    /// Calls `body` after a time, on the inspector's thread.
    func after(_ time: Duration, _ body: @escaping @Sendable () -> Void) { thread.run(after: time, body) }

    /// Asks each loop now and then whether it is alive, unless it was asked and has not answered.
    private func beat() {
        heartbeats.begin()
        for loop in access.mailboxes.indices where !access.mailboxes[loop].hasEnded && heartbeats.ask(loop) {
            let heartbeats = heartbeats
            // A full mailbox leaves the loop asked.
            _ = access.mailboxes[loop].ask(.isAlive) { reply in
                if case .alive(let ledger) = reply { heartbeats.answered(loop, ledger) }
            }
        }
        after(Heartbeats.interval) { [weak self] in self?.beat() }
    }

    /// Asks a loop; nil is the answer of one that does not answer in time. `answer` is called once, on the inspector's thread:
    /// what it does with a table is no loop's work.
    func ask(_ loop: Int, _ question: LoopQuestion, _ answer: @escaping @Sendable (LoopAnswer?) -> Void) {
        let once = Once(answer)
        let (heartbeats, thread) = (heartbeats, thread)
        let isAsked = access.mailboxes[loop].ask(question) { reply in
            heartbeats.answered(loop)
            thread.run { once.call(reply) }
        }
        guard isAsked else { return thread.run { once.call(nil) } }
        after(Self.answerTime) { once.call(nil) }
    }

    // MARK: events

    /// The last events after this number.
    public func events(after number: UInt64) -> [EventRow] { access.recorder.events(after: number) }

    /// Calls `body` at each new event.
    public func whenEvent(_ body: @escaping @Sendable () -> Void) { access.recorder.whenEvent(body) }

    // MARK: configuration

    /// The configuration as a file.
    public func configuration() -> String? { hooks.configuration() }

    /// What a reload would change. The file is read on a thread of its own; who asks meanwhile gets the same answer.
    public func difference(answer: @escaping @Sendable (Result<ConfigurationDifference, Refusal>) -> Void) {
        guard differences.join(answer) else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "balancer/diff") { [self] in differences.give(hooks.difference(status())) }
        } catch {
            differences.give(.failure(Refusal(error: "cannot read the file: \(error)")))
        }
    }
}

/// One answer for all who ask while it is being found out.
final class SharedAnswer<Value: Sendable>: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var waiting: [@Sendable (Value) -> Void] = []

    /// Waits for the answer; true when nobody finds it out yet, so that the caller does.
    func join(_ answer: @escaping @Sendable (Value) -> Void) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        unsafe waiting.append(answer)
        return unsafe waiting.count == 1
    }

    /// Gives it to all who wait.
    func give(_ value: Value) {
        lock.lock()
        let waiting = unsafe exchange(&self.waiting, with: [])
        lock.unlock()
        for answer in waiting { answer(value) }
    }
}

/// Walks through the session table, one after the other: so any number of askers costs a loop no more than one does.
final class TableTurns: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held. The first one walks.
    nonisolated(unsafe) private var walks: [@Sendable () -> Void] = []

    /// The most that wait.
    private static let walksMax = 64

    /// Begins a walk when those before have ended; false when too many wait.
    func begin(_ walk: @escaping @Sendable () -> Void) -> Bool {
        lock.lock()
        let (isFirst, mayWait) = unsafe (walks.isEmpty, walks.count < Self.walksMax)
        if mayWait { unsafe walks.append(walk) }
        lock.unlock()
        if isFirst { walk() }
        return mayWait
    }

    /// A walk has ended: the next one begins.
    func end() {
        lock.lock()
        unsafe walks.removeFirst()
        let next = unsafe walks.first
        lock.unlock()
        next?()
    }
}

/// Calls a function once, whoever comes first.
final class Once<Value: Sendable>: Sendable {
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var body: (@Sendable (Value) -> Void)?

    init(_ body: @escaping @Sendable (Value) -> Void) { unsafe self.body = body }

    func call(_ value: Value) {
        lock.lock()
        let body = unsafe exchange(&self.body, with: nil)
        lock.unlock()
        body?(value)
    }
}
