import Glibc
import Reactor

/// A listener of the loop, and the pool that serves its clients.
struct Entrance: ~Copyable {
    let id: ListenerID
    private(set) var settings: Configuration.ListenerSettings
    var acceptor: Acceptor
    /// The place of the pool in ``Targets``.
    var pool: Int
    /// How many clients the kernel keeps for it; nil for as many as it allows.
    private(set) var backlog: Int?
    /// Of a Unix socket that the balancer has made: its path, which goes with it.
    private let file: SocketFile?
    /// The number of its name in ``ListenerNames``; nil until that is asked for.
    var nameNumber: UInt16?
    /// Clients wait because its rate is reached.
    var isBeyondRate = false
    /// It is about to be closed: its rate counts no more, since clients that are left would be reset.
    var isLeaving = false
    /// Clients were left when its share of a turn was used up, or it was paused: those that come next have waited.
    var haveWaited = false
    /// The limit on the sessions of its name; nil while there is none.
    private(set) var places: ListenerPlaces?
    /// A copy of whether ``places`` is there, which costs less to look at.
    private(set) var isLimited = false
    /// What is asked of its clients before they get a backend; nil for nothing.
    private(set) var rules: ListenerRules?
    /// A copy of whether ``rules`` are there, which costs less to look at.
    private(set) var hasRules = false
    /// The number of ``rules`` in ``Sessions/rules``; nil until a client needs it.
    var door: UInt16?
    /// Where its sessions come in; nil until the first one has.
    var origin: SessionOrigin?
    /// Clients wait because the limit is reached.
    var full = Episode()
    /// What is counted of its name; nil until the roster was taken over.
    var counters: LoopCounters?
    /// An operator lets it accept nobody.
    var isHeld = false
    /// It accepts nobody, and waits for no place: an operator holds it. Clients that are left at the end are served.
    var isHeldBack: Bool { isHeld && !isLeaving }
    /// Since when it accepts nobody, or until when that is counted; nil while it accepts.
    var pausedSince: Instant?
    /// Failed accepts since the last one that succeeded.
    var failures = 0

    /// What the operator calls it. Several addresses of one listener have the same name.
    var name: String { settings.name }

    /// Binds a listener, or takes the socket that the service manager has made. `address` is where several loops listen;
    /// `joining`: as one of these.
    init(
        _ id: ListenerID, _ settings: Configuration.ListenerSettings, at address: SocketAddress? = nil, backlog: Int?,
        joining: Bool = false
    ) throws(SystemCallError) {
        self.id = id
        self.settings = settings
        self.backlog = settings.backlog.map(Int.init) ?? backlog
        pool = settings.pool
        if let path = settings.socketPath {
            let bound = try UnixListener(settings, path, backlog: self.backlog)
            acceptor = Acceptor(bound.listener)
            file = bound.file
            return
        }
        let keepalive = settings.socketOptions.keepalive?.settings
        let userTimeout = settings.socketOptions.userTimeoutMilliseconds
        if let socket = settings.inherited {
            acceptor = Acceptor(try Listener(sharing: socket, keepalive: keepalive, userTimeout: userTimeout))
        } else {
            acceptor = Acceptor(
                try Listener(
                    address ?? settings.address, isIPv6Only: settings.isIPv6Only, keepalive: keepalive,
                    userTimeout: userTimeout,
                    backlog: self.backlog, joining: joining))
        }
        file = nil
    }

    /// Its sessions are limited from now on, or no more.
    mutating func limit(by places: ListenerPlaces?) {
        self.places = places
        isLimited = places != nil
    }

    /// Its clients are asked for something else from now on.
    mutating func set(_ rules: ListenerRules?) {
        if rules?.standing !== self.rules?.standing { door = nil }
        self.rules = rules
        hasRules = rules != nil
    }

    /// Applies other settings, for which the socket stays the same. `backlog` is that of listeners without one.
    mutating func apply(_ settings: Configuration.ListenerSettings, backlog: Int?) {
        guard settings != self.settings else { return }
        let old = self.settings.socketOptions
        if settings.name != name { (nameNumber, origin) = (nil, nil) }
        self.settings = settings
        self.backlog = settings.backlog.map(Int.init) ?? backlog
        let new = settings.socketOptions
        acceptor.listener.change(
            keepalive: new.keepalive?.settings,
            userTimeout: new.userTimeout == old.userTimeout ? nil : new.userTimeoutMilliseconds, backlog: self.backlog)
    }
}

extension Configuration.ListenerSettings {
    /// Gives the file of a Unix socket that exists its permissions and owner, where these are others than `old` says.
    func changeFile(from old: Self) throws(SystemCallError) {
        guard let path = socketPath, let unix, unix != old.unix else { return }
        // Without an owner in the configuration, it is the process's own again.
        try SocketFile.change(
            path, mode: unix.mode == old.unix?.mode ? nil : mode_t(unix.mode),
            owner: unix.owner == old.unix?.owner ? nil : unix.owner ?? geteuid(),
            group: unix.group == old.unix?.group ? nil : unix.group ?? getegid())
    }
}

/// A Unix socket that the balancer has made, with its path.
private struct UnixListener: ~Copyable {
    let listener: Listener
    let file: SocketFile?

    init(
        _ settings: Configuration.ListenerSettings, _ path: String, backlog: Int?
    ) throws(SystemCallError) {
        let temporary = try Self.temporaryAddress(for: path)
        do throws(SystemCallError) {
            let listener = try Listener(
                temporary, backlog: backlog, mode: settings.unix.map { mode_t($0.mode) }, owner: settings.unix?.owner,
                group: settings.unix?.group, movingTo: settings.address)
            let file = try SocketFile(moving: temporary, to: path)
            self.listener = listener
            self.file = consume file
        } catch {
            SocketFile.discard(temporary)
            // Not the temporary path, which means nothing to the operator.
            throw SystemCallError(call: error.call, subject: "unix:\(path)", errno: error.errno)
        }
    }

    /// Where a Unix socket is bound before it is moved to its path: then nobody can connect before it has its permissions,
    /// and the socket of a process that was killed is replaced. Where a process listens, the path is in use.
    private static func temporaryAddress(for path: String) throws(SystemCallError) -> SocketAddress {
        guard !SocketFile.isInUse(path) else {
            throw SystemCallError(call: "bind", subject: "unix:\(path)", errno: Errno(rawValue: EADDRINUSE))
        }
        guard let address = SocketFile.temporaryAddress(for: path) else {
            throw SystemCallError(call: "bind", subject: "unix:\(path)", errno: .nameTooLong)
        }
        return address
    }
}
