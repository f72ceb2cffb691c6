/// Why the clients of a pool are closed.
enum PoolTrouble: Hashable {
    /// No backend is up.
    case noBackend
    /// Every backend that is up has as many sessions as it may have.
    case backendsFull

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
        }
    }

    var endKind: EventKind {
        switch self {
        case .noBackend: .poolServesAgain
        case .backendsFull: .poolHasRoom
        }
    }

    var beginning: StaticString {
        switch self {
        case .noBackend: "no backend is up: new clients are closed at once"
        case .backendsFull: "every backend has its most sessions: new clients are closed at once"
        }
    }

    /// Followed by a number.
    var end: StaticString {
        switch self {
        case .noBackend: "a backend is up again; clients closed meanwhile: "
        case .backendsFull: "a backend has room again; clients closed meanwhile: "
        }
    }
}
