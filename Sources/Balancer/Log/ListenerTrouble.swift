import Reactor

/// Why clients of a listener are sent away, or wait, before there is a pool for them.
enum ListenerTrouble: Int, Hashable, CaseIterable {
    /// Their network may not come.
    case denied
    /// They have as many sessions as they may, or come too fast.
    case overLimit
    /// Their PROXY header is missing or wrong, or not to be believed.
    case header
    /// They have not named a server in time, or one without a route.
    case name
    /// The listener's rate is reached: they wait.
    case rate

    var beginningKind: EventKind {
        switch self {
        case .denied: .listenerDenies
        case .overLimit: .listenerOverLimit
        case .header: .listenerHeaderWrong
        case .name: .listenerNameWrong
        case .rate: .listenerRate
        }
    }

    var endKind: EventKind {
        switch self {
        case .denied: .listenerDeniesOver
        case .overLimit: .listenerOverLimitOver
        case .header: .listenerHeaderWrongOver
        case .name: .listenerNameWrongOver
        case .rate: .listenerRateOver
        }
    }

    var beginning: StaticString {
        switch self {
        case .denied: "clients of a network that may not come are closed"
        case .overLimit: "a client with as many sessions as it may have, or that comes too fast, is closed"
        case .header: "clients are closed for their PROXY header"
        case .name: "clients are closed for the server that they name"
        case .rate: "the listener's rate is reached: new clients wait"
        }
    }

    /// Followed by a number.
    var end: StaticString {
        switch self {
        case .denied: "no client was denied for a second; clients closed: "
        case .overLimit: "no client was over its limit for a second; clients closed: "
        case .header: "no PROXY header was wrong for a second; clients closed: "
        case .name: "no client was closed for its server's name for a second; clients closed: "
        case .rate: "the listener's rate was not reached for a second; times that it stood still: "
        }
    }
}

/// What keeps clients of a listener out, in one loop: an ``Episode`` of each ``ListenerTrouble``.
struct ListenerTroubles {
    private var episodes = [Episode](repeating: Episode(), count: ListenerTrouble.allCases.count)

    /// True while any lasts.
    var isOn: Bool { episodes.contains(where: \.isOn) }

    /// Counts a client; true when the trouble begins with it.
    mutating func add(to trouble: ListenerTrouble, now: Instant) -> Bool {
        episodes[trouble.rawValue].add(now: now)
    }

    /// Ends those that are over, and returns how many clients each concerned.
    mutating func end(now: Instant, isBeyondRate: Bool) -> [(ListenerTrouble, clients: Int)] {
        ListenerTrouble.allCases.compactMap { trouble in
            trouble == .rate && isBeyondRate
                ? nil : episodes[trouble.rawValue].end(now: now).map { (trouble, clients: $0) }
        }
    }
}
