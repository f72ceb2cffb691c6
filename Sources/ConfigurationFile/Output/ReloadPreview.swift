import Balancer
import Reactor
import Wording

/// What a running balancer would do if it were given a file: listeners, pools and backends are compared by their names.
/// Other settings, such as timeouts, are not: a running balancer does not tell them.
public struct ReloadPreview {
    /// A line for each change, in the order of the file.
    public private(set) var changes: [String] = []
    /// How many of each kind there are, in the order in which the summary has them.
    private var counts: [(what: Kind, count: Int)] = []
    private var sessionsAffected = 0
    private var unchanged: [String] = []

    private enum Kind {
        case drain, close, keep, added, moved, changed, poolAdded, poolRemoved, listenerAdded, listenerRemoved,
            listenerChanged
    }

    /// Compares a file with what a balancer says of itself.
    public init(_ document: Document, against running: RunningState) {
        listeners(document, running)
        pools(document, running)
    }

    /// What it says nothing of.
    public static let remark =
        "not compared: settings, such as policies, limits, checks, timeouts, networks and names of servers"

    /// One line: `2 backends drain, 418 sessions affected, listener web unchanged`
    public var summary: String {
        var parts = counts.map { Self.text($0.what, $0.count) }
        if parts.isEmpty { parts.append("no backend, pool or listener changes") }
        let hasLosers = counts.contains { [.drain, .close, .keep, .moved, .poolRemoved].contains($0.what) }
        if hasLosers { parts.append("\(Self.plural(sessionsAffected, "session")) affected") }
        if unchanged.count == 1 { parts.append("listener \(unchanged[0]) unchanged") }
        if unchanged.count > 1 { parts.append("\(unchanged.count) listeners unchanged") }
        return parts.joined(separator: ", ")
    }

