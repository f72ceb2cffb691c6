import Balancer
import Reactor

// The document from the keys that were found.
extension Document {
    init(
        file: String, _ fields: Fields, listeners: [Value.Named], pools: [Value.Named], _ networks: NetworkFiles,
        _ mistakes: MistakeList
    ) throws(MissingKey) {
        self.file = file
        networkFiles = networks.files
        self.mistakes = mistakes
        var fields = fields
        fields["listeners"] = .init(value: .named(listeners), origin: .builtIn)
        fields["pools"] = .init(value: .named(pools), origin: .builtIn)
        log = try Log(try fields.section("log"))
        fields.leaveOutLogSections()
        self.fields = fields
        process = try Process(try fields.section("process"))
        var allListeners: [Listener] = []
        for listener in listeners { allListeners.append(try Listener(listener, networks)) }
        self.listeners = allListeners
        var allPools: [Pool] = []
        for pool in pools { allPools.append(try Pool(pool)) }
        self.pools = allPools
        administration = Administration(try fields.section("administration"))
    }
}

extension Value.Named {
    fileprivate var setting: Setting<String> { .init(value: name, origin: .file(place)) }
}

extension Document.Process {
    fileprivate init(_ fields: Fields) throws(MissingKey) {
        threads = try fields.setting("threads", \.asCount)
        sessionsMax = fields.optional("sessions_max", \.asCount)
        drainTime = try fields.setting("drain_time", \.asDuration)
        freezesWhenAllFail = try fields.setting("freeze_when_all_fail", \.asFlag)
        busyPoll = try fields.setting("busy_poll", \.asBusyPoll)
        fastOpen = try fields.setting("fast_open", \.asFlag)
        warmConnections = try fields.setting("warm_connections", \.asCount)
    }
}

extension Document.Administration {
    fileprivate init(_ fields: Fields) {
        socket = fields.optional("socket", \.asText)
        http = fields.list("http").flatMap { found -> [Setting<SocketAddress>] in
            guard case .bind(let bind) = found.value else { return [] }
            return bind.addresses.map { .init(value: $0, origin: found.origin) }
        }
        tokenFile = fields.optional("token_file", \.asText)
        hosts = fields.list("hosts").compactMap { found in
            if case .text(let text) = found.value { .init(value: text, origin: found.origin) } else { nil }
        }
    }
}

extension Document.Listener {
    fileprivate init(_ named: Value.Named, _ networks: NetworkFiles) throws(MissingKey) {
        let fields = named.fields
        name = named.setting
        var binds: [Setting<Document.Bind>] = []
        for found in fields.list("bind") {
            binds.append(.init(value: try Document.Bind(found.value), origin: found.origin))
        }
        self.binds = binds
        serverNames = try fields.fields("server_name").map { names throws(MissingKey) in try .init(names) }
        if let serverNames {
            pool = .init(value: try serverNames.standardPool, origin: fields["server_name"]?.origin ?? .builtIn)
        } else {
            pool = try fields.setting("pool", \.asText)
        }
        proxy = try fields.fields("proxy_protocol").map { proxy throws(MissingKey) in try .init(proxy) }
        clients = try Configuration.ClientRules(fields, networks)
        backlog = fields.optional("backlog", \.asCount)
        sessionsMax = try fields.section("limits").optional("sessions", \.asCount)
        userTimeout = fields.optional("user_timeout", \.asDuration)
        keepalive = try Document.Keepalive(try fields.section("keepalive"))
    }
}

extension Document.Bind {
    /// The permissions of a Unix socket that says nothing about them: its own user only.
    static let standardMode: UInt32 = 0o600

    init(_ value: Value) throws(MissingKey) {
        switch value {
        case .bind(let bind): self = .addresses(bind.addresses)
        case .fields(let fields):
            if let path = fields.text("unix") {
                self = .unix(
                    path: path, mode: fields["mode"]?.value.asMode ?? Self.standardMode,
                    owner: fields["owner"]?.value.asIdentity, group: fields["group"]?.value.asIdentity)
            } else if let name = fields.text("systemd") {
                self = .systemd(name: name)
            } else {
                throw MissingKey(name: "unix")
            }
        default: throw MissingKey(name: "bind")
        }
    }
}

