import Reactor

/// The name of a backend in log lines.
indirect enum BackendTitle: Hashable, Sendable {
    case address(SocketAddress)
    /// While its name has no address.
    case name(HostName)
    /// What the operator calls it, and what it would be called otherwise.
    case label(String, BackendTitle)

    var port: UInt16 {
        switch self {
        case .address(let address): address.port
        case .name(let name): name.port
        case .label(_, let title): title.port
        }
    }
}
