/// Why the clients of a pool are closed, or wait.
enum PoolTrouble: Int, Hashable, CaseIterable {
    /// No backend is up.
    case noBackend
    /// Every backend that is up has as many sessions as it may have.
    case backendsFull
    /// The pool's queue has as many clients as it may have.
    case queueFull
    /// Clients wait in the pool's queue.
    case waiting

    /// The trouble of one pool.
    struct Place: Hashable {
        let pool: PoolID
        let trouble: PoolTrouble
    }

    func of(_ pool: PoolID) -> Place { Place(pool: pool, trouble: self) }

    var beginningKind: EventKind {
        switch self {
        case .noBackend: .poolNoBackend
        case .backendsFull: .poolFull
        case .queueFull: .poolQueueFull
        case .waiting: .poolWaiting
        }
    }

    var endKind: EventKind {
        switch self {
        case .noBackend: .poolServesAgain
        case .backendsFull: .poolHasRoom
        case .queueFull: .poolQueueHasRoom
        case .waiting: .poolWaitsNoMore
        }
    }

    var beginning: StaticString {
        switch self {
        case .noBackend: "no backend is up: new clients are closed at once"
        case .backendsFull: "every backend, or the pool, has its most sessions: new clients are closed at once"
        case .queueFull: "the queue is full: new clients are closed at once"
        case .waiting: "every backend, or the pool, has its most sessions: new clients wait"
        }
    }

    /// Followed by a number.
    var end: StaticString {
        switch self {
        case .noBackend: "a backend is up again; clients closed meanwhile: "
        case .backendsFull: "a backend has room again; clients closed meanwhile: "
        case .queueFull: "the queue has room again; clients closed meanwhile: "
        case .waiting: "no client waits any more; clients that have waited: "
        }
    }
}