    private static func plural(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

    private static func text(_ kind: Kind, _ count: Int) -> String {
        func some(_ what: String, _ one: String, _ many: String) -> String {
            "\(plural(count, what)) \(count == 1 ? one : many)"
        }
        return switch kind {
        case .drain: some("backend", "drains", "drain")
        case .close: some("backend", "is removed and closes its sessions", "are removed and close their sessions")
        case .keep: some("backend", "is removed", "are removed")
        case .added: some("backend", "is added", "are added")
        case .moved: some("backend", "moves", "move")
        case .changed: some("backend", "changes", "change")
        case .poolAdded: some("pool", "is added", "are added")
        case .poolRemoved: some("pool", "is removed", "are removed")
        case .listenerAdded: some("listener", "is added", "are added")
        case .listenerRemoved: some("listener", "closes", "close")
        case .listenerChanged: some("listener", "changes", "change")
        }
    }

    private mutating func note(_ kind: Kind, _ line: String) {
        changes.append(line)
        if let place = counts.firstIndex(where: { $0.what == kind }) {
            counts[place].count += 1
        } else {
            counts.append((kind, 1))
        }
    }

    // MARK: listeners

    private mutating func listeners(_ document: Document, _ running: RunningState) {
        let before = Dictionary(grouping: running.listeners, by: \.name)
        for listener in document.listeners {
            let name = listener.name.value
            let pool = listener.pool.value
            let isRouted = listener.serverNames != nil
            let addresses = listener.addressTexts
            guard let old = before[name] else {
                let places = addresses?.joined(separator: ", ") ?? "sockets of the service manager"
                note(.listenerAdded, "listener \(name): added, at \(places), for \(listener.poolTexts)")
                continue
            }
            var parts: [String] = []
            if let addresses {
                let new = addresses.filter { address in !old.contains { $0.address == address } }
                let gone = old.map(\.address).filter { !addresses.contains($0) }
                if !new.isEmpty { parts.append("listens at \(new.joined(separator: ", ")) too") }
                if !gone.isEmpty { parts.append("no longer at \(gone.joined(separator: ", "))") }
            }
            if let former = old.first?.pool, former != pool, former != "-" {
                let who = isRouted ? "new clients without a route of their own" : "new clients"
                parts.append("\(who) go to pool \(pool) instead of \(former)")
            }
            if parts.isEmpty {
                unchanged.append(name)
            } else {
                note(.listenerChanged, "listener \(name): \(parts.joined(separator: "; "))")
            }
        }
        let names = Set(document.listeners.map(\.name.value))
        var told: Set<String> = []
        for old in running.listeners where !names.contains(old.name) && told.insert(old.name).inserted {
            note(.listenerRemoved, "listener \(old.name): closes; its sessions continue")
        }
    }

    // MARK: pools

    private mutating func pools(_ document: Document, _ running: RunningState) {
        let before = Dictionary(grouping: running.backends, by: \.pool)
        for pool in document.pools {
            let name = pool.name.value
            // What discovery has found, or will find, is not in the file.
            if pool.discovery != nil { continue }
            if let old = before[name] {
                compare(pool, with: old)
            } else {
                note(.poolAdded, "pool \(name): added, with \(Self.plural(pool.backends.count, "backend"))")
            }
        }
        let names = Set(document.pools.map(\.name.value))
        var told: Set<String> = []
        for old in running.backends where !names.contains(old.pool) && told.insert(old.pool).inserted {
            let backends = before[old.pool] ?? []
            let sessions = backends.reduce(0) { $0 + $1.sessions }
            sessionsAffected += sessions
            note(
                .poolRemoved,
                "pool \(old.pool): removed, with \(Self.plural(backends.count, "backend")), "
                    + "\(Self.plural(sessions, "session")) affected")
        }
    }

    private mutating func compare(_ pool: Document.Pool, with before: [RunningState.Backend]) {
        let name = pool.name.value
        var old = Dictionary(before.map { ($0.title, $0) }) { first, _ in first }
        for backend in pool.backends {
            guard let former = old.removeValue(forKey: backend.title) else {
                note(.added, "pool \(name): backend \(backend.title) is added")
                continue
            }
            compare(backend, with: former, pool: name)
        }
        for gone in before where old[gone.title] != nil {
            sessionsAffected += gone.sessions
            let sessions = "\(Self.plural(gone.sessions, "session")) affected"
            let line = "pool \(name): backend \(gone.title) is removed"
            switch pool.whenRemoved.value {
            case .keep: note(.keep, "\(line), and its sessions continue: \(sessions)")
            case .drain(let time): note(.drain, "\(line), and drains for \(DurationRange.text(time)): \(sessions)")
            case .close: note(.close, "\(line), and its sessions are closed: \(sessions)")
            }
        }
    }

    private mutating func compare(
        _ backend: Document.Backend, with former: RunningState.Backend, pool: String
    ) {
        let line = "pool \(pool): backend \(backend.title)"
        // Of a name, the running balancer knows an address, and the file does not.
        if let address = backend.addressText, let old = former.address, address != old {
            sessionsAffected += former.sessions
            note(
                .moved,
                "\(line) moves from \(old) to \(address); \(Self.plural(former.sessions, "session")) of the old address "
                    + "\(former.sessions == 1 ? "continues" : "continue")")
        }
        var parts: [String] = []
        if backend.weight.value != former.weight {
            parts.append("weight \(former.weight) becomes \(backend.weight.value)")
        }
        if backend.isBackup.value != former.isBackup {
            parts.append(backend.isBackup.value ? "becomes a backup" : "is no backup any more")
        }
        if !parts.isEmpty { note(.changed, "\(line): \(parts.joined(separator: ", "))") }
    }
}

extension Document.Listener {
    /// `pool web`, or `pools db, web by server name`
    fileprivate var poolTexts: String {
        guard serverNames != nil else { return "pool \(pool.value)" }
        let names = Set(pools).sorted()
        return "pool\(names.count == 1 ? "" : "s") \(names.joined(separator: ", ")) by server name"
    }

    /// Its addresses as a status report has them; nil where it has sockets of the service manager, whose addresses the file
    /// does not say.
    fileprivate var addressTexts: [String]? {
        var texts: [String] = []
        for bind in binds {
            switch bind.value {
            case .addresses(let addresses): texts += addresses.map(\.canonical.description)
            case .unix(let path, _, _, _): texts.append("unix:\(path)")
            case .systemd: return nil
            }
        }
        return texts
    }
}

extension Document.Backend {
    /// What identifies it in its pool: see `Configuration.Backend.title`.
    fileprivate var title: String {
        if let name = name.value { return name }
        return addressText ?? "\(host.text):\(port)"
    }

    /// Its address as a status report has it; nil of a name.
    fileprivate var addressText: String? { host.address(port: port.rawValue)?.destination.description }
}