extension Document.Pool {
    fileprivate init(_ named: Value.Named) throws(MissingKey) {
        let fields = named.fields
        name = named.setting
        var backends: [Document.Backend] = []
        for found in fields.list("backends") { backends.append(try Document.Backend(found)) }
        self.backends = backends
        discovery = fields.fields("backends")
        if let discovery { _ = try DiscoveredPool(discovery, pool: named.name, preferredFamily: 0) }
        policy = try fields.setting("policy") { $0.asWord.flatMap(PolicyKind.init(rawValue:)) }
        let hash = try fields.section("source_hash")
        var settings = SourceHash.Settings()
        settings.prefix4 = try hash.setting("prefix4", \.asCount).value
        settings.prefix6 = try hash.setting("prefix6", \.asCount).value
        settings.loadMax = hash.optional("load_max", \.asShare).value
        sourceHash = .init(value: settings, origin: fields["source_hash"]?.origin ?? .builtIn)
        check = try Document.Check(try fields.section("check"))
        agent = try Document.Check.agent(fields.fields("agent"))
        sources = fields.list("source").compactMap { found in
            if case .source(let address) = found.value { .init(value: address, origin: found.origin) } else { nil }
        }
        connectTimeout = try fields.setting("connect_timeout", \.asDuration)
        idleTimeout = try fields.setting("idle_timeout", \.asDuration)
        halfClosedTimeout = fields.optional("half_closed_timeout", \.asDuration)
        sessionAgeMax = fields.optional("session_age_max", \.asDuration)
        userTimeout = fields.optional("user_timeout", \.asDuration)
        keepalive = try Document.Keepalive(try fields.section("keepalive"))
        let retries = try fields.section("retries")
        retriesMax = retries.optional("max", \.asCount)
        retriesTimeout = retries.optional("timeout", \.asDuration)
        passive = .init(
            value: try fields.fields("passive").map { fields throws(MissingKey) in try .init(fields) },
            origin: fields["passive"]?.origin ?? .builtIn)
        queue = .init(
            value: try fields.fields("queue").map { fields throws(MissingKey) in
                .init(
                    max: try fields.setting("max", \.asCount).value,
                    timeout: try fields.setting("timeout", \.asDuration).value)
            }, origin: fields["queue"]?.origin ?? .builtIn)
        sessionsMax = fields.optional("sessions_max", \.asCount)
        rebalance = .init(
            value: try fields.fields("rebalance").map { fields throws(MissingKey) in
                .init(
                    share: try fields.setting("share", \.asShare).value,
                    every: try fields.setting("every", \.asDuration).value,
                    idle: try fields.setting("idle", \.asDuration).value)
            }, origin: fields["rebalance"]?.origin ?? .builtIn)
        proxy = try fields["proxy_protocol"].map { found throws(MissingKey) in try .init(found.value) }
        slowStart = fields.optional("slow_start", \.asDuration)
        panicThreshold = try fields.setting("panic_threshold", \.asShare)
        closesWhenDown = try fields.setting("when_down") { $0.asWord.map { $0 == "close" } }
        whenRemoved = try fields.setting("when_removed", \.asRemoval)
    }
}

extension Configuration.PassiveCheck {
    fileprivate init(_ fields: Fields) throws(MissingKey) {
        self.init()
        failures = try fields.setting("failures", \.asCount).value
        within = try fields.setting("within", \.asDuration).value
        ejected = try fields.setting("ejected", \.asDuration).value
        ejectedMax = try fields.setting("ejected_max", \.asDuration).value
        shareMax = try fields.setting("share_max", \.asShare).value
    }
}

extension Document.Backend {
    init(_ found: Value.Found) throws(MissingKey) {
        let fields: Fields
        let address: Value.Found?
        switch found.value {
        case .fields(let own):
            fields = own
            address = own["address"]
        default:
            fields = Decoder.standardBackend
            address = found
        }
        guard let address, case .backend(let backend) = address.value else { throw MissingKey(name: "address") }
        host = backend.host
        port = backend.port
        place = address.origin.place
        name = fields.optional("name", \.asText)
        weight = try fields.setting("weight", \.asCount)
        isBackup = try fields.setting("backup", \.asFlag)
        sessionsMax = fields.optional("sessions_max", \.asCount)
    }
}

extension Document.Keepalive {
    fileprivate init(_ fields: Fields) throws(MissingKey) {
        idle = try fields.setting("idle", \.asDuration)
        interval = try fields.setting("interval", \.asDuration)
        probes = try fields.setting("probes", \.asCount)
    }
}

extension Decoder {
    /// What applies to a backend of which only the address is written.
    static let standardBackend = Decoder(
        MistakeList(), Surroundings(variable: { _ in nil }, user: { _ in nil }, group: { _ in nil })
    ).fields(standardsOf: .backend, base: nil)
}
