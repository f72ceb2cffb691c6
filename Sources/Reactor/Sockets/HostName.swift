/// A host by its name, and a port there.
public struct HostName: Hashable, Sendable {
    /// The name.
    public let host: String
    /// The port.
    public let port: UInt16
    /// `AF_INET` or `AF_INET6`: of a name that has both, addresses of this family are taken.
    public let preferredFamily: CInt

    /// A name that is looked up when it is needed.
    public init(host: String, port: UInt16, preferredFamily: CInt) {
        self.host = host
        self.port = port
        self.preferredFamily = preferredFamily
    }

    /// The one address that stands for the host; nil when there is none.
    ///
    /// `current` for as long as the name still has it: name servers turn the order of their answers, and nobody should
    /// be moved by that. Otherwise the first of the preferred family, otherwise the first.
    public func choose(from addresses: [SocketAddress], current: SocketAddress? = nil) -> SocketAddress? {
        if let current, addresses.contains(current) { return current }
        return addresses.first { $0.family == preferredFamily } ?? addresses.first
    }
}
