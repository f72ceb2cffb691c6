import Balancer
import Reactor
import Wording

/// What is wrong between keys that are right by themselves. Keys with mistakes are missing here, and passed over.
enum Checks {
    /// - Parameter isComplete: Whether all files could be read; otherwise a pool that is not there may be in another one.
    static func run(
        _ main: Fields, listeners: [Value.Named], pools: [Value.Named], isComplete: Bool,
        _ mistakes: inout MistakeList
    ) {
        names(listeners, "listener", Path.top.key("listeners"), &mistakes)
        names(pools, "pool", Path.top.key("pools"), &mistakes)
        counts(main, listeners: listeners, pools: pools, &mistakes)
        if let fields = main.fields("log") { log(fields, &mistakes) }
        let poolNames = pools.map(\.name)
        // Without any pool that is the mistake, and not that each listener misses its own.
        for listener in listeners where isComplete && !pools.isEmpty {
            for named in listener.namedPools where !poolNames.contains(named.pool) {
                let question = Suggestion.question(named.pool, among: poolNames).map { "; \($0)" } ?? ""
                mistakes.add(
                    named.place, named.path, "there is no pool '\(named.pool)'\(question)",
                    allowed: poolNames.prefix(namesShown).joined(separator: ", "))
            }
        }
        for listener in listeners { PrefaceChecks.run(listener, &mistakes) }
        var binds = BindChecks(threads: main.fields("process")?.count("threads") ?? 1)
        for listener in listeners { binds.add(listener, &mistakes) }
        if let fields = main.fields("administration"), let path = fields.text("socket") {
            let key = Path.top.key("administration").key("socket")
            binds.add(socket: path, at: fields.place(of: "socket"), key, &mistakes)
        }
        if let fields = main.fields("administration") { administration(fields, &binds, &mistakes) }
        let own = binds.own
        for pool in pools { check(pool, besides: own, &mistakes) }
        if let defaults = main.fields("defaults")?.fields("keepalive") {
            keepalive(defaults, Path.top.key("defaults").key("keepalive"), &mistakes)
        }
        for listener in listeners {
            guard let fields = listener.fields.fields("keepalive") else { continue }
            keepalive(fields, Path.top.key("listeners").key(listener.name).key("keepalive"), &mistakes)
        }
    }

    /// An address that others can reach needs a token; no address is a listener's.
    private static func administration(
        _ fields: Fields, _ binds: inout BindChecks, _ mistakes: inout MistakeList
    ) {
        let path = Path.top.key("administration").key("http")
        for found in fields.list("http") {
            guard let place = found.origin.place, case .bind(let bind) = found.value else { continue }
            guard let address = bind.addresses.first, bind.addresses.count == 1 else {
                mistakes.add(place, path, "\(bind) is a range of ports: one port is needed, as in 127.0.0.1:9180")
                continue
            }
            binds.add(administration: address, place, path, &mistakes)
            guard !address.isLoopback, !fields.written.contains("token_file") else { continue }
            mistakes.add(
                place, path,
                "\(address) can be reached from elsewhere: add 'token_file', without which only an address of loopback may be "
                    + "given, as 127.0.0.1:\(address.port)")
        }
    }

    /// More names than these are not listed with a mistake.
    private static let namesShown = 20

    private static func names(
        _ list: [Value.Named], _ what: String, _ path: Path, _ mistakes: inout MistakeList
    ) {
        var places: [String: Place] = [:]
        for named in list {
            if let first = places[named.name] {
                mistakes.add(
                    named.place, path.key(named.name),
                    "the \(what) '\(named.name)' exists already, at \(first): rename one of them")
            } else {
                places[named.name] = named.place
            }
        }
    }

    private static func counts(
        _ main: Fields, listeners: [Value.Named], pools: [Value.Named], _ mistakes: inout MistakeList
    ) {
        let listed = pools.reduce(0) { $0 + $1.fields.list("backends").count }
        // A discovered pool may come to have so many, and then all must find room.
        let discovered = pools.reduce(0) { $0 + ($1.fields.fields("backends")?.count("max") ?? 0) }
        let backends = listed + discovered
        if pools.count > Limits.poolsMax, let last = pools.last {
            mistakes.add(last.place, Path.top.key("pools"), "\(pools.count) pools: at most \(Limits.poolsMax)")
        }
        if backends > Limits.backendsMax, let last = pools.last {
            let remedy =
                discovered > 0 ? "; \(discovered) of them are what discovered pools may have: set their 'max'" : ""
            mistakes.add(
                last.place, Path.top.key("pools"),
                "\(backends) backends in all pools: at most \(Limits.backendsMax)\(remedy)")
        }
        let addresses = listeners.reduce(0) { sum, listener in
            sum + listener.fields.list("bind").reduce(0) { $0 + ($1.value.portCount) }
        }
        if addresses > Limits.listenersMax, let last = listeners.last {
            mistakes.add(
                last.place, Path.top.key("listeners"),
                "\(addresses) addresses and ports to listen on: at most \(Limits.listenersMax)")
        }
    }

