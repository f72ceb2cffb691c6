/// Identifies a listener for as long as the process runs. Never given twice.
struct ListenerID: Hashable, Sendable {
    let rawValue: UInt32
}

/// One listener of a roster.
struct ListenerEntry: Sendable {
    let id: ListenerID
    var settings: Configuration.ListenerSettings
    var pool: PoolID
    /// The limit on its sessions, which all entries of its name share.
    let places: ListenerPlaces
    /// What is counted of it, for as long as its name is known.
    let counters: LoopCounters
    /// What is asked of its clients before they get a backend; nil for nothing.
    let rules: ListenerRules?
    /// Who is there, and what is counted, since the listener's name had rules for the first time; nil before.
    let standing: ListenerStanding?
    /// An operator lets it accept nobody; its socket stays.
    var isPaused = false
}

extension Configuration.ListenerSettings {
    /// True when the other settings can be those of the same socket: only what a listening socket can change differs.
    func canKeepSocket(of other: Self) -> Bool {
        address == other.address && inherited == other.inherited && isIPv6Only == other.isIPv6Only
    }
}

/// What a new configuration makes of the listeners: by address, since that is what a socket is bound to. A listener that
/// only gets another name, pool, backlog or options keeps its socket, so that no client is refused.
struct ListenerPlan {
    /// A listener that keeps its socket, and has other settings than before.
    struct Change {
        let id: ListenerID
        let old: Configuration.ListenerSettings
        let new: Configuration.ListenerSettings
    }

    /// The listeners of the configuration, in its order.
    private(set) var entries: [(id: ListenerID, settings: Configuration.ListenerSettings)] = []
    /// Those that have to be bound.
    private(set) var new: [(id: ListenerID, settings: Configuration.ListenerSettings)] = []
    /// Those that stay, with other settings.
    private(set) var changed: [Change] = []
    /// Those that go.
    private(set) var gone: [ListenerEntry] = []

    /// The plan in which listeners that have their ids are bound.
    init(binding listeners: [ListenerEntry]) {
        entries = listeners.map { ($0.id, $0.settings) }
        new = entries
    }

    /// - Parameter next: The id of the first new one; it is advanced.
    init(from old: [ListenerEntry], to wanted: [Configuration.ListenerSettings], next: inout UInt32) {
        var rest = Dictionary(grouping: old) { $0.settings.address }
        for settings in wanted {
            let kept = rest[settings.address]?.firstIndex { $0.settings.canKeepSocket(of: settings) }
            if let kept, let entry = rest[settings.address]?.remove(at: kept) {
                entries.append((entry.id, settings))
                if entry.settings != settings {
                    changed.append(Change(id: entry.id, old: entry.settings, new: settings))
                }
            } else {
                let id = ListenerID(rawValue: next)
                next += 1
                entries.append((id, settings))
                new.append((id, settings))
            }
        }
        gone = rest.values.joined().sorted { $0.id.rawValue < $1.id.rawValue }
    }
}
