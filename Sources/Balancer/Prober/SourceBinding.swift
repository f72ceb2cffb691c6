import Reactor

/// The source address of connections to a backend, and whether sockets must be bound to get it.
///
/// For most backends the kernel chooses the wanted address by itself. A bind then changes nothing, and costs two calls
/// and a tenth of a short session. So probes connect without a bind and check which address was chosen; sessions are
/// spared the bind while the last probe found the wanted one. Once a probe found another, all sockets are bound.
struct SourceBinding {
    /// nil leaves the choice to the kernel.
    let wanted: SocketAddress?
    private var knowledge = Knowledge.untested

    private enum Knowledge {
        /// No probe has checked yet.
        case untested
        /// The kernel chose the wanted address.
        case implied
        /// It chose another.
        case needed
    }

    init(_ wanted: SocketAddress?) {
        self.wanted = wanted
    }

    /// What a session's socket is bound to.
    var forSessions: SocketAddress? { knowledge == .implied ? nil : wanted }

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