    /// The lines of the one-line command are a log of their own.
    private static func log(_ fields: Fields, _ mistakes: inout MistakeList) {
        guard fields.written.contains("mode"), let place = fields.place(of: "mode") else { return }
        let others = ["sessions", "events"].filter(fields.written.contains)
        guard !others.isEmpty else { return }
        mistakes.add(
            place, Path.top.key("log").key("mode"),
            "'mode' is the log of the one-line command, instead of '\(others.joined(separator: "' and '"))': leave one out"
        )
    }

    private static func check(_ pool: Value.Named, besides own: [OwnAddress], _ mistakes: inout MistakeList) {
        let path = Path.top.key("pools").key(pool.name)
        backends(pool.fields.list("backends"), path.key("backends"), besides: own, &mistakes)
        if let fields = pool.fields.fields("backends"), let least = fields.count("min"), let most = fields.count("max"),
            least > most, let place = fields.place(of: "min") ?? fields.place(of: "max")
        {
            mistakes.add(
                place, path.key("backends").key("min"),
                "\(least) is more than 'max', \(most): no answer would be believed")
        }
        sourcesAndCheck(pool, path, &mistakes)
    }

    /// Backends as they are listed: each once, and none of them the balancer itself.
    static func backends(
        _ list: [Value.Found], _ path: Path, besides own: [OwnAddress], _ mistakes: inout MistakeList
    ) {
        var titles: [String: Place] = [:]
        for (index, found) in list.enumerated() {
            let path = path.element(index)
            guard let (backend, place, name) = found.backend else { continue }
            let title = name?.text ?? backend.description
            if let first = titles[title] {
                mistakes.add(
                    name?.place ?? place, path,
                    "the pool has a backend '\(title)' already, at \(first): name each once, "
                        + "or give one of them a name of its own")
            } else {
                titles[title] = name?.place ?? place
            }
            if let address = backend.address, own.contains(where: { $0.receives(address) }) {
                mistakes.add(
                    place, path,
                    "\(backend) is an address that the balancer itself listens on, so it would connect to itself: "
                        + "give the backend's own port")
            }
        }
    }

    private static func sourcesAndCheck(_ pool: Value.Named, _ path: Path, _ mistakes: inout MistakeList) {
        var sources: Set<SocketAddress> = []
        for (index, found) in pool.fields.list("source").enumerated() {
            guard case .source(let address) = found.value, let place = found.origin.place else { continue }
            if !sources.insert(address).inserted {
                mistakes.add(place, path.key("source").element(index), "\(address.host) stands twice: leave one out")
            }
        }
        if let check = pool.fields.fields("check") { ProbeChecks.run(check, path.key("check"), &mistakes) }
        if let agent = pool.fields.fields("agent") { ProbeChecks.intervals(agent, path.key("agent"), &mistakes) }
        if let fields = pool.fields.fields("keepalive") { keepalive(fields, path.key("keepalive"), &mistakes) }
        queue(pool.fields, path, &mistakes)
        if let passive = pool.fields.fields("passive"), let time = passive.duration("ejected"),
            let most = passive.duration("ejected_max"), time > most,
            let place = passive.place(of: "ejected") ?? passive.place(of: "ejected_max")
        {
            mistakes.add(
                place, path.key("passive").key("ejected"),
                "\(DurationRange.text(time)) is longer than 'ejected_max', \(DurationRange.text(most))")
        }
    }

    /// Clients wait for a place only where something limits sessions.
    private static func queue(_ pool: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        guard pool.fields("queue") != nil, let place = pool.place(of: "queue") else { return }
        // What is discovered may bring limits, and so may an agent.
        guard pool.fields("backends") == nil, pool.fields("agent") == nil, pool["sessions_max"]?.value.asCount == nil
        else { return }
        let isLimited = pool.list("backends").contains { found in
            if case .fields(let backend) = found.value { backend["sessions_max"]?.value.asCount != nil } else { false }
        }
        guard !isLimited else { return }
        mistakes.add(
            place, path.key("queue"),
            "nobody would ever wait, since nothing limits sessions: add 'sessions_max' to the pool or to its backends, or "
                + "leave 'queue' out")
    }

    /// The kernel counts in seconds.
    private static func keepalive(_ fields: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        for key in ["idle", "interval"] {
            guard let duration = fields.duration(key), duration.components.attoseconds != 0,
                case .file(let place)? = fields[key]?.origin
            else { continue }
            mistakes.add(
                place, path.key(key), "'\(DurationRange.text(duration))': the kernel takes whole seconds here")
        }
    }
}

extension Value {
    /// How many addresses to listen on it is.
    var portCount: Int {
        if case .bind(let bind) = self { Int(bind.lastPort) - Int(bind.first.port) + 1 } else { 1 }
    }
}

extension Value.Found {
    /// Of a backend: its address, the place of that, and its own name if it has one. nil when there is a mistake in it.
    var backend: (address: BackendAddress, place: Place, name: (text: String, place: Place)?)? {
        switch value {
        case .backend(let address): return origin.place.map { (address, $0, nil) }
        case .fields(let fields):
            guard case .backend(let address)? = fields["address"]?.value, let place = fields.place(of: "address")
            else { return nil }
            let name = fields.text("name").flatMap { text in fields.place(of: "name").map { (text, $0) } }
            return (address, place, name)
        default: return nil
        }
    }
}
