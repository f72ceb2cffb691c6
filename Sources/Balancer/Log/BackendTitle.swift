import Reactor

/// The name of a backend in log lines.
enum BackendTitle: Hashable, Sendable {
    case address(SocketAddress)
    /// While its name has no address.
    case name(HostName)

    var port: UInt16 {
        switch self {
        case .address(let address): address.port
        case .name(let name): name.port
        }
    }
}
