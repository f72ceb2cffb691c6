import Balancer
import Glibc
import Reactor
import Wording

/// What a command line says that stands for a file: addresses to listen on, and the backends of one pool. Everything else is
/// as in a file that does not say it.
public struct OneLine: Sendable {
    /// Where clients come in; at least one.
    public var listen: [BindAddress]
    /// The backends, in the order of round robin; at least one.
    public var backends: [HostPort]
    /// The source addresses of connections to the backends; none leaves it to the kernel.
    public var sources: [SocketAddress]
    /// How many loops share the work.
    public var threads: Int
    /// The path of the administration socket; nil for none.
    public var adminSocket: String?
    /// The addresses for administration over HTTP.
    public var adminHTTP: [SocketAddress]

    /// Which lines the log has.
    public static let log = LogSettings.standard

    /// What the arguments say.
    public init(
        listen: [BindAddress], backends: [HostPort], sources: [SocketAddress] = [], threads: Int = 1,
        adminSocket: String? = nil, adminHTTP: [SocketAddress] = []
    ) {
        self.listen = listen
        self.backends = backends
        self.sources = sources
        self.threads = threads
        self.adminSocket = adminSocket
        self.adminHTTP = adminHTTP
    }

    /// An address to listen on, as an argument: `0.0.0.0:80`, `[::]:80`, `10.0.0.9:9000-9010`.
    public static func listenAddress(_ argument: String) throws(ArgumentFault) -> BindAddress {
        guard !argument.hasPrefix("/"), !argument.hasPrefix("unix:") else {
            throw ArgumentFault("a Unix socket needs a configuration file, with 'bind: {unix: PATH}'")
        }
        return try AddressForms.bind(argument)
    }

    /// An address for administration over HTTP as an argument: `127.0.0.1:9180`. Another than loopback needs a token, which only
    /// a file names.
    public static func adminAddress(_ argument: String) throws(ArgumentFault) -> SocketAddress {
        let addresses = try AddressForms.bind(argument).addresses
        guard addresses.count == 1, let address = addresses.first else {
            throw ArgumentFault("one address and one port are needed, as in 127.0.0.1:9180")
        }
        guard address.isLoopback else {
            throw ArgumentFault(
                "an address of loopback is needed, as in 127.0.0.1:9180: others can be reached from elsewhere, which needs a "
                    + "file with administration.http and administration.token_file")
        }
        return address
    }

    /// A source address as an argument: `10.0.0.254`.
    public static func source(_ argument: String) throws(ArgumentFault) -> SocketAddress {
        try AddressForms.source(argument)
    }

    /// The configuration; the error says what cannot be done.
    public func configuration(_ resources: Resources) throws(ConfigurationError) -> Configuration {
        let addresses = listen.flatMap(\.addresses)
        try check(addresses, resources.sockets ?? [])
        let family = sources.first?.family ?? addresses.first?.family ?? AF_INET
        let targets = backends.map { $0.backend(preferring: family) }
        let administration = Configuration.Administration(socket: resources.adminSocket(adminSocket), http: adminHTTP)
        return try Configuration(
            listeners: addresses.map {
                .init(address: $0, name: Document.listenerName, isIPv6Only: $0.hasCompanion(among: addresses))
            },
            pools: [.init(backends: targets, sources: sources)],
            limits: resources.limits(
                listeners: addresses.count, backends: targets.count, threads: threads, warmConnections: 0,
                sessionsMax: nil, isAdministered: administration.isOn),
            log: Self.log, threads: threads,
            administration: administration)
    }
}

extension OneLine {
    /// What the kernel would refuse without saying why.
    private func check(_ addresses: [SocketAddress], _ sockets: [InheritedSocket]) throws(ConfigurationError) {
        for (place, one) in addresses.enumerated() {
            for other in addresses[..<place]
            where one.port == other.port && one.family == other.family && one.isWildcard != other.isWildcard {
                let (all, single) = one.isWildcard ? (one, other) : (other, one)
                throw ConfigurationError(
                    "--listen \(all) stands for every address, also \(single): leave one out, or change its port")
            }
        }
        if let socket = sockets.first(where: { $0.name != Resources.adminSocketName }) {
            throw ConfigurationError(
                "the service manager hands over the socket '\(socket.name)' (\(socket.address)), and --listen makes its "
                    + "own: use a file with 'bind: {systemd: \(socket.name)}', or disable the socket unit")
        }
    }
}

extension HostPort {
    /// As a backend. A name is looked up by the running balancer, beside its loop: a name server that does not answer delays
    /// no start.
    fileprivate func backend(preferring family: CInt) -> Configuration.Backend {
        if let address = host.address(port: port.rawValue) { return .init(address: address) }
        return .init(
            name: HostName(host: host.text, port: port.rawValue, preferredFamily: family), address: nil)
    }
}

extension SocketAddress {
    /// True of `[::]:80` where there is an IPv4 address with this port too: each then has its own family's clients.
    /// Otherwise `[::]:80` has those of both.
    func hasCompanion(among addresses: some Sequence<SocketAddress>) -> Bool {
        family == AF_INET6 && isWildcard && addresses.contains { $0.family == AF_INET && $0.port == port }
    }
}
