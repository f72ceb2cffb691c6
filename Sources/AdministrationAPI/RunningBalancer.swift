/// What administration asks of a balancer that runs. All functions may be called on any thread, and none waits; an answer
/// comes on any thread.
public protocol RunningBalancer: Sendable {
    /// What it says of itself; not older than a moment.
    func status() -> Status
    /// What only metrics tell.
    func measurements() -> Measurements
    /// Its sessions. A loop that does not answer within a second is named in the answer.
    func sessions(_ question: SessionQuestion, answer: @escaping @Sendable (Result<SessionList, Refusal>) -> Void)
    /// One session, that lives or is one of the last that have ended.
    func story(ofSession id: String, answer: @escaping @Sendable (Result<SessionStory, Refusal>) -> Void)
    /// Changes something.
    func carryOut(_ wish: Wish, by asker: String, answer: @escaping @Sendable (Result<Change, Refusal>) -> Void)
    /// The configuration as a file, with all defaults written out; nil where it was none.
    func configuration() -> String?
    /// What a reload would change.
    func difference(answer: @escaping @Sendable (Result<ConfigurationDifference, Refusal>) -> Void)
    /// The last events after this number, the oldest first.
    func events(after number: UInt64) -> [EventRow]
    /// Calls `body`, on any thread and at once, after each new event; the only call of this function.
    func whenEvent(_ body: @escaping @Sendable () -> Void)
}

/// Which sessions are asked for; all conditions must hold.
public struct SessionQuestion: Hashable, Sendable {
    /// The name of their pool.
    public var pool: String?
    /// The name of their backend, in any pool or in ``pool``.
    public var backend: String?
    /// The name of their listener.
    public var listener: String?
    /// The network of their client: `10.0.0.0/8`, or an address.
    public var client: String?
    /// They are at least so old.
    public var olderSeconds: Double?
    /// Nothing has moved in them for so long.
    public var idleSeconds: Double?
    /// Bytes wait for a side that does not take them.
    public var isStalled = false
    /// How many are listed at most.
    public var limit = 100

    /// All sessions.
    public init() {}
}

/// What is to be changed.
public enum Wish: Hashable, Sendable {
    /// The state of a backend.
    case backendState(pool: String, backend: String, StateWish)
    /// Figures of a backend.
    case backendSetting(pool: String, backend: String, SettingWish)
    /// A new backend of a pool.
    case addBackend(pool: String, NewBackend)
    /// A backend is to leave; its sessions end as its pool's `when_removed` says.
    case removeBackend(pool: String, backend: String, isDryRun: Bool)
    /// The state of a listener.
    case listenerState(listener: String, StateWish)
    /// Figures of a listener.
    case listenerSetting(listener: String, SettingWish)
    /// One session is to end.
    case killSession(id: String, isDryRun: Bool)
    /// Sessions of a backend are to end, those that are connected or connecting to it.
    case killSessions(pool: String?, backend: String, isDryRun: Bool)
    /// The file is to be read again.
    case reload
}
