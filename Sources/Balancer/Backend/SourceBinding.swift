import Reactor

/// The address that connections to a backend come from, and whether sockets must be bound for it.
///
/// Towards most backends the kernel chooses the wanted address of its own. A bind then changes nothing, and costs two
/// calls and a tenth of a short session. So the probes are made without one and look at what was chosen; sessions are
/// spared the bind while the last probe has found the wanted address. Once another was found, everything is bound.
struct SourceBinding {
    /// nil leaves the choice to the kernel.
    let wanted: SocketAddress?
    private var state = State.untested

    private enum State {
        /// No probe has looked yet.
        case untested
        /// The kernel chose the wanted address.
        case implied
        /// It chose another.
        case needed
    }

    init(_ wanted: SocketAddress?) {
        self.wanted = wanted
    }

    /// Towards a backend of another family no source is wanted.
    init(_ wanted: SocketAddress?, towards backend: SocketAddress) {
        self.wanted = wanted.flatMap { $0.family == backend.family ? $0 : nil }
    }

    /// What a session's socket is bound to.
    var forSessions: SocketAddress? { state == .implied ? nil : wanted }

    /// What a probe's socket is bound to.
    var forProbes: SocketAddress? { state == .needed ? wanted : nil }

    /// A probe is to look at what the kernel chose.
    var wantsLook: Bool { wanted != nil && state != .needed }

    /// Takes in what the kernel chose for a probe that was not bound. False when the probe came from the wrong address.
    mutating func note(chosen: SocketAddress?) -> Bool {
        guard let wanted, state != .needed else { return true }
        state = chosen?.with(port: 0) == wanted.with(port: 0) ? .implied : .needed
        return state == .implied
    }
}
