import Reactor

/// The source address of connections to a backend, and whether sockets must be bound to get it.
///
/// For most backends the kernel chooses the wanted address by itself. A bind then changes nothing, and costs two calls
/// and a tenth of a short session. So probes connect without a bind and check which address was chosen; sessions are
/// spared the bind while the last probe found the wanted one. Once a probe found another, all sockets are bound.
///
/// Of several sources, which sessions use in turn, all sockets are bound. Probes use the first, and when that has no port or
/// this machine does not have it, the next.
struct SourceBinding {
    private let sources: [SocketAddress]
    /// The place of the source that probes use.
    private var turn = 0
    private var knowledge = Knowledge.untested

    private enum Knowledge {
        /// No probe has checked yet.
        case untested
        /// The kernel chose the wanted address.
        case implied
        /// It chose another.
        case needed
    }

    /// One source, or nil to leave the choice to the kernel.
    init(_ wanted: SocketAddress?) {
        self.init(among: wanted.map { [$0] } ?? [])
    }

    /// Several sources, one, or none.
    init(among sources: [SocketAddress]) {
        self.sources = sources
        if sources.count > 1 { knowledge = .needed }
    }

    /// nil leaves the choice to the kernel.
    var wanted: SocketAddress? { sources.isEmpty ? nil : sources[turn] }

    /// Lets probes use the next source. False when each has had its turn, or there is no other.
    mutating func takeNext() -> Bool {
        guard sources.count > 1 else { return false }
        turn = turn + 1 == sources.count ? 0 : turn + 1
        return turn != 0
    }

    /// What a session's socket is bound to.
    var forSessions: SocketAddress? { knowledge == .implied ? nil : sources.first }

    /// What a probe's socket is bound to.
    var forProbes: SocketAddress? { knowledge == .needed ? wanted : nil }

    /// A probe must check what the kernel chose.
    var needsCheck: Bool { wanted != nil && knowledge != .needed }

    /// Records what the kernel chose for a probe without a bind. False when that was the wrong address.
    mutating func note(chosen: SocketAddress?) -> Bool {
        guard let wanted, knowledge != .needed else { return true }
        knowledge = chosen?.with(port: 0) == wanted.with(port: 0) ? .implied : .needed
        return knowledge == .implied
    }
}
