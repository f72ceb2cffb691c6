import Reactor

/// Several source addresses of connections to one backend, which take turns. Each has ports of its own, so that there may
/// be more connections than one has ports for.
///
/// The sockets are always bound, with IP_BIND_ADDRESS_NO_PORT (``Stream/init(for:from:)``): then connect(2) chooses the
/// port, and fails with EADDRNOTAVAIL when the address has none left towards this backend.
struct SourceTurns {
    private let sources: [SocketAddress]
    private var next = 0

    /// Turns of at least two sources; with fewer there are none, and ``count`` is 0.
    init(_ sources: [SocketAddress]) {
        self.sources = sources.count > 1 ? sources : []
    }

    /// How many take turns.
    @inline(__always) var count: Int { sources.count }

    /// The source whose turn it is; nil where there are no turns.
    mutating func take() -> SocketAddress? {
        guard !sources.isEmpty else { return nil }
        defer { next = next + 1 == sources.count ? 0 : next + 1 }
        return sources[next]
    }
}
