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
}
